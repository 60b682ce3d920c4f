"""Where patches are cut and what they show, by hand-made volumes."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.runs.settings import TrainConfig
from engine.synth.draw import Draw
from engine.train.cache import open_stored, pack
from engine.train.patches import cut_patch, place_patch, rotation, stored_patch, turned_patch

CPU = torch.device("cpu")
CONFIG = TrainConfig(shape=(32, 32, 32), patch=(16, 16, 16), depth=2, foreground=1.0, augmentation="none")


def stored(folder: Path, images, labels):
    (folder / "case").write_bytes(pack(np.asarray(images), np.asarray(labels, dtype=np.uint8)))
    case = open_stored("case", "", folder / "case")
    assert case is not None
    return case


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


def test_a_stored_patch_shows_what_the_whole_case_has_there(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (10, 40, 20))
    case = stored(tmp_path, np.stack([labels * 2, labels - 4]), labels)
    whole = torch.nn.functional.pad(torch.from_numpy(labels), (0, 0, 0, 0, 3, 3))  # to 16 voxels along x
    for seed in range(6):
        _, y, z = place_patch(case, CONFIG, Draw(seed, CPU))
        image, label = stored_patch(case, CONFIG, Draw(seed, CPU))
        assert image.dtype == torch.float32
        assert torch.equal(label, whole[:, y : y + 16, z : z + 16].to(torch.uint8))
        assert torch.equal(image[0], label.float() * 2)
        assert torch.equal(image[1, 3:13], label[3:13].float() - 4)


def test_regions_are_looked_at_alike_whatever_their_size(tmp_path):
    labels = np.zeros((32, 32, 32))
    labels[:16] = 2  # WT: half of the case
    labels[30, 30, 30] = 3  # ET and TC: a voxel in a corner far from the rest
    case = stored(tmp_path, labels[None], labels)
    found = [bool((stored_patch(case, CONFIG, Draw(seed, CPU))[1] == 3).any()) for seed in range(150)]
    assert sum(found) / 150 == pytest.approx(2 / 3, abs=0.12)  # ET and TC always, WT hardly ever


def test_without_foreground_every_place_is_as_likely(tmp_path):
    case = stored(tmp_path, np.zeros((1, 18, 16, 8)), np.ones((18, 16, 8)))
    config = replace(CONFIG, foreground=0.0)
    starts = [place_patch(case, config, Draw(seed, CPU)) for seed in range(300)]
    assert {y for _, y, _ in starts} == {0}
    assert {z for _, _, z in starts} == {-4}
    counts = [sum(x == start for x, _, _ in starts) for start in range(3)]
    assert sum(counts) == 300
    assert min(counts) > 70


def test_a_quarter_turn_is_a_permutation_of_the_voxels(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (16, 16, 16))
    case = stored(tmp_path, labels[None], labels)
    for axis, plane in enumerate(((1, 2), (0, 2), (0, 1))):
        angles = [0.0, 0.0, 0.0]
        angles[axis] = math.pi / 2
        image, label = turned_patch(case, [0, 0, 0], (16, 16, 16), rotation(angles), CPU)
        ways = [np.rot90(labels, turns, plane) for turns in (1, 3)]
        assert any(np.array_equal(label.numpy(), way) for way in ways)
        torch.testing.assert_close(image[0], label.float(), atol=1e-3, rtol=0)


def test_a_scale_of_two_shows_every_other_place(tmp_path):
    ramp = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 40, 40))
    case = stored(tmp_path, ramp[None], np.zeros((40, 40, 40)))
    image, _ = turned_patch(case, [16, 16, 16], (8, 8, 8), 2 * np.eye(3), CPU)
    # The patch's middle lies at 19.5; its voxels 2 apart about it.
    assert image[0, :, 3, 3].tolist() == pytest.approx([12.5, 14.5, 16.5, 18.5, 20.5, 22.5, 24.5, 26.5], abs=1e-2)


def test_a_turned_patch_beyond_the_case_is_background(tmp_path):
    case = stored(tmp_path, np.ones((1, 8, 8, 8)), np.full((8, 8, 8), 2))
    image, label = turned_patch(case, [-4, -4, -4], (16, 16, 16), np.eye(3), CPU)
    assert bool((label[4:12, 4:12, 4:12] == 2).all())
    assert int((label == 2).sum()) == 8**3
    assert bool((image[0, :3] == 0).all())


def test_a_turn_takes_the_labels_along(tmp_path):
    labels = np.zeros((32, 24, 16))
    labels[12:20, 8:16, 4:12] = 3
    case = stored(tmp_path, labels[None], labels)
    config = replace(CONFIG, patch=(32, 24, 16), augmentation="full")
    turned = 0
    for seed in range(20):
        image, label = stored_patch(case, config, Draw(seed, CPU))
        assert bool(((image[0] > 1.5) == (label == 3)).float().mean() > 0.97)
        assert 0.3 < int((label == 3).sum()) / 512 < 3.2
        turned += int((label == 3).sum()) != 512
    assert 2 <= turned <= 14  # 0.36 of 20
