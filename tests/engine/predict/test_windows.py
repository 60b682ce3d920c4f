import itertools

import pytest
import torch

from engine.predict.windows import (
    ALL_FLIPS,
    Stitch,
    corner_chunks,
    gaussian_weights,
    inner,
    padding,
    passes,
    window_starts,
    windows,
)


@pytest.mark.parametrize(
    ("size", "window", "overlap"), list(itertools.product((8, 9, 23, 64), (8, 7), (0.0, 0.5, 0.9)))
)
def test_windows_reach_both_ends_and_overlap_enough(size, window, overlap):
    starts = window_starts(size, window, overlap)
    assert starts[0] == 0
    assert starts[-1] + window == size
    steps = [after - before for before, after in itertools.pairwise(starts)]
    assert all(0 < step <= max(1, window * (1 - overlap)) for step in steps)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5])
def test_a_stitch_of_constant_patches_is_constant(overlap):
    shape, window = (20, 17, 11), (8, 8, 8)
    stitch = Stitch(2, shape, gaussian_weights(window))
    for place in windows(shape, window, overlap):
        stitch.add(torch.tensor([3.0, -5.0])[:, None, None, None].expand(2, *window), place)
    torch.testing.assert_close(stitch.mean(), torch.tensor([3.0, -5.0])[:, None, None, None].expand(2, *shape))


def test_a_stitch_weighs_by_hand():
    stitch = Stitch(1, (3, 1, 1), torch.tensor([1.0, 3.0]).reshape(2, 1, 1))
    stitch.add(torch.tensor([10.0, 20.0]).reshape(1, 2, 1, 1), (slice(0, 2), slice(0, 1), slice(0, 1)))
    stitch.add(torch.tensor([40.0, 50.0]).reshape(1, 2, 1, 1), (slice(1, 3), slice(0, 1), slice(0, 1)))
    # In the middle: (3 * 20 + 1 * 40) / 4
    assert stitch.mean().flatten().tolist() == [10.0, 25.0, 50.0]


def test_gaussian_weights_are_highest_in_the_middle_and_never_nothing():
    weights = gaussian_weights((16, 8, 32))
    assert weights.shape == (16, 8, 32)
    assert weights.max() == weights[7, 3, 15] == 1.0
    assert weights.min() >= 1e-4
    # Half a window from the middle is four sigma: exp(-8), at voxel centres a little more.
    profile = weights[:, 3, 15]
    assert profile[0] == pytest.approx(
        torch.exp(torch.tensor(-0.5 * (7.5 / 2) ** 2 + 0.5 * (0.5 / 2) ** 2)).item(), rel=1e-4
    )
    for axis in range(3):
        torch.testing.assert_close(weights, weights.flip(axis))


def test_the_eight_mirrorings_are_all_different_and_their_own_inverse():
    assert len(set(ALL_FLIPS)) == 8
    assert ALL_FLIPS[0] == ()
    image = torch.arange(2 * 27.0).reshape(2, 3, 3, 3)
    for flips in ALL_FLIPS:
        assert torch.equal(image.flip(flips).flip(flips), image)
        assert 0 not in flips, "channels are never flipped"


def test_reference_chunks_sit_in_the_corners():
    chunks = corner_chunks((160, 192, 152), (128, 128, 128))
    starts = {tuple(axis.start for axis in chunk) for chunk in chunks}
    assert len(chunks) == 8
    assert starts == set(itertools.product((0, 32), (0, 64), (0, 24)))


def test_reference_chunks_leave_no_gap_in_a_volume_of_more_than_two_windows():
    covered = torch.zeros(300, 128, 128)
    for chunk in corner_chunks((300, 128, 128), (128, 128, 128)):
        covered[chunk] += 1
    assert covered.min() >= 1


def test_passes_of_each_scheme():
    shape, window = (24, 16, 16), (16, 16, 16)
    plain = list(passes("none", shape, window, 0.5))
    assert [flips for _, flips in plain] == [(), ()]
    mirrored = list(passes("flips", shape, window, 0.5))
    assert len(mirrored) == 16
    assert {flips for _, flips in mirrored} == set(ALL_FLIPS)
    reference = list(passes("reference", shape, window, 0.5))
    assert len(reference) == 8
    assert reference == list(passes("reference", shape, window, 0.5)), "the same seed draws the same flips"
    draws = [flips for seed in range(40) for _, flips in passes("reference", shape, window, 0.5, seed)]
    assert set(draws) == set(ALL_FLIPS)
    with pytest.raises(ValueError, match="rotations"):
        list(passes("rotations", shape, window, 0.5))


def test_padding_puts_the_volume_in_the_middle():
    pads = padding((5, 9, 8), (8, 8, 8))
    assert pads == ((1, 2), (0, 0), (0, 0))
    assert inner((5, 9, 8), pads) == (slice(1, 6), slice(0, 9), slice(0, 8))
