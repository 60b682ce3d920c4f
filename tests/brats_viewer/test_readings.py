import numpy as np

from brats_viewer.readings import Marks, brain_levels, largest_slice_centre
from engine.data import Grid, Label, LabelMap, orient


def test_levels_are_the_first_and_the_995th_of_a_thousand_of_the_brains_intensities() -> None:
    """Of 0 to 1000 in the brain, shuffled, rank 1 % is 10 and rank 99.5 % is 995; the background does not count."""
    image = np.zeros((13, 15, 17), dtype=np.float32)
    inside = np.random.default_rng(0).permutation(1001) + 50.0
    image[1:-1, 1:-1, 1:-1].flat[:1001] = inside
    assert brain_levels(image) == (60.0, 1045.0)


def test_an_image_of_one_value_has_levels_apart() -> None:
    assert brain_levels(np.full((3, 3, 3), 4.0, dtype=np.float32)) == (4.0, 5.0)
    brain = np.zeros((5, 5, 5), dtype=np.float32)
    brain[2, 2, 1:4] = 8.0
    assert brain_levels(brain) == (8.0, 9.0)


def test_what_is_marked_is_counted_along_the_axes_of_the_display() -> None:
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    labels[1, 0, 1:3] = Label.ET
    labels[1, 2, 2] = Label.ED
    grid = Grid((2, 3, 4), np.diag([-1.0, 1.0, 1.0, 1.0]))  # LAS: the first axis is turned over
    marks = Marks.of(LabelMap(labels, grid), orient(grid))
    assert marks.box == (slice(0, 1), slice(0, 3), slice(1, 3))
    assert [counts.tolist() for counts in marks.per_slice] == [[3, 0], [2, 0, 1], [0, 1, 2, 0]]
    assert marks.voxels == {Label.NCR: 0, Label.ED: 1, Label.ET: 2, Label.RC: 0}


def test_nothing_is_marked() -> None:
    grid = Grid((2, 3, 4), np.eye(4))
    marks = Marks.of(LabelMap(np.zeros(grid.shape, dtype=np.uint8), grid), orient(grid))
    assert [counts.tolist() for counts in marks.per_slice] == [[0, 0], [0, 0, 0], [0, 0, 0, 0]]
    assert not any(marks.voxels.values())
    assert largest_slice_centre(np.zeros((2, 2, 2), dtype=bool)) is None
    assert largest_slice_centre(np.zeros((0, 0, 0), dtype=bool)) is None
