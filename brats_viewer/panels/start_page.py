"""What the window shows before a case is open: how to open one."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from brats_viewer.controls import Elided, Line, button
from brats_viewer.theme import icon
from engine import RESEARCH_USE

THUMBNAIL = QSize(44, 44)


class StartPage(QScrollArea):
    """The empty state: open a folder, drop one, take the sample case, or one of the recent cases."""

    open_asked = Signal()
    cohort_asked = Signal()
    sample_asked = Signal()
    recent_asked = Signal(object)
    """The path of a recent case."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recent_title = Line("Recent cases", "muted")
        self._recent = QVBoxLayout()
        self._recent.setSpacing(0)
        self._drop = self._lay_out_drop()
        column = QVBoxLayout()
        column.setSpacing(14)
        column.addWidget(self._drop)
        column.addWidget(self._recent_title)
        column.addLayout(self._recent)
        note = QLabel(RESEARCH_USE)
        note.setProperty("tone", "muted")
        note.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addLayout(column, 6)
        middle.addStretch(1)
        content = QWidget()
        content.setObjectName("column")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.addStretch(2)
        layout.addLayout(middle)
        layout.addStretch(3)
        layout.addWidget(note)
        self.setWidgetResizable(True)
        self.setWidget(content)

    def _lay_out_drop(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("drop")
        self._picture = QLabel()
        self._paint_picture()
        heading = QLabel("Open a case")
        heading.setObjectName("heading")
        advice = Line(
            "Drop a folder with T1, T1CE, T2 and FLAIR images here: any year's BraTS layout, Decathlon, UCSF-PDGM or "
            "UPENN-GBM.\nA folder of many cases opens as a table.",
            "muted",
        )
        advice.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        choose, sample = button("Open folder…", "primary"), button("Open the sample case")
        cohort = button("Open folder of cases…")
        choose.clicked.connect(self.open_asked)
        cohort.clicked.connect(self.cohort_asked)
        sample.clicked.connect(self.sample_asked)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for choice in (choose, cohort, sample):
            buttons.addWidget(choice)
        buttons.addStretch(1)
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(24, 32, 24, 32)
        layout.setSpacing(12)
        for widget in (self._picture, heading):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(advice)
        layout.addLayout(buttons)
        return frame

    def _paint_picture(self) -> None:
        self._picture.setPixmap(icon("brain", QPalette.ColorRole.Link).pixmap(QSize(56, 56)))

    def changeEvent(self, event: QEvent) -> None:
        """Paint the picture anew in another theme's colour."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_picture()

    def set_drop_active(self, active: bool) -> None:
        """Show that what is being dragged would be taken."""
        self._drop.setProperty("active", active)
        self._drop.style().unpolish(self._drop)
        self._drop.style().polish(self._drop)

    def set_recent(self, cases: Sequence[tuple[Path, Path]]) -> None:
        """Offer cases to be opened again: the path of each, and that of its small picture, which may not be there."""
        while item := self._recent.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        self._recent_title.setVisible(bool(cases))
        for path, picture in cases:
            self._recent.addWidget(_recent_row(path, picture, partial(self.recent_asked.emit, path)))


def _recent_row(path: Path, picture: Path, chosen: Callable[[], None]) -> QPushButton:
    row = button("", "row", str(path))
    row.setAccessibleName(path.name)
    row.clicked.connect(chosen)
    thumbnail = QLabel()
    thumbnail.setFixedSize(THUMBNAIL)
    thumbnail.setObjectName("thumbnail")
    thumbnail.setPixmap(QIcon(str(picture)).pixmap(THUMBNAIL, row.devicePixelRatio()))
    name, folder = QLabel(path.name), Elided(str(path.parent), Qt.TextElideMode.ElideMiddle)
    folder.setProperty("tone", "muted")
    layout = QHBoxLayout(row)
    layout.setContentsMargins(10, 0, 10, 0)
    layout.setSpacing(12)
    layout.addWidget(thumbnail)
    layout.addWidget(name)
    layout.addWidget(folder, 1)
    for label in (thumbnail, name, folder):
        label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    row.setMinimumHeight(THUMBNAIL.height() + 12)
    return row
