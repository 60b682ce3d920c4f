import pytest

from engine.data import Region
from engine.score import Box, Score, Spread, average, box, cohort_table, spread


def scores(et, tc, wt, specificity=1.0):
    values = dict(zip(Region, (et, tc, wt), strict=True))
    return {region: Score(dice, 1 - dice, dice / 2, specificity, 1.0, 1.0) for region, dice in values.items()}


COHORT = [scores(0.0, 0.3, 0.9), scores(0.5, 0.7, 0.9), scores(1.0, 0.8, 0.9)]


def test_a_table_by_hand():
    table = cohort_table(COHORT)
    assert list(table) == ["ET", "TC", "WT", "average"]
    assert table["ET"] == Spread(0.5, 0.5, 0.25, 0.75)
    # TC: deviations -.3 .1 .2 from the mean .6, whose squares sum to .14, over n - 1 = 2
    assert vars_of(table["TC"]) == pytest.approx((0.6, 0.07**0.5, 0.5, 0.75))
    assert vars_of(table["WT"]) == pytest.approx((0.9, 0.0, 0.9, 0.9))
    # averages of the cases: .4 .7 .9; mean 2/3, deviations -.8/3 .1/3 .7/3, squares 1.14/9
    assert vars_of(table["average"]) == pytest.approx((2 / 3, (0.57 / 9) ** 0.5, 0.55, 0.8))


def vars_of(row):
    return row.mean, row.std, row.percentile_25, row.percentile_75


def test_other_measures_have_the_same_columns():
    assert cohort_table(COHORT, "hd95_mm")["ET"].mean == pytest.approx(0.5)
    assert cohort_table(COHORT, "sensitivity")["average"].mean == pytest.approx(1 / 3)


def test_one_case_has_no_deviation():
    assert spread([0.25]) == Spread(0.25, None, 0.25, 0.25)


def test_a_case_without_a_value_is_left_out_of_the_column_and_an_empty_column_out_of_the_table():
    full = scores(1.0, 1.0, 1.0, specificity=None)
    assert average(full, "specificity") is None
    assert cohort_table([full, scores(1.0, 1.0, 1.0, specificity=0.5)], "specificity")["average"].mean == 0.5
    assert cohort_table([full], "specificity") == {}
    assert cohort_table([]) == {}


def test_whiskers_end_at_the_last_values_within_reach():
    # Quartiles 0.6 and 0.8 are 0.2 apart, so that values from 0.3 to 1.1 are within reach.
    assert box([0.0, 0.6, 0.7, 0.8, 0.9]) == Box(0.6, 0.6, 0.7, 0.8, 0.9)
    assert box([0.35, 0.6, 0.7, 0.8, 1.0]).low == 0.35
    assert box([0.5]) == Box(0.5, 0.5, 0.5, 0.5, 0.5)
    # Quartiles 0.625 and 0.75: 0.25 is out of reach, and the next value, 0.75, does not lie below the box.
    assert box([0.25, 0.75, 0.75, 0.75]) == Box(0.625, 0.625, 0.75, 0.75, 0.75)
