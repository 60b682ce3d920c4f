"""Low scores in words: what a person looking at the case would say is wrong with the mask."""

from collections.abc import Mapping

from engine.data import Region
from engine.score.score import Score

LOW_DICE = 0.7
"""Below this a score is explained. Experts agree with each other to a Dice of 0.74 to 0.85 (Menze et al., 2015)."""

_SMALL_ML = 0.5
"""So small (a ball of 5 mm radius) that a voxel more all around would double it."""
_SEEN_ML = 0.01
_FOUND_AT_ALL = 0.1
_ELSEWHERE = 0.25
_SIZE_DIFFERS = 4 / 3
_SIZE_DIFFERS_MUCH = 2.0


def reasons(scores: Mapping[Region, Score]) -> list[str]:
    """What is wrong in each region of a Dice below `LOW_DICE`, the worst first; nothing where none is.

    >>> missed = Score(dice=0.0, hd95_mm=373.12866, sensitivity=0.0, specificity=1.0, prediction_ml=0.0, truth_ml=1.2)
    >>> reasons({Region.ET: missed})
    ['enhancing tumour missed (1.2 ml in truth)']
    """
    low = [region for region in scores if scores[region].dice < LOW_DICE]
    return [_reason(region, scores[region]) for region in sorted(low, key=lambda region: scores[region].dice)]


def _reason(region: Region, score: Score) -> str:
    name, predicted, truth = region.display_name, score.prediction_ml, score.truth_ml
    if truth == 0:
        return f"truth has no {name}, {_millilitres(predicted)} predicted"
    if predicted == 0:
        return f"{name} missed ({_millilitres(truth)} in truth)"
    if max(truth, predicted) < _SMALL_ML:
        return f"very small {name} ({_millilitres(truth)}): one voxel weighs much"
    ratio = predicted / truth
    if ratio < _FOUND_AT_ALL:
        return f"{name} nearly missed ({_millilitres(predicted)} of {_millilitres(truth)} predicted)"
    if score.sensitivity < _ELSEWHERE and ratio > 1 / _SIZE_DIFFERS_MUCH:
        return f"{name} predicted elsewhere ({score.sensitivity:.0%} of the truth found)"
    if 1 / _SIZE_DIFFERS < ratio < _SIZE_DIFFERS:
        return f"{name} of about the right size, but its outline differs (HD95 {score.hd95_mm:.0f} mm)"
    much = "" if 1 / _SIZE_DIFFERS_MUCH <= ratio <= _SIZE_DIFFERS_MUCH else "much "
    return f"{name} {much}too {'large' if ratio > 1 else 'small'} (×{_ratio(ratio)})"  # noqa: RUF001 (the sign that people read)


def _millilitres(value: float) -> str:
    """A volume above 0 with as many digits as mean something."""
    if value < _SEEN_ML:
        return f"under {_SEEN_ML} ml"
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return f"{value:.{digits}f} ml"


def _ratio(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
