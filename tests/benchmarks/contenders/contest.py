"""What a contender is, the clock that all of them train by, and what is told of a training."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import psutil

from engine.data import CaseFiles, LabelMap
from engine.data.atomic import write_atomically
from tests.benchmarks.contenders.settings import Setup

TRAINED_FILE = "trained.json"


class Clock:
    """The time that a contender has, from the moment it is told to go; schedules are laid out over `fraction`."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._length = seconds
        self._began = now()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self._now() - self._began

    @property
    def fraction(self) -> float:
        """Share of the time that is over, in [0, 1]."""
        return min(1.0, self.seconds / self._length)

    @property
    def over(self) -> bool:
        """Whether no further step may begin."""
        return self.fraction >= 1


Start = Callable[[], Clock]
"""Called when all is prepared: waits for the others and returns the running clock."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    steps: of the optimiser. seconds: on the clock, from the start to the end of the last step. cpu_s: of all its
    processes in that time. losses: step, seconds and loss on the way, of each contender's own loss, so that only their
    course can be compared.
    """

    name: str
    parameters: int
    steps: int
    seconds: float
    cpu_s: float
    seed: int
    versions: Mapping[str, str]
    losses: Sequence[tuple[int, float, float]] = field(default=())

    @property
    def cpu_per_step(self) -> float:
        """CPU seconds of a step and of what lies between two."""
        return self.cpu_s / max(1, self.steps)

    def write(self, folder: Path) -> None:
        """Keep it in a contender's folder, which says that its training is done."""
        write_atomically({folder / TRAINED_FILE: (json.dumps(asdict(self), indent=1) + "\n").encode()})

    @classmethod
    def read(cls, folder: Path) -> "Trained | None":
        """What a contender's folder holds, None if its training is not done."""
        path = folder / TRAINED_FILE
        if not path.exists():
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**values | {"losses": [tuple(row) for row in values["losses"]]})


class Contender(Protocol):
    """One way to train and to predict; `folder` is its own."""

    def train(self, setup: Setup, folder: Path, start: Start) -> Trained:
        """Prepare, call `start`, train until the clock is over, and keep the model in the folder."""

    def predict(self, setup: Setup, folder: Path, files: CaseFiles) -> LabelMap:
        """The labels of a case by the kept model, on the case's grid, as this contender usually predicts."""


class Tally:
    """Counts the steps, the losses and the CPU of a training on the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.steps = 0
        self._losses: list[tuple[int, float, float]] = []
        self._sum = 0.0
        self._cpu = cpu_seconds()

    def step(self, loss: float, every: int = 5) -> None:
        """Count a step with its loss; of `every` of them the mean is kept."""
        self.steps += 1
        self._sum += loss
        if self.steps % every == 0:
            self._losses.append((self.steps, round(self.clock.seconds, 1), self._sum / every))
            self._sum = 0.0

    def trained(self, name: str, setup: Setup, parameters: int, packages: Sequence[str]) -> Trained:
        """What there is to tell, at the end of the last step."""
        return Trained(
            name=name,
            parameters=parameters,
            steps=self.steps,
            seconds=round(self.clock.seconds, 1),
            cpu_s=round(cpu_seconds() - self._cpu, 1),
            seed=setup.seed,
            versions={package: version(package) for package in packages},
            losses=self._losses,
        )


def cpu_seconds() -> float:
    """CPU time of this process and of those that it started and that still run."""
    me = psutil.Process()
    spent = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(times.user + times.system for times in spent)
