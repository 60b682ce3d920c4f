"""What the window says of trainings while something else is shown: a line above the page, and one at its foot."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton

from brats_viewer.controls import Line, button
from brats_viewer.names import duration
from brats_viewer.theme import icon
from brats_viewer.training import Run, place_line, stage_name
from brats_viewer.training_session import TrainingSession
from engine.runs.state import Stage


class TrainingNotice(QFrame):
    """Says that a training runs which the window did not start, or that one has ended, and leads to it."""

    watch_asked = Signal(object)
    """The path of a run's folder."""
    results_asked = Signal(object)
    """The `Run` whose results a person wants to see."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self.setObjectName("training-notice")
        self._run: Run | None = None
        self._line = Line()
        self._watch = button("Watch it", "link", "Show the training")
        self._watch.clicked.connect(self._ask)
        dismiss = QToolButton()
        dismiss.setIcon(icon("close", QPalette.ColorRole.PlaceholderText))
        dismiss.setToolTip("Dismiss")
        dismiss.setAccessibleName("Dismiss")
        dismiss.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 6, 8, 6)
        layout.setSpacing(16)
        layout.addWidget(self._line, 1)
        layout.addWidget(self._watch, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignTop)
        training.run_found.connect(self.show_found)
        training.run_ended.connect(self.show_ended)
        training.run_started.connect(self.hide)
        training.watched_changed.connect(self._hide_watched)
        self.hide()

    def text(self) -> str:
        """The line; empty while nothing is shown."""
        return "" if self.isHidden() else self._line.text()

    def show_found(self, run: Run) -> None:
        """Say that a training runs."""
        self._show(run, f"“{run.name}” is being trained: {_place(run)}", "Watch it", "")

    def show_ended(self, run: Run) -> None:
        """Say that a training has ended."""
        tone = {Stage.FINISHED: "success", Stage.FAILED: "danger", Stage.INTERRUPTED: "warning"}.get(run.stage, "")
        self._show(run, ended_line(run), "See its results" if run.stage is Stage.FINISHED else "See it", tone)

    def _show(self, run: Run, line: str, link: str, tone: str) -> None:
        self._run = run
        self._line.setText(line)
        self._line.setProperty("tone", tone)
        self._line.style().polish(self._line)
        self._watch.setText(link)
        self.show()

    def _hide_watched(self) -> None:
        watched = self._training.watched
        if self._run and watched and watched.folder == self._run.folder:
            self.hide()

    def _ask(self) -> None:
        self.hide()
        if self._run:
            self.watch_asked.emit(self._run.folder)
            if self._run.stage is Stage.FINISHED:
                self.results_asked.emit(self._run)


class TrainingIndicator(QPushButton):
    """How far the training is that runs now; hidden while none does."""

    watch_asked = Signal(object)
    """The path of the run's folder."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self.setProperty("kind", "link")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Show the training")
        self.clicked.connect(self._ask)
        training.runs_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        alive = self._training.alive
        self.setVisible(bool(alive))
        if alive:
            self.setText(indicator_line(alive[0], len(alive) - 1))
            self.setAccessibleName(self.text())

    def _ask(self) -> None:
        if self._training.alive:
            self.watch_asked.emit(self._training.alive[0].folder)


def indicator_line(run: Run, others: int) -> str:
    """How far a run is and how much longer it takes, in few words."""
    left = run.state.seconds_left if run.state else None
    parts = [stage_name(run.stage)]
    if run.fraction:
        parts.append(f"{100 * run.fraction:.0f} %")
    if left and run.stage is not Stage.PAUSED:
        parts.append(f"about {duration(left)} left")
    if others:
        parts.append(f"and {others} more")
    return "  ·  ".join(parts)


def ended_line(run: Run) -> str:
    """How a run ended, as a line."""
    reason = f": {run.message}" if run.stage is Stage.FAILED and run.message else ""
    words = {
        Stage.FINISHED: "has finished; its model is in the list of models",
        Stage.STOPPED: "was stopped; it can be resumed",
        Stage.FAILED: "has failed",
        Stage.INTERRUPTED: "was interrupted; it can be resumed",
    }
    return f"The training “{run.name}” {words.get(run.stage, 'has ended')}{reason}"


def _place(run: Run) -> str:
    said = place_line(run) or stage_name(run.stage)
    return said[:1].lower() + said[1:]
