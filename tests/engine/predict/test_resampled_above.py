import pytest
import torch

from engine.predict.resample import resample, resampled_above

LEVELS = torch.tensor([0.5, -0.5])


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
