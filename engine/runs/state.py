"""What a training says of itself while it runs, and what it can be asked for: two small files, each written whole."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from engine.data.atomic import write_atomically

STATE_FILE = "state.json"
CONTROL_FILE = "control.json"


class Stage(StrEnum):
    """Where a training is."""

    STARTING = "starting"
    PREPARING = "preparing"
    TRAINING = "training"
    VALIDATING = "validating"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process is gone without a word: it was killed, or the machine went off. `engine.runs.status` finds out."""

    @property
    def over(self) -> bool:
        """Whether nothing more comes unless somebody resumes it."""
        return self in (Stage.FINISHED, Stage.STOPPED, Stage.FAILED, Stage.INTERRUPTED)


class Command(StrEnum):
    """What a training is asked to do; it obeys after the step it is in."""

    GO = "go"
    PAUSE = "pause"
    STOP = "stop"
    """Keep the state and end; a resumed run goes on from there."""


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of a run.

    step of steps (0 steps while they are not known); seconds of training so far, and left by what was measured, None
    while unknown; steps_per_s: of late, 0 while it stands; done of total, in the units of `stage` where it is not
    training (cases prepared, validated); message: why it failed, or what it does, in words.
    """

    stage: Stage
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    seconds_left: float | None = None
    steps_per_s: float = 0.0
    done: int = 0
    total: int = 0
    message: str = ""


def write_state(folder: Path, state: RunState) -> None:
    """Say where the run in `folder` is. Raises OSError where the disk does not take it."""
    write_atomically({folder / STATE_FILE: (json.dumps(asdict(state)) + "\n").encode()})


def read_state(folder: Path) -> RunState | None:
    """What the run in `folder` last said, None if nothing that can be read."""
    try:
        values = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        return RunState(**values | {"stage": Stage(values["stage"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tell(folder: Path, command: Command) -> None:
    """Ask the run in `folder` for something. Raises OSError where the disk does not take it."""
    write_atomically({folder / CONTROL_FILE: (json.dumps({"command": command}) + "\n").encode()})


def asked(folder: Path) -> Command:
    """What the run in `folder` is asked for: to go, if nothing that can be read."""
    try:
        return Command(json.loads((folder / CONTROL_FILE).read_text(encoding="utf-8"))["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return Command.GO
