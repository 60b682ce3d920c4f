import numpy as np
import pytest

from engine.data import Grid, Label, LabelMap, Region
from engine.errors import CaseError
from engine.score.pair import islands

SHAPE = (40, 40, 21)


def label_map(*painted: tuple[Label, tuple[slice | int, ...]], order: str = "C") -> LabelMap:
    data = np.zeros(SHAPE, dtype=np.uint8, order=order)
    for label, where in painted:
        data[where] = label
    return LabelMap(data, Grid(SHAPE, np.eye(4)))


def test_what_is_far_apart_is_in_parts_and_each_is_cropped_to_it() -> None:
    near = (slice(1, 3), slice(2, 5), slice(0, 1))
    far = (slice(30, 31), slice(39, 40), slice(20, 21))
    one, other = islands(label_map((Label.ET, near), order="F"), label_map((Label.ED, near), (Label.NCR, far)))
    assert (one.box, other.box) == (near, far)
    assert one.prediction.tolist() == np.full((2, 3, 1), Label.ET).tolist()
    assert one.truth.tolist() == np.full((2, 3, 1), Label.ED).tolist()
    assert (other.prediction.tolist(), other.truth.tolist()) == ([[[0]]], [[[Label.NCR]]])


@pytest.mark.parametrize(("voxel", "parts"), [(8, 1), (15, 1), (16, 2)])
def test_at_least_eight_voxels_are_between_the_parts(voxel: int, parts: int) -> None:
    assert len(islands(label_map((Label.ET, (7, 0, 0))), label_map((Label.ET, (voxel, 0, 0))))) == parts


def test_a_part_in_the_box_of_another_is_not_in_its_crop() -> None:
    frame = [(Label.ED, (slice(0, 40), 0, 0)), (Label.ED, (0, slice(0, 40), 0))]
    one, other = islands(label_map(*frame), label_map((Label.ET, (25, 35, 0))))
    assert one.box == (slice(0, 40), slice(0, 40), slice(0, 1))
    assert one.truth.any() == np.False_
    assert np.count_nonzero(one.prediction) == 79
    assert other.box == (slice(25, 26), slice(35, 36), slice(0, 1))


def test_a_region_is_cropped_to_where_it_is() -> None:
    (part,) = islands(label_map((Label.ED, (slice(2, 6), 3, 4)), (Label.ET, (4, 3, 4))), label_map())
    masks = part.masks(Region.TC)
    assert masks.box == (slice(4, 5), slice(3, 4), slice(4, 5))
    assert (masks.prediction.tolist(), masks.truth.tolist()) == ([[[True]]], [[[False]]])


def test_nothing_labelled_is_no_part() -> None:
    assert islands(label_map(), label_map()) == []


def test_another_grid_is_refused() -> None:
    moved = LabelMap(np.zeros(SHAPE, dtype=np.uint8), Grid(SHAPE, np.eye(4) + np.eye(4, k=3)))
    with pytest.raises(CaseError, match=r"1\.00 mm"):
        islands(moved, label_map())
