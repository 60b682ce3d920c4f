import numpy as np
import pytest
import torch

from engine.predict.normalise import normalise, slice_minmax, zscore
from engine.predict.resample import axis_weights, resample, resampled_above

LEVELS = torch.tensor([0.5, -0.5])


def test_halving_and_doubling_by_hand():
    # Two voxels become one: the mean. One becomes two: itself. Doubling: centres at -.25, .25, .75, 1.25 of the old.
    assert axis_weights(2, 1).tolist() == [[0.5, 0.5]]
    assert axis_weights(1, 2).tolist() == [[1.0], [1.0]]
    doubled = axis_weights(2, 4) @ torch.tensor([0.0, 1.0])
    assert doubled.tolist() == [0.0, 0.25, 0.75, 1.0]


@pytest.mark.parametrize(("size", "new_size"), [(10, 10), (10, 5), (7, 3), (5, 13), (155, 78), (240, 120)])
def test_a_line_stays_a_line_away_from_the_ends(size, new_size):
    ratio = size / new_size
    centres = (np.arange(new_size) + 0.5) * ratio - 0.5
    line = (axis_weights(size, new_size) @ torch.arange(size, dtype=torch.float32)).numpy()
    inside = (centres > ratio) & (centres < size - 1 - ratio)
    np.testing.assert_allclose(line[inside], centres[inside], rtol=1e-4, atol=0.05)
    np.testing.assert_allclose(axis_weights(size, new_size).sum(1), 1.0, rtol=1e-5)


def test_down_and_up_again_keeps_a_smooth_image():
    x, y, z = torch.meshgrid(*[torch.linspace(0, 3, size) for size in (40, 48, 37)], indexing="ij")
    image = (torch.sin(x) * torch.cos(y) + z)[None]
    back = resample(resample(image, (20, 24, 19)), (40, 48, 37))
    assert (back - image).abs()[:, 4:-4, 4:-4, 4:-4].max() < 0.02


def test_zscore_leaves_constant_and_missing_channels_at_zero():
    images = torch.stack((torch.full((2, 2, 2), 7.0), torch.zeros(2, 2, 2), torch.arange(8.0).reshape(2, 2, 2)))
    inside = torch.stack((torch.ones(2, 2, 2), torch.zeros(2, 2, 2), torch.ones(2, 2, 2))).bool()
    scores = zscore(images, inside)
    assert scores[:2].abs().max() == 0
    assert scores[2].mean().abs() < 1e-6
    assert scores[2].std(correction=0) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(("scale", "shift"), [(1e-4, 0.0), (1e4, 0.0), (1.0, 1e4), (2.0, -500.0)])
def test_zscore_does_not_see_the_scanners_unit(scale, shift):
    image = torch.rand(1, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    inside = image > 0.1
    torch.testing.assert_close(zscore(image * scale + shift, inside), zscore(image, inside), rtol=0.02, atol=0.02)


def test_slice_minmax_works_on_axial_slices():
    image = torch.tensor([[[1.0, -4.0], [2.0, 4.0]]])[None]  # (1, 1, 2, 2): slices are the last axis
    assert slice_minmax(image, image != 0)[0, 0].tolist() == [[0.5, 0.0], [1.0, 1.0]]


def test_slice_minmax_of_a_crop_is_that_of_the_whole_slice():
    whole = torch.zeros(1, 6, 6, 2)
    whole[:, 2:4, 3:5] = torch.tensor([[3.0, 5.0], [6.0, 4.0]])[..., None] * torch.tensor([1.0, 7.0])
    crop = whole[:, 2:4, 3:5]
    assert torch.equal(slice_minmax(whole, whole > 0)[:, 2:4, 3:5], slice_minmax(crop, crop > 0))
    assert slice_minmax(crop, crop > 0)[0, ..., 1].flatten().tolist() == pytest.approx([0.5, 5 / 6, 1.0, 2 / 3])


def test_slice_minmax_leaves_the_background_at_zero_where_the_brain_lies_below_it():
    image = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    assert slice_minmax(image, image != 0).flatten().tolist() == [0.0, 0.0, 1.0]
    assert slice_minmax(torch.full((1, 2, 1, 1), 0.0), torch.ones(1, 2, 1, 1) > 0).flatten().tolist() == [0.0, 0.0]


def test_normalise_by_name_keeps_the_background_at_zero():
    image = torch.tensor([-1.0, -1.0, 0.5, 0.7]).reshape(1, 1, 4, 1)
    inside = image > -1
    for scheme in ("zscore", "slice_minmax"):
        assert normalise(image, inside, scheme).flatten()[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("new_shape", [(20, 22, 18), (10, 11, 9), (7, 11, 30), (5, 4, 3)])
def test_it_is_above_where_the_whole_resampled_volume_is(new_shape):
    volume = torch.full((2, 10, 11, 9), -1.0)
    volume[0, 3:6, 4, 2:7] = torch.rand((3, 5), generator=torch.Generator().manual_seed(0)) * 4 + 6
    volume[1, 8, 10, 8] = 3.0  # at the corner
    found, box = resampled_above(volume, LEVELS, new_shape)
    whole = torch.zeros((2, *new_shape), dtype=torch.bool)
    whole[(slice(None), *box)] = found
    assert found.any()
    assert torch.equal(whole, resample(volume, new_shape) > LEVELS[:, None, None, None])


def test_nothing_above_is_an_empty_box():
    found, box = resampled_above(torch.full((2, 4, 4, 4), -1.0), LEVELS, (8, 8, 8))
    assert found.numel() == 0
    assert torch.zeros(8, 8, 8)[box].numel() == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_how_a_volume_lies_in_memory_is_no_matter(order):
    volume = torch.rand(6, 8, 10, generator=torch.Generator().manual_seed(1))
    back = [order.index(axis) for axis in range(3)]
    stored = volume.permute(order).contiguous().permute(back)
    assert stored.is_contiguous() == (order == (0, 1, 2))
    torch.testing.assert_close(resample(stored, (3, 8, 15)), resample(volume, (3, 8, 15)))
