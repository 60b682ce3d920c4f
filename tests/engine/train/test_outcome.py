"""What a training decides at its end: the volume of ET below which it is none."""

import pytest

from engine.data import Region
from engine.train.outcome import ValidationScore, best_min_et_ml


def case(name: str, et_ml: float, dice: float, true_et_ml: float) -> ValidationScore:
    return ValidationScore(name, {Region.ET: dice, Region.TC: 0.9, Region.WT: 0.9}, et_ml, true_et_ml)


def test_a_threshold_lies_between_the_specks_and_the_tumours():
    specks = [case("a", 0.1, 0.0, 0.0), case("b", 0.2, 0.0, 0.0)]
    tumours = [case("c", 0.6, 0.8, 0.5), case("d", 20.0, 0.9, 22.0)]
    assert best_min_et_ml([*specks, *tumours]) == pytest.approx(0.4)


def test_nothing_is_dropped_where_dropping_gains_nothing():
    assert best_min_et_ml([case("a", 0.1, 0.7, 0.1), case("b", 30.0, 0.9, 30.0)]) == 0.0
    assert best_min_et_ml([case("a", 0.0, 1.0, 0.0)]) == 0.0
    assert best_min_et_ml([]) == 0.0


def test_a_large_false_region_is_not_dropped():
    assert best_min_et_ml([case("a", 5.0, 0.0, 0.0)]) == 0.0


def test_one_false_speck_is_worth_as_much_as_one_true_one():
    """Half of a Dice is lost with the true speck, a whole one won with the false one."""
    assert best_min_et_ml([case("a", 0.2, 0.5, 0.2), case("b", 0.4, 0.0, 0.0)]) == pytest.approx(0.7)
