import numpy as np
import pytest

from engine.data import background_value, foreground


def boxed(background: float, brain: float) -> np.ndarray:
    image = np.full((6, 7, 8), background, dtype=np.float32)
    image[2:4, 2:5, 3:5] = brain
    return image


@pytest.mark.parametrize("background", [0.0, -1.0, 37.5])
def test_the_value_on_the_edges_is_background(background):
    image = boxed(background, 5.0)
    assert background_value(image) == background
    assert foreground(image).sum() == 2 * 3 * 2


def test_negative_values_inside_the_brain_are_foreground():
    assert foreground(boxed(0.0, -3.0)).sum() == 12


def test_a_brain_that_touches_the_faces_does_not_become_background():
    image = boxed(0.0, 1.0)
    image[:, 2:5, 2:6] = 1.0
    assert background_value(image) == 0.0


def test_noise_everywhere_is_foreground_but_for_exact_zeros():
    image = np.random.default_rng(0).normal(100, 10, (6, 7, 8)).astype(np.float32)
    image[0, 0, 0] = 0.0
    assert background_value(image) == 0.0
    assert foreground(image).sum() == image.size - 1


@pytest.mark.parametrize("value", [0.0, 4.0])
def test_a_constant_image_has_no_foreground(value):
    assert not foreground(np.full((3, 4, 5), value, dtype=np.float32)).any()


def test_one_voxel_brain():
    image = np.zeros((5, 5, 5), dtype=np.float32)
    image[2, 2, 2] = 1.0
    assert np.argwhere(foreground(image)).tolist() == [[2, 2, 2]]


def test_half_of_the_edges_is_enough_and_of_two_halves_the_lower_counts():
    """All eight voxels of a 2 x 2 x 2 image lie on its edges."""
    for shared, others, background in ((7, [1, 2, 3, 4], 7), (7, [8, 9, 10, 11], 7), (7, [5, 5, 5, 5], 5)):
        image = np.array([shared] * 4 + others, dtype=np.float32).reshape(2, 2, 2)
        assert background_value(image) == background
    assert background_value(np.array([7, 7, 7, 1, 2, 3, 8, 9], dtype=np.float32).reshape(2, 2, 2)) == 0.0
