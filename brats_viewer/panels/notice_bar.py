"""A line above the images that says what went wrong, until it is dismissed or the next attempt begins."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from brats_viewer.controls import Line, button
from brats_viewer.job import Failure, Lane
from brats_viewer.session import Session
from brats_viewer.theme import icon


class NoticeBar(QFrame):
    """Shows why opening, saving or exporting failed, and anything else it is told to."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._failures: dict[Lane, Failure | None] = dict.fromkeys((session.opening, session.saving, session.exporting))
        self._line, self._details = Line(tone="danger"), ""
        self._copy = button("Copy details", "link", "Copy what a developer needs to find the reason")
        self._copy.clicked.connect(self._copy_details)
        dismiss = QToolButton()
        dismiss.setIcon(icon("close", QPalette.ColorRole.PlaceholderText))
        dismiss.setToolTip("Dismiss")
        dismiss.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 6, 8, 6)
        layout.addWidget(self._line, 1)
        layout.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignTop)
        for lane in self._failures:
            lane.changed.connect(self._show_failure)
        self.hide()

    def text(self) -> str:
        """The line; empty while nothing is shown."""
        return "" if self.isHidden() else self._line.text()

    def show_line(self, line: str, details: str = "") -> None:
        """Show a line, with details that may be copied."""
        self._details = details
        self._copy.setVisible(bool(details))
        self._line.setText(line)
        self.show()

    def _show_failure(self) -> None:
        for lane, known in self._failures.items():
            if lane.failure is not known:
                self._failures[lane] = lane.failure
                if lane.failure:
                    self.show_line(lane.failure.line, f"{lane.failure.line}\n\n{lane.failure.details}")
                else:
                    self.hide()

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self._details)
