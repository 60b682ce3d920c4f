"""What is said of a low score."""

import pytest

from engine.data import Region
from engine.score import Score, reasons

ET, TC, WT = Region


def scored(dice, predicted=10.0, truth=10.0, hd95_mm=5.0):
    """A score of these volumes in ml, with the sensitivity that follows."""
    sensitivity = dice * (predicted + truth) / 2 / truth if truth else float(not predicted)
    return Score(dice, hd95_mm, sensitivity, 1.0, predicted, truth)


@pytest.mark.parametrize(
    ("region", "score", "says"),
    [
        (ET, scored(0.0, 0.4, 0.0, hd95_mm=373.12866), "truth has no enhancing tumour, 0.40 ml predicted"),
        (ET, scored(0.0, 0.001, 0.0), "truth has no enhancing tumour, under 0.01 ml predicted"),
        (ET, scored(0.0, 0.0, 1.2, hd95_mm=373.12866), "enhancing tumour missed (1.2 ml in truth)"),
        (ET, scored(0.0, 0.0, 0.1), "enhancing tumour missed (0.10 ml in truth)"),
        (ET, scored(0.3, 0.2, 0.1), "very small enhancing tumour (0.10 ml): one voxel weighs much"),
        (ET, scored(0.06, 3.0, 0.1), "enhancing tumour much too large (×30)"),
        (ET, scored(0.03, 0.27, 19.7), "enhancing tumour nearly missed (0.27 ml of 19.7 ml predicted)"),
        (TC, scored(0.5, 23.0, 10.0), "tumour core much too large (×2.3)"),
        (TC, scored(0.66, 15.0, 10.0), "tumour core too large (×1.5)"),
        (WT, scored(0.6, 5.0, 10.0), "whole tumour too small (×0.5)"),
        (WT, scored(0.5, 4.6, 10.0), "whole tumour much too small (×0.46)"),
        (TC, scored(0.1, 8.0, 10.0), "tumour core predicted elsewhere (9% of the truth found)"),
        (
            WT,
            scored(0.65, 9.8, 10.0, hd95_mm=9.4),
            "whole tumour of about the right size, but its outline differs (HD95 9 mm)",
        ),
    ],
)
def test_a_low_score_is_explained(region, score, says):
    assert reasons({region: score}) == [says]


def test_a_score_that_is_not_low_is_not_explained():
    both_absent = scored(1.0, 0.0, 0.0, hd95_mm=0.0)
    assert reasons({ET: both_absent, TC: scored(0.7, 20.0, 10.0), WT: scored(0.95)}) == []


def test_the_worst_region_is_explained_first():
    found = reasons({ET: scored(0.6, 5.0, 10.0), TC: scored(0.2, 30.0, 10.0), WT: scored(0.9)})
    assert found == ["tumour core much too large (×3)", "enhancing tumour too small (×0.5)"]
