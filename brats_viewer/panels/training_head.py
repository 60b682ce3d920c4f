"""How far the watched run is, what it is told, and where its results are."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from brats_viewer.controls import Elided, FailureLine, Line, button
from brats_viewer.training import Run, pace_line, place_line, printed, stage_name, stage_tone, what_it_trains
from brats_viewer.training_session import TrainingSession
from engine.runs.state import Command, Stage

_PER_MILLE = 1000
_ASKED = {Command.PAUSE: "Pausing after this step…", Command.GO: "Going on…", Command.STOP: "Stopping after this step…"}
_LINKS = {
    "results": ("Results of its validation cases", "The Dice of every validation case, the worst first"),
    "use": ("Segment with this model", "Choose its model for the next segmentation"),
    "evaluate": ("See its cases", "Open its data set as a table, to evaluate the model on"),
    "why": ("Copy details", "Copy what a developer needs to find why it ended"),
    "folder": ("Show its folder", "The run's folder: settings, log, curves, models"),
}


class TrainingHead(QWidget):
    """The name and the state of the watched run in words and as a bar, with the buttons that command it."""

    results_asked = Signal(object)
    """The `Run` whose table of validation cases a person wants to see."""
    evaluate_asked = Signal(object)
    """The `Run` whose cases a person wants to see and evaluate on."""
    use_asked = Signal(object)
    """The `Run` whose model a person wants to segment with."""
    folder_asked = Signal(object)
    """The path of a folder that a person wants to see."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self._name, self._stage, self._about = QLabel(), QLabel(), Elided()
        self._bar, self._place, self._pace = QProgressBar(), QLabel(), Elided()
        self._message, self._asked, self._failed = Line(), Line(tone="muted"), FailureLine()
        self._pause, self._resume = button("Pause"), button("Resume", "primary", "Go on from its last checkpoint")
        self._stop = button("Stop", tip="Keep what it has learnt and end; it can be resumed")
        self.links = {name: button(text, "link", tip) for name, (text, tip) in _LINKS.items()}
        self._lay_out()
        for changed in (
            training.runs_changed,
            training.watched_changed,
            training.starting.changed,
            training.telling.changed,
        ):
            changed.connect(self._show)
        self._pause.clicked.connect(training.pause_or_go)
        self._stop.clicked.connect(training.stop)
        self._resume.clicked.connect(training.resume)
        acts: dict[str, Callable[[Run], object]] = {
            "results": self.results_asked.emit,
            "use": self.use_asked.emit,
            "evaluate": self.evaluate_asked.emit,
            "why": _copy_details,
            "folder": lambda run: self.folder_asked.emit(run.folder),
        }
        for name, act in acts.items():
            self.links[name].clicked.connect(partial(self._with_run, act))
        self._show()

    def _lay_out(self) -> None:
        self._name.setObjectName("heading")
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setProperty("tone", "muted")
        self._pace.setProperty("tone", "muted")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("How far the training is")
        title, place, links = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        title.setSpacing(12)
        title.addWidget(self._name)
        title.addWidget(self._stage)
        title.addWidget(self._about, 1)
        for control in (self._pause, self._resume, self._stop):
            title.addWidget(control)
        place.setSpacing(16)
        place.addWidget(self._place)
        place.addWidget(self._pace, 1)
        links.setSpacing(18)
        for link in self.links.values():
            links.addWidget(link)
        links.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(title)
        column.addWidget(self._bar)
        column.addLayout(place)
        for part in (self._message, self._asked, self._failed):
            column.addWidget(part)
        column.addLayout(links)

    def _with_run(self, act: Callable[[Run], object], *_: object) -> None:
        run = self._training.watched
        if run:
            act(run)

    def _show(self) -> None:
        training, run = self._training, self._training.watched
        lanes = (training.starting, training.telling)
        self._failed.show_failure(next((lane.failure for lane in lanes if lane.failure), None))
        if run is None:
            return
        asked = training.asked_of(run.folder)
        self._name.setText(run.name)
        self._name.setToolTip(str(run.folder))
        self._about.setText(what_it_trains(run))
        _say(self._stage, stage_name(run.stage), stage_tone(run.stage))
        self._show_progress(run)
        self._place.setText(place_line(run))
        self._pace.setText(pace_line(run))
        tone = {Stage.FAILED: "danger", Stage.INTERRUPTED: "warning"}.get(run.stage, "muted")
        _say(self._message, message_line(run), tone)
        self._asked.setText("Starting the process…" if training.starting.is_running else _ASKED[asked] if asked else "")
        self._show_controls(run, asked)

    def _show_progress(self, run: Run) -> None:
        state = run.state
        waits = run.is_alive and run.stage in (Stage.STARTING, Stage.PREPARING) and not (state and state.total)
        self._bar.setRange(0, 0 if waits else _PER_MILLE)
        self._bar.setValue(round(run.fraction * _PER_MILLE))

    def _show_controls(self, run: Run, asked: Command | None) -> None:
        paused = run.stage is Stage.PAUSED
        free = asked is None and not self._training.starting.is_running
        for control in (self._pause, self._stop):
            control.setVisible(run.is_alive)
        self._pause.setEnabled(free and run.stage is not Stage.STARTING)
        self._stop.setEnabled(asked is not Command.STOP and run.stage is not Stage.STARTING)
        self._pause.setText("Go on" if paused else "Pause")
        self._pause.setToolTip(
            "Go on with the training" if paused else "Stand still after this step, and keep the memory"
        )
        self._resume.setVisible(run.can_resume)
        self._resume.setEnabled(free)
        finished = run.stage is Stage.FINISHED
        self.links["why"].setVisible(run.stage in (Stage.FAILED, Stage.INTERRUPTED))
        self.links["results"].setVisible(finished and run.table.is_file())
        self.links["use"].setVisible(finished)
        self.links["evaluate"].setVisible(bool(finished and run.source and run.source.dataset))


def message_line(run: Run) -> str:
    """What a run has to say beside where it is, see `place_line`."""
    said = "" if run.is_alive else run.message
    if run.stage is Stage.INTERRUPTED:
        said = "Its process ended without a word: it was killed, or the machine went off. What it had learnt is kept."
    elif run.stage is Stage.STOPPED and run.state is not None and not said:
        said = "What it had learnt is kept; it can be resumed."
    return said[:1].upper() + said[1:]


def _copy_details(run: Run) -> None:
    QGuiApplication.clipboard().setText(f"{run.folder}\n{run.message}\n\n{printed(run)}")


def _say(label: QLabel, text: str, tone: str) -> None:
    label.setText(text)
    if label.property("tone") != tone:
        label.setProperty("tone", tone)
        label.style().polish(label)
