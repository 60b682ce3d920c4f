import numpy as np
import pytest

from engine.data import Region
from engine.errors import CaseError
from engine.progress import Progress, finish
from engine.score import compare, lesion_scores, score, slice_scores
from tests.phantoms import phantom_case, phantom_segmentation


def test_a_comparison_holds_the_scores_of_image_slices_and_lesions() -> None:
    case = phantom_case()
    assert case.truth is not None
    prediction = phantom_segmentation(case).labels
    comparison = finish(compare(prediction, case.truth))
    assert comparison.scores == score(prediction, case.truth)
    assert comparison.lesions == lesion_scores(prediction, case.truth)
    assert [len(across[Region.WT].dice) for across in comparison.slices] == list(case.native.shape)
    for axis, across in enumerate(comparison.slices):
        expected = slice_scores(prediction, case.truth, axis)[Region.ET]
        np.testing.assert_array_equal(across[Region.ET].dice, expected.dice)


def test_it_reports_each_stage_before_it_begins() -> None:
    truth = phantom_case().truth
    assert truth is not None
    reports = list(compare(truth, truth))
    assert [(report.done, report.total) for report in reports] == [(0, 3), (1, 3), (2, 3)]
    assert all(isinstance(report, Progress) and report.stage for report in reports)


def test_another_grid_is_refused() -> None:
    one, other = phantom_case(shape=(30, 30, 30)).truth, phantom_case(shape=(30, 30, 31)).truth
    assert one is not None
    assert other is not None
    with pytest.raises(CaseError, match="30 x 30 x 30"):
        finish(compare(one, other))
