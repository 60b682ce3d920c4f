"""The page of trainings: the list of all runs beside the watched one's state, its curves, and a case as it learns."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.controls import Line, button
from brats_viewer.curves import Curves
from brats_viewer.display import Palette
from brats_viewer.panels.training_curves import TrainingCurves
from brats_viewer.panels.training_head import TrainingHead
from brats_viewer.panels.training_preview import PreviewPicture
from brats_viewer.panels.training_runs import RunList
from brats_viewer.theme import icon
from brats_viewer.training_session import TrainingSession
from engine.runs.preview import Preview

_EVENTS = 40
_WIDE_PX, _MEDIUM_PX = 1060, 700
"""From these widths on three columns stand beside each other, or two."""
_LIST_PX, _SIDE_PX = 232, 264
_LIST_HEIGHT_PX, _SIDE_HEIGHT_PX = 190, 220
"""Of what stands above or below the curves where there is no room beside them."""
_NO_LIMIT = 16777215  # Qt's QWIDGETSIZE_MAX


class TrainingPanel(QWidget):
    """Everything about the watched run, beside the list of all runs."""

    train_asked = Signal()
    """A person wants to train a model."""
    open_asked = Signal()
    """A person wants to choose a run from elsewhere."""
    back_asked = Signal()

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training, self._palette = training, Palette.STANDARD
        self.setObjectName("training")
        self.runs, self.head, self.curves = RunList(training), TrainingHead(training), TrainingCurves(training)
        self.picture, self._case, self._events = PreviewPicture(), Line(tone="muted"), Line(tone="muted")
        self._pages, self._body = QStackedWidget(), QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._list, self._side = self._lay_out_list(), QWidget()
        self._main, self._beside = (
            QBoxLayout(QBoxLayout.Direction.LeftToRight),
            QBoxLayout(QBoxLayout.Direction.TopToBottom, self._side),
        )
        self._lay_out()
        self.runs.watch_asked.connect(training.watch)
        self.runs.compare_asked.connect(lambda folder, beside: training.compare(folder, beside=beside))
        training.runs_changed.connect(self._show_page)
        training.watched_changed.connect(self._show)
        training.curves_changed.connect(self._show_events)
        training.preview_changed.connect(self._show_preview)
        self._show()

    # Layout

    def _lay_out(self) -> None:
        self._pages.addWidget(self._lay_out_empty())
        self._pages.addWidget(self._lay_out_run())
        content = QWidget()
        content.setObjectName("column")
        self._body.setContentsMargins(16, 12, 16, 12)
        self._body.setSpacing(16)
        self._body.addWidget(self._list)
        self._body.addWidget(self._pages, 1)
        content.setLayout(self._body)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        self._body.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def _lay_out_list(self) -> QWidget:
        holder = QWidget()
        back = button("Back", tip="Back to the case")
        back.setIcon(icon("arrow-left"))
        back.clicked.connect(self.back_asked)
        train = button("Train a model…", "primary", "Set a training up and start it")
        train.clicked.connect(self.train_asked)
        other = button("Open a run…", "link", "Open the folder of a run that was made elsewhere")
        other.clicked.connect(self.open_asked)
        heading = QLabel("Trainings")
        heading.setObjectName("card-title")
        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(back)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.runs, 1)
        column.addWidget(other)
        column.addWidget(train)
        return holder

    def _lay_out_empty(self) -> QWidget:
        page = QWidget()
        heading = QLabel("Train a model on your own cases")
        heading.setObjectName("heading")
        advice = Line(
            "Choose a folder of cases with truth, press Start, and watch it learn. "
            "A training goes on when the window is closed, and survives a power cut.",
            "muted",
        )
        advice.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        train = button("Train a model…", "primary")
        train.clicked.connect(self.train_asked)
        layout = QVBoxLayout(page)
        layout.setSpacing(12)
        layout.addStretch(1)
        layout.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(advice)
        layout.addWidget(train, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        return page

    def _lay_out_run(self) -> QWidget:
        page = QWidget()
        self._beside.setContentsMargins(0, 0, 0, 0)
        self._beside.setSpacing(8)
        self._beside.addWidget(self.picture, 3)
        said = QVBoxLayout()
        said.addWidget(self._case)
        said.addWidget(self._events)
        said.addStretch(1)
        self._beside.addLayout(said, 2)
        self._main.setSpacing(16)
        self._main.addWidget(self.curves, 1)
        self._main.addWidget(self._side)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.head)
        layout.addLayout(self._main, 1)
        return page

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put beside each other what there is room for, and the rest below."""
        super().resizeEvent(event)
        along, width = QBoxLayout.Direction, event.size().width()
        wide, medium = width >= _WIDE_PX, width >= _MEDIUM_PX
        self._main.setDirection(along.LeftToRight if wide else along.TopToBottom)
        self._beside.setDirection(along.TopToBottom if wide else along.LeftToRight)
        self._body.setDirection(along.LeftToRight if medium else along.TopToBottom)
        _limit(self._side, width=_SIDE_PX if wide else None, least_height=0 if wide else _SIDE_HEIGHT_PX)
        _limit(self._list, width=_LIST_PX if medium else None, height=None if medium else _LIST_HEIGHT_PX)

    # What the session says

    def set_palette(self, palette: Palette) -> None:
        """Draw labels and regions in other colours."""
        if palette is not self._palette:
            self._palette = palette
            self.curves.set_palette(palette)
            self._show_preview()

    def _show(self) -> None:
        self._show_page()
        self._show_events()
        self._show_preview()

    def _show_page(self) -> None:
        training = self._training
        self._pages.setCurrentIndex(0 if training.watched is None else 1)
        self._list.setVisible(bool(training.runs) or training.watched is not None)

    def _show_events(self) -> None:
        self._events.setText(events_text(self._training.curves))

    def _show_preview(self) -> None:
        preview = self._training.preview
        self.picture.show_preview(preview, self._palette)
        self._case.setText(preview_line(preview) if preview else "")

    def sizeHint(self) -> QSize:
        """The whole of the window."""
        return QSize(1200, 760)


def preview_line(preview: Preview) -> str:
    """Which case the picture is of, and how well it is marked."""
    return f"{preview.case}, step {preview.step:,}\nDice {preview.dice:.3f}"


def events_text(curves: Curves) -> str:
    """What happened, the latest first, a line each."""
    latest = list(reversed(curves.events))[:_EVENTS]
    return "\n".join(f"Step {event.step:,}: {event.text}" for event in latest)


def _limit(widget: QWidget, *, width: int | None, height: int | None = None, least_height: int = 0) -> None:
    """Fix a widget's width or height; one that is None is free."""
    widget.setMinimumSize(width or 0, height or least_height)
    widget.setMaximumSize(width or _NO_LIMIT, height or _NO_LIMIT)
