"""Patches, mirrors and missing modalities, by hand-made volumes."""

from dataclasses import replace

import torch

from engine.runs.settings import TrainConfig
from engine.synth.draw import Draw
from engine.train.augment import cut_patch, drop_modalities, flip, turn_and_scale, vary_intensities

CPU = torch.device("cpu")
CONFIG = TrainConfig(shape=(32, 32, 32), patch=(16, 16, 16), depth=2, foreground=1.0)


def test_a_patch_about_a_tumour_holds_it():
    labels = torch.zeros((32, 32, 32), dtype=torch.uint8)
    labels[20, 3, 15] = 3
    images = labels.float().expand(4, -1, -1, -1) * 2
    for seed in range(5):
        image, label = cut_patch(images, labels, CONFIG, Draw(seed, CPU))
        assert image.shape == (4, 16, 16, 16)
        assert int((label == 3).sum()) == 1
        assert torch.equal(image[2], label.float() * 2)


def test_patches_reach_all_of_a_case():
    labels = torch.zeros((32, 32, 32), dtype=torch.uint8)
    position = torch.arange(32.0).reshape(1, 32, 1, 1).expand(4, 32, 32, 32)
    seen = set()
    for seed in range(60):
        image, _ = cut_patch(position, labels, CONFIG, Draw(seed, CPU))
        seen |= set(image[0, :, 0, 0].int().tolist())
    assert seen == set(range(32))


def test_what_sticks_out_of_a_case_is_background():
    labels = torch.full((10, 40, 16), 2, dtype=torch.uint8)
    image, label = cut_patch(torch.ones((4, 10, 40, 16)), labels, CONFIG, Draw(0, CPU))
    assert label.shape == (16, 16, 16)
    assert bool((label[3:13] == 2).all())
    assert not bool(label[:3].any() or label[13:].any())
    assert torch.equal(image[0] > 0, label > 0)


def test_a_case_of_the_windows_size_is_taken_whole():
    config = replace(CONFIG, patch=None)
    labels = torch.arange(32**3).remainder(4).reshape(32, 32, 32).to(torch.uint8)
    assert cut_patch(labels[None].float(), labels, config, Draw(0, CPU))[1] is labels


def test_images_and_labels_are_mirrored_together():
    labels = torch.randint(0, 4, (4, 5, 6), dtype=torch.uint8)
    mirrored = 0
    for seed in range(8):
        image, label = flip(labels.float()[None], labels, Draw(seed, CPU))
        assert torch.equal(image[0].to(torch.uint8), label)
        mirrored += not torch.equal(label, labels)
    assert mirrored > 3


def test_a_dropped_modality_is_zero_and_one_stays():
    subsets = set()
    for seed in range(200):
        kept = drop_modalities(torch.ones((4, 1, 1, 1)), Draw(seed, CPU)).flatten().tolist()
        subsets.add(tuple(kept))
    assert (0.0, 1.0, 0.0, 1.0) in subsets  # T1CE and FLAIR
    assert (1.0, 0.0, 0.0, 0.0) in subsets
    assert (0.0, 0.0, 0.0, 0.0) not in subsets


def test_a_turn_takes_the_labels_along():
    labels = torch.zeros((32, 24, 16), dtype=torch.uint8)
    labels[12:20, 8:16, 4:12] = 3
    images = labels.float().expand(4, -1, -1, -1)
    for seed in range(5):
        image, label = turn_and_scale(images, labels, Draw(seed, CPU))
        overlap = (image[0] > 1.5) & (label == 3)
        assert int(overlap.sum()) > 0.9 * int((label == 3).sum())
        assert 0.3 < int((label == 3).sum()) / int((labels == 3).sum()) < 3.2


def test_varied_intensities_leave_the_background_alone():
    images = torch.randn((4, 8, 8, 8))
    images[:, :3] = 0
    changed = 0
    for seed in range(6):
        varied = vary_intensities(images, Draw(seed, CPU))
        assert not bool(varied[:, :3].any())
        changed += not torch.equal(varied, images)
    assert changed > 3
