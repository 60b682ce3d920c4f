"""One training of the comparison, and what is told of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

from engine.data.atomic import write_atomically
from engine.model.unet import UNet, parameter_count
from engine.progress import Work
from engine.runs.folder import Source, create
from engine.runs.journal import Journal
from engine.runs.log import Point, Record, Validation
from engine.train.loop import train
from engine.train.network import network_config
from engine.train.run import LOG_EVERY
from engine.train.trainer import Trainer
from engine.train.validate import mean_dice, validation_examples
from tests.benchmarks.ablations.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Result:
    """What a training came to.

    step_s: seconds of a step, see `step_seconds`. averaged, last: Dice per region over the validation cases of the
    averaged weights, which would ship, and of the last step's.
    """

    name: str
    change: str
    parameters: int
    step_s: float
    averaged: dict[str, float]
    last: dict[str, float]

    @property
    def mean(self) -> float:
        """Of the averaged weights, over the regions."""
        return sum(self.averaged.values()) / len(self.averaged)

    @property
    def last_mean(self) -> float:
        """Of the last step's weights, over the regions."""
        return sum(self.last.values()) / len(self.last)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The result in a file, None if there is no such file."""
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def measured(recipe: Recipe, folder: Path) -> Work[Result]:
    """Train in `folder`/NAME, or go on there, and keep the result in `folder`/NAME.json; one that is there is kept."""
    stored = folder / f"{recipe.name}.json"
    result = Result.read(stored)
    if result is None:
        run = folder / recipe.name
        create(run, recipe.config, Source())
        trained = yield from train(run)
        result = _result(recipe, trained, Journal(run).records())
        write_atomically({stored: (json.dumps(asdict(result), indent=1) + "\n").encode()})
    return result


def _result(recipe: Recipe, trained: Trainer, log: Sequence[Record]) -> Result:
    config, network = recipe.config, trained.network.eval()
    averaged = next(record.dice for record in reversed(log) if isinstance(record, Validation))
    points = [record for record in log if isinstance(record, Point) and record.step % LOG_EVERY == 0]
    last = mean_dice(network, validation_examples(config, trained.device), config.window)
    parameters = parameter_count(UNet(network_config(config)))
    return Result(recipe.name, recipe.change, parameters, step_seconds(points), dict(averaged), last)


def step_seconds(points: Sequence[Point]) -> float:
    """Seconds of a step where a log went fastest from one point to the next: as if nothing else ran on the machine."""
    return min((after.seconds - before.seconds) / (after.step - before.step) for before, after in pairwise(points))
