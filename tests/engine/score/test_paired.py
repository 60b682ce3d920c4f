"""The paired comparison, against counting by hand and against scipy's own bootstrap."""

import sys

import numpy as np
import pytest

from engine.score import Paired, holm, paired


def test_five_cases_that_all_gain_by_hand():
    # All five signs alike has a probability of 1/32 for either sign.
    found = paired([0.1, 0.2, 0.3, 0.4, 0.5])
    assert (found.n, found.above, found.below) == (5, 5, 0)
    assert found.mean == pytest.approx(0.3)
    assert found.p == pytest.approx(2 / 32)


def test_equal_cases_are_ranked_and_left_out():
    # Of |d| = 0 0 1 2 3 the ranks are 1.5 1.5 3 4 5, of which -1 has 3: 3 or less, or 9 or more, of the sums
    # 0 3 4 5 7 8 9 12 that the 8 equally likely signs make.
    found = paired([0.0, 0.0, -0.1, 0.2, 0.3])
    assert found.p == pytest.approx(4 / 8)
    assert (found.n, found.above, found.below) == (5, 2, 1)


@pytest.mark.parametrize("n", [12, 50])
def test_without_ties_it_is_scipys_exact_test(n):
    from scipy.stats import wilcoxon

    values = skewed(n)
    assert paired(values.tolist()).p == pytest.approx(wilcoxon(values, method="exact").pvalue, rel=1e-9)


def test_many_cases_are_nearly_normal():
    # With ties and zeros, on either side of where counting ends.
    values = np.round(skewed(200) - 0.014, 2).tolist()
    counted, normal = paired(values).p, paired([*values, 0.0]).p
    assert 0.05 < counted < 0.95
    assert normal == pytest.approx(counted, rel=0.05)


def test_no_difference_at_all():
    assert paired([0.0, 0.0, 0.0]) == Paired(3, 0.0, 0.0, 0.0, 1.0, 1.0, 0, 0)


def test_rounding_is_no_difference():
    # 0.3 - 0.1 and 0.2 are ties, as they would be on paper.
    assert paired([0.3 - 0.1, -0.2]) == paired([0.2, -0.2])
    assert paired([0.1 + 0.2 - 0.3]).above == 0


def test_one_case_has_no_interval():
    found = paired([0.25])
    assert (found.mean, found.low, found.high, found.p) == (0.25, None, None, 1.0)


def skewed(n):
    return np.random.default_rng(3).exponential(0.05, n) - 0.03


@pytest.mark.parametrize("n", [74, 369])
def test_the_interval_is_the_bca_interval(n):
    from scipy.stats import bootstrap

    values = skewed(n)
    expected = bootstrap(
        (values,), np.mean, n_resamples=9999, method="BCa", random_state=np.random.default_rng(5)
    ).confidence_interval
    found = paired(values.tolist())
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.03 * width)
    assert found.high == pytest.approx(expected.high, abs=0.03 * width)
    assert found.high - found.mean > found.mean - found.low, "the long tail is above"


def test_the_interval_is_the_same_each_time_and_turns_with_the_sign():
    values = skewed(30)
    one, other = paired(values.tolist()), paired((-values).tolist())
    assert one == paired(values.tolist())
    assert (one.low, one.high) == (pytest.approx(-other.high, rel=1e-3), pytest.approx(-other.low, rel=1e-3))
    assert one.p == pytest.approx(other.p)


def test_many_cases_are_drawn_in_parts(monkeypatch):
    whole = paired(skewed(50).tolist())
    monkeypatch.setattr(sys.modules["engine.score.paired"], "_MOST_NUMBERS", 50 * 1000)
    assert paired(skewed(50).tolist()).low == pytest.approx(whole.low, abs=1e-3)


def test_holm_by_hand():
    # .01 * 3, .02 * 2, .5 * 1
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    # .02 * 3 = .06 is above .025 * 2 = .05, which may not be the smaller of the two.
    assert holm([0.02, 0.025, 0.9]) == pytest.approx([0.06, 0.06, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []
