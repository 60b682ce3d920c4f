"""What is done to patches, against values worked out by hand, and how often it is done."""

import math

import pytest
import torch

from engine.data import Modality
from engine.runs.settings import ALL_MODALITIES
from engine.synth.draw import Draw
from engine.train.augment import (
    bent,
    blurred,
    coarsened,
    contrasted,
    drop_modalities,
    flip,
    reference_noise,
    vary_intensities,
)

CPU = torch.device("cpu")


def row(*values: float) -> torch.Tensor:
    """Rows (1, X, 1, 1)."""
    return torch.tensor(values).reshape(1, -1, 1, 1)


def test_images_and_labels_are_mirrored_together():
    labels = torch.randint(0, 4, (4, 5, 6), dtype=torch.uint8)
    seen = set()
    for seed in range(60):
        image, label = flip(labels.float()[None], labels, Draw(seed, CPU))
        assert torch.equal(image[0].to(torch.uint8), label)
        flips = [axes for axes in all_flips() if torch.equal(label, labels.flip(axes))]
        seen.update(flips)
    assert len(seen) == 8


def all_flips():
    return [tuple(axis for axis in (-3, -2, -1) if bits >> (axis + 3) & 1) for bits in range(8)]


def test_a_dropped_modality_is_zero_and_one_stays():
    subsets = set()
    for seed in range(200):
        kept = drop_modalities(torch.ones((4, 1, 1, 1)), ALL_MODALITIES, Draw(seed, CPU)).flatten().tolist()
        subsets.add(tuple(kept))
    assert (0.0, 1.0, 0.0, 1.0) in subsets  # T1CE and FLAIR
    assert (1.0, 0.0, 0.0, 0.0) in subsets
    assert (0.0, 0.0, 0.0, 0.0) not in subsets


def test_modalities_are_dropped_by_name_where_there_are_fewer():
    subsets = set()
    for seed in range(200):
        kept = drop_modalities(torch.ones((2, 1, 1, 1)), (Modality.T2F, Modality.T1N), Draw(seed, CPU))
        subsets.add(tuple(kept.flatten().tolist()))
    assert subsets == {(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)}


def test_a_blur_is_the_sum_of_gaussian_weights():
    weights = [math.exp(-0.5 * (place / 0.8) ** 2) for place in range(-3, 4)]
    point = torch.zeros((1, 9, 9, 9))
    point[0, 4, 4, 4] = 2.0
    spread = blurred(point, torch.tensor([0.8]))
    share = [weight / sum(weights) for weight in weights]
    assert spread[0, 1:8, 4, 4].tolist() == pytest.approx([2 * at * share[3] ** 2 for at in share], rel=1e-5)
    assert spread[0, 5, 2, 4].item() == pytest.approx(2 * share[4] * share[1] * share[3], rel=1e-5)
    assert spread.sum().item() == pytest.approx(2.0, rel=1e-5)


def test_each_row_is_blurred_by_its_own_sigma_and_a_constant_stays():
    rows = torch.rand((2, 6, 5, 7))
    both = blurred(rows, torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(both[1:], blurred(rows[1:], torch.tensor([1.0])))
    torch.testing.assert_close(
        blurred(torch.full((1, 4, 4, 4), 3.0), torch.tensor([0.7])), torch.full((1, 4, 4, 4), 3.0)
    )


def test_contrast_stretches_about_the_mean_of_the_brain_and_keeps_its_range():
    rows = row(0.0, 1.0, 2.0, 6.0)  # the brain: 1, 2 and 6, of mean 3
    brain = rows > 0
    assert contrasted(rows, brain, torch.tensor([0.75])).flatten().tolist()[1:] == [1.5, 2.25, 5.25]
    assert contrasted(rows, brain, torch.tensor([1.25])).flatten().tolist()[1:] == [1.0, 1.75, 6.0]  # .5 and 6.75 held


def test_a_low_resolution_takes_the_nearest_voxels_and_joins_them_linearly():
    coarse = coarsened(torch.arange(4.0).reshape(4, 1, 1), 0.5).flatten()  # 2 voxels: 1 and 3, centred at 0.5 and 2.5
    assert coarse.tolist() == [1.0, 1.5, 2.5, 3.0]
    assert torch.equal(coarsened(torch.full((5, 3, 4), 2.0), 0.7), torch.full((5, 3, 4), 2.0))


def test_gamma_bends_within_the_range_and_keeps_mean_and_deviation():
    rows = row(0.0, 2.0, 4.0, 6.0)
    brain = torch.ones_like(rows) > 0
    curved = [(value / 3) ** 1.5 for value in range(4)]
    mean = sum(curved) / 4
    deviation = (sum((value - mean) ** 2 for value in curved) / 4) ** 0.5
    expected = [(value - mean) / deviation * 5**0.5 + 3 for value in curved]  # 0, 2, 4, 6: mean 3, variance 5
    assert bent(rows, brain, torch.tensor([1.5])).flatten().tolist() == pytest.approx(expected, rel=1e-5)
    assert bent(rows, brain, torch.tensor([1.0])).flatten().tolist() == pytest.approx([0.0, 2.0, 4.0, 6.0], abs=1e-5)


def test_gamma_and_contrast_take_rows_without_a_brain():
    empty = torch.zeros((1, 3, 3, 3))
    for changed in (bent, contrasted):
        assert bool(torch.isfinite(changed(empty, empty > 0, torch.tensor([1.2]))).all())


def test_the_references_noise_has_a_tenth_of_each_samples_variance():
    images = torch.zeros((40, 2, 12, 12, 12))
    images[:, 0, ::2] = 2.0
    images[:, 1, ::2] = 6.0  # of both together the mean is 2 and the mean square 10, so the variance 6
    noise = reference_noise(images.clone(), [Draw(seed, CPU) for seed in range(40)]) - images
    noisy = noise.flatten(1).abs().sum(1) > 0
    assert 26 <= int(noisy.sum()) <= 38  # 0.8 of 40
    assert noise[noisy].square().mean((0, 2, 3, 4)).tolist() == pytest.approx([0.6, 0.6], rel=0.05)


def test_varied_intensities_leave_the_background_alone():
    images = torch.randn((6, 4, 8, 8, 8))
    images[:, :, :3] = 0
    varied = vary_intensities(images.clone(), [Draw(seed, CPU) for seed in range(6)])
    assert not bool(varied[:, :, :3].any())
    assert sum(not torch.equal(one, other) for one, other in zip(varied, images, strict=True)) > 3


def test_a_sample_does_not_depend_on_its_batch():
    images = torch.randn((5, 3, 9, 8, 7))
    together = vary_intensities(images.clone(), [Draw(seed, CPU) for seed in range(5)])
    alone = [vary_intensities(images[place : place + 1].clone(), [Draw(place, CPU)])[0] for place in range(5)]
    torch.testing.assert_close(together, torch.stack(alone))


def test_every_variation_comes_as_often_as_it_should():
    """The share of rows that nothing touches: noise, blur, brightness, contrast, resolution, two gammas pass it by."""
    images = torch.randn((600, 1, 4, 4, 4))
    varied = vary_intensities(images.clone(), [Draw(seed, CPU) for seed in range(600)])
    same = sum(torch.allclose(one, other, atol=1e-5) for one, other in zip(varied, images, strict=True)) / 600
    expected = 0.9 * 0.9 * 0.85 * 0.85 * 0.875 * 0.9 * 0.7
    assert same == pytest.approx(expected, abs=0.06)  # three standard deviations
