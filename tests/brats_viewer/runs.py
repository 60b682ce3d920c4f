"""Runs that nobody trains: their folders as a training would have written them, and an engine that only answers."""

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from brats_viewer.training_session import CHECK, ESTIMATE
from engine.data import Region
from engine.data.dataset_check import CheckedCase, DatasetCheck
from engine.errors import CaseError
from engine.lock import LOCK_FILE, Holder
from engine.progress import Progress, Work
from engine.runs.estimate import Estimate
from engine.runs.folder import LOG_FILE, Source, create
from engine.runs.log import Event, Point, Record, Validation, to_line
from engine.runs.preview import Preview
from engine.runs.settings import TrainConfig
from engine.runs.state import RunState, Stage, write_state

POINTS = tuple(Point(10 * n, 5.0 * n, 2.0 / n, 1e-3) for n in range(1, 5))
VALIDATIONS = (
    Validation(20, 10.0, {Region.ET: 0.2, Region.TC: 0.4, Region.WT: 0.6}, best=True),
    Validation(30, 15.0, {Region.ET: 0.5, Region.TC: 0.6, Region.WT: 0.7}, best=True),
    Validation(40, 20.0, {Region.ET: 0.4, Region.TC: 0.5, Region.WT: 0.6}, best=False),
)
EVENTS = (Event(15, 7.5, "out of memory: two samples at a time"),)
RECORDS: tuple[Record, ...] = (*POINTS, *VALIDATIONS, *EVENTS)
STATE = RunState(Stage.TRAINING, step=40, steps=120, seconds=20.0, seconds_left=40.0, steps_per_s=2.0)
ESTIMATED = Estimate(0.5, 120, 66.0, 1 << 30, 4 << 30, "CPU (2 threads)", None)


def write_run(
    folder: Path,
    state: RunState | None = STATE,
    records: Sequence[Record] = RECORDS,
    config: TrainConfig | None = None,
    source: Source | None = None,
) -> Path:
    """A run's folder in this state; this process holds it while that is not over."""
    create(folder, config or TrainConfig(epochs=60), source or Source(dataset=folder.parent, init="default"))
    append(folder, *records)
    if state:
        write_state(folder, state)
        hold(folder, held=not state.stage.over)
    return folder


def hold(folder: Path, *, held: bool) -> None:
    """Let this process be the one that trains in the folder, or none."""
    (folder / LOCK_FILE).write_text(json.dumps(asdict(Holder.me())) if held else "", encoding="utf-8")


def say(folder: Path, **changes: Any) -> None:
    """Let the run say that it is elsewhere than `STATE`."""
    state = replace(STATE, **changes)
    write_state(folder, state)
    hold(folder, held=not state.stage.over)


def append(folder: Path, *records: Record) -> None:
    """Let the log grow."""
    with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
        log.writelines(map(to_line, records))


def preview(step: int = 40) -> Preview:
    """A slice of 4 x 5 pixels, in which the prediction is the truth moved by one column."""
    truth = np.zeros((4, 5), np.uint8)
    truth[1:3, 1:3] = 3
    return Preview(np.full((4, 5), 100, np.uint8), truth, np.roll(truth, 1, axis=1), "case", step, 0.5)


def checked(root: Path, *, bad: int = 0, good: int = 5) -> DatasetCheck:
    """A data set of so many sound cases and others without a truth."""
    sound = (CheckedCase(f"good-{n}", root / f"good-{n}", None, (), {Region.WT: 10.0 * n}) for n in range(1, good + 1))
    others = (
        CheckedCase(f"bad-{n}", root / f"bad-{n}", f"{root / f'bad-{n}'}: has no truth; add it")
        for n in range(1, bad + 1)
    )
    return DatasetCheck(root, (*sound, *others))


class FakeTrainer:
    """Answers what the training session asks the engine; `gate` holds the answers back."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[str, tuple[Any, ...]]] = []
        self.bad = 0
        self.estimated: Estimate | CaseError = ESTIMATED

    def __call__(self, function: str, /, *arguments: Any, **options: Any) -> Work[Any]:
        self.asked.append((function, arguments))
        yield Progress(0, 0, "reading cases")
        while not self.gate.wait(0.005):
            yield Progress(3, 10, "reading cases")
        if function == CHECK:
            return checked(arguments[0], bad=self.bad)
        assert function == ESTIMATE
        if isinstance(self.estimated, CaseError):
            raise self.estimated
        return self.estimated
