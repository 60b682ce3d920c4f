"""The curves of a training, read from its log as it grows, in arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data import Region
from engine.runs.folder import LOG_FILE
from engine.runs.log import Event, LogReader, Point, Record, Validation

Array = NDArray[np.float64]
_SMOOTHED_OVER = 60
"""The running mean of a curve is over one part in so many."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What a log holds, in its order: points (n,) of training, validations (m,), and events.

    step: of each point; seconds: of training until then; loss: the mean of the steps up to it; rate: of learning.
    validated_step, validated_seconds: of each validation; dice: (m,) for each region, in [0, 1]; best: the place of the
    best validation, None where there is none.
    """

    step: Array
    seconds: Array
    loss: Array
    rate: Array
    validated_step: Array
    validated_seconds: Array
    dice: Mapping[Region, Array]
    best: int | None
    events: tuple[Event, ...]

    @property
    def mean_dice(self) -> Array:
        """Mean of the regions (m,)."""
        return np.mean(list(self.dice.values()), axis=0) if self.dice else np.empty(0)


def curves_of(records: Sequence[Record]) -> Curves:
    """The curves of a log's records."""
    points = [record for record in records if isinstance(record, Point)]
    validations = [record for record in records if isinstance(record, Validation)]
    regions = [region for region in Region if validations and all(region in made.dice for made in validations)]
    best = [place for place, made in enumerate(validations) if made.best]
    return Curves(
        step=np.array([point.step for point in points], np.float64),
        seconds=np.array([point.seconds for point in points], np.float64),
        loss=np.array([point.loss for point in points], np.float64),
        rate=np.array([point.learning_rate for point in points], np.float64),
        validated_step=np.array([made.step for made in validations], np.float64),
        validated_seconds=np.array([made.seconds for made in validations], np.float64),
        dice={region: np.array([made.dice[region] for made in validations]) for region in regions},
        best=best[-1] if best else None,
        events=tuple(record for record in records if isinstance(record, Event)),
    )


NO_CURVES = curves_of(())


class CurveReader:
    """Reads the log in a run's folder again and again; its curves are the same object until there is something new."""

    def __init__(self, folder: Path) -> None:
        self._log = LogReader(folder / LOG_FILE)
        self._records: list[Record] = []
        self._curves = NO_CURVES

    def read(self) -> Curves:
        """The curves as the log has them now."""
        fresh, again = self._log.read()
        if again:
            self._records = []
        if fresh or again:
            self._records += fresh
            self._curves = curves_of(self._records)
        return self._curves


def running_mean(values: Array) -> Array:
    """Of each value, the mean of those up to it, over one part in sixty of them all; (n,) in, (n,) out.

    >>> running_mean(np.arange(4.0)).tolist()
    [0.0, 1.0, 2.0, 3.0]
    >>> running_mean(np.arange(180.0))[[0, 1, 2, 179]].tolist()
    [0.0, 0.5, 1.0, 178.0]
    """
    width = max(1, len(values) // _SMOOTHED_OVER)
    sums = np.concatenate(([0.0], np.cumsum(values)))  # (n + 1,)
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - width, 0)
    mean: Array = (sums[end] - sums[start]) / (end - start)
    return mean
