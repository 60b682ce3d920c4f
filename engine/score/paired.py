"""Whether one of two methods scores better than another on the same cases, and by how much.

Each case is its own control: what counts are the differences of the two scores of a case, not the two means apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 9999
MOST_EXACT = 200
"""Up to so many cases the chances of all signs that the differences could have are counted."""
_SEED = 0
_DIGITS = 9
"""Differences that agree to here are ties: beyond are the rounding errors of a subtraction."""
_MOST_NUMBERS = 10_000_000
"""So many are drawn at once (80 MB)."""


@dataclass(frozen=True, slots=True)
class Paired:
    """A paired comparison over cases: differences are the second method's score minus the first's.

    n: cases that both have. mean: of the differences. low, high: the 95 % confidence interval of the mean, None of one
    case. p: of the two-sided Wilcoxon signed-rank test. p_holm: the same, corrected for all tests that were made with
    it. above, below: in how many cases the second scores higher and lower than the first; the others are equal.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    p: float
    p_holm: float
    above: int
    below: int


def paired(differences: Sequence[float]) -> Paired:
    """Compare two methods by the differences (cases,) of their scores, of at least one case.

    p: Wilcoxon (Biometrics Bulletin 1, 1945), two-sided; cases without a difference are ranked and then left out, as
    Pratt (JASA 54, 1959) has it, so that many of them count against a difference. Up to `MOST_EXACT` cases it is exact,
    with ties and zeros as well; of more it is from the normal distribution, its variance corrected for both
    (`scipy.stats.wilcoxon`). Where all are equal it is 1.

    The interval is a bootstrap over cases, bias-corrected and accelerated (Efron, JASA 82, 1987; Efron and Tibshirani
    1993, section 14.3), since differences of Dice are skewed and bounded; it has the same `RESAMPLES` draws each time.
    Of few cases, below about 20, any such interval is too narrow. Cases are taken as independent of each other.
    """
    array: NDArray[np.float64] = np.asarray(differences, dtype=np.float64).round(_DIGITS)  # (cases,)
    low, high = _interval(array)
    p = _signed_rank_p(array)
    above, below = int((array > 0).sum()), int((array < 0).sum())
    return Paired(array.size, float(array.mean()), low, high, p, p, above, below)


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of tests made together, corrected so that the chance of any false finding among them stays theirs.

    Holm (Scandinavian Journal of Statistics 6, 1979): the smallest of m is multiplied by m, the next by m - 1 and so
    on; none becomes smaller than one before it, nor larger than 1.

    >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(values, kind="stable")
    scaled = np.asarray(values, dtype=np.float64)[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    found: list[float] = corrected.tolist()
    return found


def _signed_rank_p(differences: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata, wilcoxon  # takes long to load

    if not differences.any():
        return 1.0
    if differences.size > MOST_EXACT:
        return float(wilcoxon(differences, zero_method="pratt").pvalue)
    ranks = np.rint(2 * rankdata(np.abs(differences))).astype(np.int64)  # doubled: those of ties are halves
    chances = np.ones(1)  # of each sum of the ranks of gains, if each case is as likely a gain as a loss
    for rank in ranks[differences != 0]:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    found = int(ranks[differences > 0].sum())
    return float(min(2 * min(chances[: found + 1].sum(), chances[found:].sum()), 1.0))


def _interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The BCa bootstrap interval of the mean of `values` (cases,)."""
    from scipy.special import ndtr, ndtri

    mean, n = values.mean(), values.size
    if n < 2:
        return None, None
    if np.ptp(values) == 0:
        return float(mean), float(mean)
    means = _resampled_means(values)
    # Half of what equals the mean counts as below it, as few cases make many equal draws.
    share = ((means < mean).sum() + (means <= mean).sum()) / (2 * means.size)
    bias = ndtri(np.clip(share, 1 / means.size, 1 - 1 / means.size))
    away = values - mean  # the jackknife's deviations of a mean are these over n - 1
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    ends = ndtri([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    ranks = ndtr(bias + (bias + ends) / (1 - acceleration * (bias + ends)))
    low, high = np.quantile(means, ranks)
    return float(low), float(high)


def _resampled_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The means (RESAMPLES,) of as many cases drawn with replacement, always the same."""
    draw, n = np.random.default_rng(_SEED), values.size
    at_once = max(1, _MOST_NUMBERS // n)
    counts = [min(at_once, RESAMPLES - begin) for begin in range(0, RESAMPLES, at_once)]
    return np.concatenate([values[draw.integers(0, n, (count, n))].mean(axis=1) for count in counts])
