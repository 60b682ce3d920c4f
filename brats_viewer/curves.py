"""The curves of a training, read from its log as it grows, in arrays that are drawn at any length."""

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


def envelope(x: Array, y: Array, low: float, high: float, columns: int) -> tuple[Array, Array, Array]:
    """A curve over `low` to `high` as one stroke for each of so many columns: their x, lowest and highest y.

    x (n,) rises; columns without a point are left out, so all three results are (columns or fewer,). However long the
    curve is, this is what there is to see of it.

    >>> envelope(np.array([0.0, 0.1, 0.9]), np.array([1.0, 5.0, 3.0]), 0.0, 1.0, 2)
    (array([0.25, 0.75]), array([1., 3.]), array([5., 3.]))
    """
    first, last = np.searchsorted(x, low, side="left"), np.searchsorted(x, high, side="right")
    x, y = x[first:last], y[first:last]
    if not len(x):
        return x, y, y
    column = np.minimum(((x - low) / (high - low) * columns).astype(np.intp), columns - 1)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    middle = low + (column[starts] + 0.5) * (high - low) / columns
    return middle, np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, about `most` of them at most: 1, 2 or 5 times a power of ten apart.

    >>> ticks(0.0, 0.9, 5), ticks(0.0, 3000.0, 3)
    ([0.0, 0.2, 0.4, 0.6000000000000001, 0.8], [0.0, 1000.0, 2000.0, 3000.0])
    """
    if not high > low:
        return [low]
    power = 10.0 ** np.floor(np.log10((high - low) / max(1, most)))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (power * factor) < most + 1e-9)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(number * step) for number in range(int(first), int(last) + 1)]
