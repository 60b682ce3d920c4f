"""The scores of many cases in one table: for each region, and for the average of the regions, mean and spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.data import Region
from engine.score.score import Score

AVERAGE = "average"
"""The column of the mean of ET, TC and WT, taken in each case before anything is taken over the cases."""

MEASURES = ("dice", "hd95_mm", "sensitivity", "specificity")
"""Of a `Score`."""

LESION_MEASURES = ("dice", "hd95_mm")
"""Of a `Lesionwise`."""

_WHISKERS = 1.5


@dataclass(frozen=True, slots=True)
class Lesionwise:
    """The means over a region's lesions that `LesionScore` has, without the lesions.

    dice: in [0, 1], 1 is perfect. hd95_mm: in mm, 0 is perfect.
    """

    dice: float
    hd95_mm: float


Measured = Mapping[Region, Score] | Mapping[Region, Lesionwise]
"""What a case has of every region."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How values lie over cases.

    std: of a sample, so with n - 1 below the root, as the tables that pandas' `describe` makes; None of one case.
    percentile_25, percentile_75: linear between ranks.
    """

    mean: float
    std: float | None
    percentile_25: float
    percentile_75: float


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and quartiles of at least one value.

    >>> spread([0.0, 0.5, 1.0])
    Spread(mean=0.5, std=0.5, percentile_25=0.25, percentile_75=0.75)
    """
    array = np.asarray(values, dtype=np.float64)  # (cases,)
    low, high = np.percentile(array, (25, 75))
    std = float(array.std(ddof=1)) if array.size > 1 else None
    return Spread(float(array.mean()), std, float(low), float(high))


def average(scores: Measured, measure: str = "dice") -> float | None:
    """The mean over a case's regions of one of its measures; None where a region has no value."""
    values = [getattr(score, measure) for score in scores.values()]
    return None if None in values else float(np.mean(values))


def cohort_table(cases: Sequence[Measured], measure: str = "dice") -> dict[str, Spread]:
    """The columns ET, TC, WT and `AVERAGE` of one of their measures over `cases`, each of which has all regions.

    A region that is absent from the truth counts as `Score` says. A case without a value (the specificity of a truth
    that fills the image) is left out of its column, and a column without any value out of the table.
    """
    columns: dict[str, list[float | None]] = {
        region.value: [getattr(scores[region], measure) for scores in cases] for region in Region
    }
    columns[AVERAGE] = [average(scores, measure) for scores in cases]
    known = {name: [value for value in values if value is not None] for name, values in columns.items()}
    return {name: spread(values) for name, values in known.items() if values}


@dataclass(frozen=True, slots=True)
class Box:
    """How values lie, as in Tukey's box plot (Exploratory Data Analysis, 1977).

    The quartiles are linear between ranks; low and high are the last values within 1.5 of their distance from them,
    or the quartiles themselves where no value is there, as of a few cases whose quartiles lie between two.
    """

    low: float
    quartile_1: float
    median: float
    quartile_3: float
    high: float


def box(values: Sequence[float]) -> Box:
    """The box of at least one value.

    >>> box([0.0, 0.6, 0.7, 0.8, 0.9])
    Box(low=0.6, quartile_1=0.6, median=0.7, quartile_3=0.8, high=0.9)
    """
    array = np.asarray(values, dtype=np.float64)  # (cases,)
    first, median, third = (float(found) for found in np.percentile(array, (25, 50, 75)))
    reach = _WHISKERS * (third - first)
    within = array[(array >= first - reach) & (array <= third + reach)]
    return Box(min(float(within.min()), first), first, median, third, max(float(within.max()), third))
