"""A training as the window knows it: the run's folder and what it says of itself, in words that a person reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from brats_viewer.names import duration
from engine.errors import TrainingError
from engine.runs.folder import BEST_FOLDER, CONFIG_FILE, MODEL_FOLDER, Source, read_config, read_source
from engine.runs.launch import OUTPUT_FILE
from engine.runs.settings import TrainConfig
from engine.runs.state import RunState, Stage
from engine.runs.status import status
from engine.runs.table import TABLE_FILE

_TONES = {Stage.FINISHED: "success", Stage.FAILED: "danger", Stage.INTERRUPTED: "warning", Stage.PAUSED: "warning"}
_NAMES = {
    Stage.STARTING: "Starting…",
    Stage.PREPARING: "Preparing cases",
    Stage.TRAINING: "Training",
    Stage.VALIDATING: "Validating",
    Stage.PAUSED: "Paused",
    Stage.FINISHED: "Finished",
    Stage.STOPPED: "Stopped",
    Stage.FAILED: "Failed",
    Stage.INTERRUPTED: "Interrupted",
}


_PRINTED_BYTES = 8000


def runs_folder() -> Path:
    """Where this person's runs are made."""
    return user_data_path("brats-viewer", appauthor=False) / "runs"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was when it was looked at; `begun` in seconds since 1970.

    state is None where nothing has been said yet, problem says why the folder cannot be read as a run's.
    """

    folder: Path
    begun: float
    config: TrainConfig | None = None
    source: Source | None = None
    state: RunState | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """By which a person knows it: its folder's."""
        return self.folder.name

    @property
    def stage(self) -> Stage:
        """Where it is; one that has said nothing was stopped before it began."""
        return self.state.stage if self.state else Stage.STOPPED

    @property
    def is_alive(self) -> bool:
        """Whether a process trains in it."""
        return not self.stage.over

    @property
    def can_resume(self) -> bool:
        """Whether it can go on from where it stopped."""
        return self.stage in (Stage.STOPPED, Stage.FAILED, Stage.INTERRUPTED) and not self.problem

    @property
    def message(self) -> str:
        """Why it failed, or what else it has to say."""
        return self.problem or (self.state.message if self.state else "")

    @property
    def fraction(self) -> float:
        """Share that is done of its steps, in [0, 1]; of its cases while these are prepared, or scored at the end.

        >>> scored = RunState(Stage.VALIDATING, step=300, steps=300, done=3, total=4)
        >>> Run(Path("run"), 0.0, state=scored).fraction
        0.75
        """
        state = self.state
        if state is None:
            return 0.0
        trained = state.step / state.steps if state.steps else 0.0
        of_cases = state.stage is Stage.PREPARING or (state.stage is Stage.VALIDATING and trained >= 1)
        return state.done / state.total if of_cases and state.total else trained

    @property
    def table(self) -> Path:
        """The table of its validation cases, which is there when it has finished."""
        return self.folder / TABLE_FILE


def kept_weights(run: Run) -> str | None:
    """The SHA-256 of the weights that a finished run keeps as its model; None where it has none that can be read."""
    for bundle in (BEST_FOLDER, MODEL_FOLDER):
        try:
            card = json.loads((run.folder / bundle / "model.json").read_text(encoding="utf-8"))
            return str(card["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def printed(run: Run) -> str:
    """The end of what a run's process has printed, for whoever is asked why it ended; empty where there is nothing."""
    try:
        return (run.folder / OUTPUT_FILE).read_bytes()[-_PRINTED_BYTES:].decode("utf-8", "replace").strip()
    except OSError:
        return ""


def look_at(folder: Path) -> Run:
    """What a run's folder says now."""
    try:
        begun = (folder / CONFIG_FILE).stat().st_mtime
    except OSError:
        return Run(folder, 0.0, problem=f"{folder}: is not the folder of a training")
    try:
        return Run(folder, begun, read_config(folder), read_source(folder), status(folder))
    except TrainingError as error:
        return Run(folder, begun, state=status(folder), problem=str(error))


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """Those of the folders, and of the folders directly inside the person's own, that are a run's."""
    own = runs_folder()
    inside = sorted(own.iterdir()) if own.is_dir() else []
    return [folder for folder in dict.fromkeys((*inside, *folders)) if (folder / CONFIG_FILE).is_file()]


def stage_name(stage: Stage) -> str:
    """A stage as a person reads it."""
    return _NAMES[stage]


def stage_tone(stage: Stage) -> str:
    """The tone of a stage, see `brats_viewer.controls.Line`."""
    return _TONES.get(stage, "")


def place_line(run: Run) -> str:
    """How far a run is, as a line.

    >>> state = RunState(Stage.TRAINING, step=1500, steps=3000)
    >>> place_line(Run(Path("run"), 0.0, TrainConfig(epochs=60), state=state))
    'Epoch 31 of 60, step 1,500 of 3,000'
    >>> place_line(Run(Path("run"), 0.0, state=RunState(Stage.PREPARING, done=3, total=10, message="checking cases")))
    'Checking cases: 3 of 10'
    """
    state = run.state
    if state is None:
        return "Not begun"
    if state.total and state.message and state.stage in (Stage.PREPARING, Stage.VALIDATING):
        return f"{state.message[:1].upper()}{state.message[1:]}: {state.done:,} of {state.total:,}"
    if state.stage is Stage.PREPARING:
        return ""
    if not state.steps:
        return f"Step {state.step:,}" if state.step else ""
    steps = f"step {state.step:,} of {state.steps:,}"
    epochs = run.config.epochs if run.config else None
    if not epochs or epochs < 1:
        return steps.capitalize()
    epoch = min(int(state.step / state.steps * epochs) + 1, round(epochs))
    return f"Epoch {epoch} of {epochs:g}, {steps}"


def pace_line(run: Run) -> str:
    """How fast a run is, how long it takes yet and has taken, as a line.

    >>> state = RunState(Stage.TRAINING, seconds=3700, seconds_left=75, steps_per_s=4.21)
    >>> pace_line(Run(Path("run"), 0.0, state=state))
    'About 1 min 15 s left  ·  4.2 steps a second  ·  trained for 1 h 1 min'
    """
    state = run.state
    if state is None:
        return ""
    parts = []
    if state.seconds_left and not state.stage.over:
        parts.append(f"about {duration(state.seconds_left)} left")
    if state.steps_per_s > 0:
        parts.append(throughput(state.steps_per_s))
    if state.seconds:
        parts.append(f"trained for {duration(state.seconds)}")
    line = "  ·  ".join(parts)
    return line[:1].upper() + line[1:]


def throughput(steps_per_s: float) -> str:
    """Steps in the unit of time that leaves a number of sensible size.

    >>> throughput(4.21), throughput(0.21)
    ('4.2 steps a second', '4.8 s a step')
    """
    return f"{steps_per_s:.1f} steps a second" if steps_per_s >= 1 else f"{1 / steps_per_s:.1f} s a step"


def what_it_trains(run: Run) -> str:
    """What a run learns from, as a short line."""
    if run.source is None:
        return ""
    cases = run.source.dataset.name if run.source.dataset else "synthetic cases"
    return f"{cases}, from {Path(run.source.init).name}" if run.source.init else f"{cases}, from random weights"
