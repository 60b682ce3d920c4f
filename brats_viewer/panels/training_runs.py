"""The list of runs: which is watched, how each is, and whose curves are laid beside it."""

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from brats_viewer.controls import Elided, Line
from brats_viewer.training import Run, stage_name, stage_tone, what_it_trains
from brats_viewer.training_session import TrainingSession

COMPARED = ("#e8743b", "#9b6cf2", "#2bb5a0", "#e0559a", "#9aa33a", "#6d8396")
"""Colours of the runs beside the watched one; of more the first comes again."""


def compared_colour(place: int) -> QColor:
    """The colour of the run at a place among those beside the watched one."""
    return QColor(COMPARED[place % len(COMPARED)])


class RunList(QWidget):
    """A row for each run: a click watches it, the tick lays its curves beside."""

    watch_asked = Signal(object)
    """The path of a run's folder."""
    compare_asked = Signal(object, bool)
    """The path of a run's folder, and whether its curves are to be beside the watched one's."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self._rows: dict[Path, _Row] = {}
        content = QWidget()
        content.setObjectName("column")
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._empty = Line("No training yet", "muted")
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._empty)
        layout.addWidget(area, 1)
        training.runs_changed.connect(self.show_runs)
        training.watched_changed.connect(self.show_runs)
        self.show_runs()

    def show_runs(self) -> None:
        """Show the runs as they are; a row stays the same widget, so that the focus stays with it."""
        training = self._training
        runs = training.runs
        for folder in [folder for folder in self._rows if folder not in [run.folder for run in runs]]:
            row = self._rows.pop(folder)
            self._column.removeWidget(row)
            row.deleteLater()
        beside = [run.folder for run in training.beside]
        for place, run in enumerate(runs):
            row = self._rows.get(run.folder) or self._add_row(run.folder)
            if self._column.indexOf(row) != place:
                self._column.removeWidget(row)
                self._column.insertWidget(place, row)
            watched = training.watched is not None and training.watched.folder == run.folder
            colour = compared_colour(beside.index(run.folder)) if run.folder in beside else None
            row.show_run(run, watched=watched, colour=colour)
        self._empty.setVisible(not runs)

    def _add_row(self, folder: Path) -> "_Row":
        row = self._rows[folder] = _Row()
        row.clicked.connect(lambda: self.watch_asked.emit(folder))
        row.beside.clicked.connect(lambda beside: self.compare_asked.emit(folder, beside))
        return row


class _Row(QPushButton):
    """A run's name, how it is, and whether it is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "row")
        self.setCheckable(True)
        self._mark = _Mark()
        self._name, self._stage, self._about = Elided(), QLabel(), Elided()
        self._about.setProperty("tone", "muted")
        self.beside = QCheckBox()
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._name)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._stage)
        line.addWidget(self._about, 1)
        words.addLayout(line)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(10)
        layout.addWidget(self._mark)
        layout.addLayout(words, 1)
        layout.addWidget(self.beside)
        for part in (self._mark, self._name, self._stage, self._about):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setMinimumHeight(2 * self.fontMetrics().height() + 18)

    def show_run(self, run: Run, *, watched: bool, colour: QColor | None) -> None:
        """Show a run as it is; colour: that of its curves beside the watched one's."""
        said = stage_name(run.stage)
        if run.is_alive and run.fraction:
            said = f"{said} {100 * run.fraction:.0f} %"
        self.setChecked(watched)
        self.setAccessibleName(f"{run.name}: {said}")
        self.setToolTip(f"{run.folder}\n{run.message}".strip())
        self._name.setText(run.name)
        if self._stage.text() != said or self._stage.property("tone") != stage_tone(run.stage):
            self._stage.setText(said)
            self._stage.setProperty("tone", stage_tone(run.stage))
            self._stage.style().polish(self._stage)
        self._about.setText(what_it_trains(run))
        self._mark.show_colour(self.palette().highlight().color() if watched else colour)
        self.beside.setVisible(not watched)
        self.beside.setChecked(colour is not None)
        self.beside.setToolTip("Lay its curves beside those of the watched run")
        self.beside.setAccessibleName(f"Compare {run.name}")


class _Mark(QWidget):
    """A bar in the colour of a run's curves; empty where they are not drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._colour: QColor | None = None
        self.setFixedSize(QSize(4, 30))

    def show_colour(self, colour: QColor | None) -> None:
        """Show a colour, or none."""
        self._colour = colour
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar."""
        if self._colour is not None:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._colour)
            painter.drawRoundedRect(self.rect(), 2, 2)
