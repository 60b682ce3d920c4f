import numpy as np
import pytest

from engine.data import Grid, Label, LabelMap, Region
from engine.errors import CaseError
from engine.score import SliceScores, slice_scores

SHAPE = (6, 5, 4)
GRID = Grid(SHAPE, np.eye(4))


def label_map(*painted: tuple[Label, tuple[slice | int, ...]]) -> LabelMap:
    data = np.zeros(SHAPE, dtype=np.uint8, order="F")
    for label, where in painted:
        data[where] = label
    return LabelMap(data, GRID)


def scores_of(both: list[int], prediction: list[int], truth: list[int]) -> SliceScores:
    return SliceScores(*(np.array(counts, dtype=np.int64) for counts in (both, prediction, truth)))


def test_voxels_are_counted_in_the_slices_of_each_axis() -> None:
    prediction = label_map((Label.ET, (slice(1, 4), 2, 1)), (Label.ED, (5, 4, 3)))
    truth = label_map((Label.ET, (slice(2, 5), 2, 1)), (Label.NCR, (3, 2, 2)))
    across = [slice_scores(prediction, truth, axis) for axis in range(3)]
    assert [across[axis][Region.ET].both.tolist() for axis in range(3)] == [
        [0, 0, 1, 1, 0, 0],
        [0, 0, 2, 0, 0],
        [0, 2, 0, 0],
    ]
    assert across[0][Region.ET].prediction.tolist() == [0, 1, 1, 1, 0, 0]
    assert across[0][Region.ET].truth.tolist() == [0, 0, 1, 1, 1, 0]
    assert across[0][Region.TC].truth.tolist() == [0, 0, 1, 2, 1, 0]
    assert across[2][Region.WT].prediction.tolist() == [0, 3, 0, 1]
    assert across[2][Region.WT].truth.tolist() == [0, 3, 1, 0]
    assert {scores.both.dtype for scores in across[0].values()} == {np.dtype(np.int64)}


def test_a_slice_without_the_region_has_no_dice_and_one_that_only_one_has_has_none_of_it() -> None:
    scores = scores_of(both=[0, 0, 0, 3], prediction=[0, 2, 0, 4], truth=[0, 0, 5, 4])
    np.testing.assert_array_equal(scores.dice, [np.nan, 0.0, 0.0, 0.75])
    assert scores.wrong.tolist() == [0, 2, 5, 2]


def test_the_worst_slice_is_of_lowest_dice_and_among_those_of_most_wrong_voxels() -> None:
    assert scores_of([0, 0, 0, 3], [0, 2, 0, 4], [0, 0, 5, 4]).worst_slice == 2
    assert scores_of([0, 4, 9], [0, 4, 10], [0, 4, 10]).worst_slice == 2
    assert scores_of([0, 0], [0, 0], [0, 0]).worst_slice is None


def test_slices_of_a_few_voxels_at_the_ends_are_not_the_worst() -> None:
    # Dice 0 in 9 voxels of 100, 0.6 and 0.5; with 10 voxels the first one counts.
    assert scores_of([0, 60, 25], [9, 100, 50], [0, 100, 50]).worst_slice == 2
    assert scores_of([0, 60, 25], [14, 100, 50], [0, 100, 50]).worst_slice == 0


def test_the_largest_slice_is_where_prediction_and_truth_cover_most_together() -> None:
    assert scores_of([5, 0, 6], [5, 4, 6], [5, 4, 6]).largest_slice == 1
    assert scores_of([0, 0], [0, 0], [0, 0]).largest_slice is None


def test_errors_are_gone_through_in_order_and_round_the_end() -> None:
    scores = scores_of([1, 1, 0, 0, 1], [1, 2, 0, 1, 1], [1, 1, 0, 0, 1])
    assert [scores.next_error(after) for after in range(5)] == [1, 3, 3, 1, 1]
    assert scores_of([1, 1], [1, 1], [1, 1]).next_error(0) is None
    assert scores_of([0, 1], [1, 1], [0, 1]).next_error(0) == 0


def test_nothing_labelled_is_nothing_in_every_slice() -> None:
    scores = slice_scores(label_map(), label_map(), 0)[Region.WT]
    assert scores.truth.tolist() == [0] * 6
    assert np.isnan(scores.dice).all()


def test_a_cavity_belongs_to_no_region() -> None:
    scores = slice_scores(label_map((Label.RC, (1, 1, 1))), label_map((Label.RC, (2, 2, 2))), 0)
    assert not any(result.wrong.any() for result in scores.values())


def test_another_grid_is_refused() -> None:
    moved = LabelMap(np.zeros(SHAPE, np.uint8), Grid(SHAPE, np.eye(4) + np.eye(4, k=3)))
    with pytest.raises(CaseError, match=r"1\.00 mm"):
        slice_scores(moved, label_map(), 0)
