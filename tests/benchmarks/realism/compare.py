"""How the statistics of real cases lie to those of synthetic ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.realism.measure import Measured

LOW, HIGH = 5, 95
"""Percentiles of the synthetic cases between which a real value is taken to be covered."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A real case's value outside the synthetic `LOW` to `HIGH` percentile.

    reached: share of the synthetic cases that lie as far out; 0 means that such a value is never made.
    distance: how far outside, in units of the width from `LOW` to `HIGH`.
    """

    case: str
    value: float
    reached: float
    distance: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A statistic of real cases (minimum, median, maximum; empty if none has it) and of synthetic ones (`LOW`, median,
    `HIGH`), with the real cases that lie outside, the furthest first.
    """

    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    outside: tuple[Outlier, ...]

    @property
    def apart(self) -> str:
        """Where half of the synthetic cases lie beyond every real one: "low", "high" or "".

        Were they alike, that would happen to ten real cases one time in five hundred.
        """
        if not self.real or self.real[0] <= self.synthetic[1] <= self.real[2]:
            return ""
        return "low" if self.synthetic[1] < self.real[0] else "high"


def compare(real: Mapping[str, float], synthetic: Sequence[float]) -> Comparison:
    """Compare a statistic's values of real cases, by id, with those of at least one synthetic case."""
    made = np.array(synthetic)
    low, middle, high = np.percentile(made, (LOW, 50, HIGH)).tolist()
    outside = []
    for case, value in real.items():
        if not low <= value <= high:
            reached = float((made <= value if value < low else made >= value).mean())
            outside.append(Outlier(case, value, reached, max(low - value, value - high) / max(high - low, 1e-6)))
    ends = tuple(np.percentile(list(real.values()), (0, 50, 100)).tolist()) if real else ()
    return Comparison(ends, (low, middle, high), tuple(sorted(outside, key=lambda one: -one.distance)))


def compare_all(real: Sequence[Measured], synthetic: Sequence[Measured]) -> dict[str, Comparison]:
    """The comparison of each statistic that any synthetic case has, by its name."""
    fullest = max(synthetic, key=lambda case: len(case.values))
    comparisons = {}
    for name in dict.fromkeys(name for case in (fullest, *synthetic) for name in case.values):
        of_real = {case.id: case.values[name] for case in real if name in case.values}
        comparisons[name] = compare(of_real, [case.values[name] for case in synthetic if name in case.values])
    return comparisons
