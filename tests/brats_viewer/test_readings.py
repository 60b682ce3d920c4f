import numpy as np

from brats_viewer.readings import brain_levels, largest_slice_centre, marked_per_slice
from engine.data import Label


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


def test_marked_voxels_are_counted_in_the_slices_of_any_axis() -> None:
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    labels[1, 0, 1:3] = Label.ET
    labels[1, 2, 2] = Label.ED
    assert [marked_per_slice(labels, axis).tolist() for axis in range(3)] == [[0, 3], [2, 0, 1], [0, 1, 2, 0]]
    assert marked_per_slice(np.zeros_like(labels), 2).tolist() == [0, 0, 0, 0]
    assert largest_slice_centre(np.zeros_like(labels)) is None
