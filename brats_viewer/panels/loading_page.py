"""What the window shows while a case is being loaded."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from brats_viewer.controls import button
from brats_viewer.names import stage_line
from brats_viewer.session import Session


class LoadingPage(QWidget):
    """The loading state: what is being read, and a button that stops it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lane = session.opening
        self._stage, self._bar = QLabel(), QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(320)
        cancel = button("Cancel")
        cancel.clicked.connect(self._lane.cancel)
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addStretch(2)
        for widget in (self._stage, self._bar, cancel):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        for changed in (self._lane.changed, self._lane.progressed):
            changed.connect(self._show)

    def _show(self) -> None:
        progress = self._lane.progress
        if progress:
            self._stage.setText(stage_line(progress))
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)
