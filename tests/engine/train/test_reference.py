"""The preset `reference` against the slides of the reference system (E. Tweedy), point by point, by hand.

Where the slides leave a step open (the clipping of the noise, where a padding goes), it is as in the author's published
code, which trained the model.
"""

import io
import math
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import Parameter

from engine.data import Label, LabelMap, Modality, Region
from engine.data.split import random_split
from engine.data.volume import Grid
from engine.model.unet import UNet, parameter_count
from engine.predict.windows import Stitch, padding, passes
from engine.progress import finish
from engine.runs.presets import FIRST_WEIGHTS, PRESETS
from engine.score import score
from engine.score.cohort import spread
from engine.synth.draw import Draw
from engine.train.augment import reference_noise
from engine.train.cache import StoredCase, open_stored, pack
from engine.train.deep import deep_loss
from engine.train.feed import Batch
from engine.train.losses import dice_loss, focal_loss, region_targets
from engine.train.network import network_config
from engine.train.optimiser import make_optimiser
from engine.train.patches import place_patch, stored_patch
from engine.train.publish import blank_card
from engine.train.sources import FolderSource, prepare_dataset
from engine.train.trainer import Trainer
from tests.engine.data.files import write
from tests.engine.train.runs import CPU

REFERENCE = PRESETS["reference"]
TINY = replace(REFERENCE, patch=(8, 8, 8), width=4, depth=2, batch=2, precision="float32", steps=20, epochs=None)
EPS = 1e-5


def stored(folder: Path, images, labels, name: str = "case") -> StoredCase:
    (folder / name).write_bytes(pack(np.asarray(images), np.asarray(labels, dtype=np.uint8)))
    found = open_stored(name, "", folder / name)
    assert found is not None
    return found


# Data and preparation


def test_369_cases_are_split_221_74_74():
    split = random_split([f"BraTS20_Training_{number:03}" for number in range(1, 370)], REFERENCE.seed)
    assert (len(split.training), len(split.validation), len(split.test)) == (221, 74, 74)


def test_the_channels_are_t1ce_t2_and_flair():
    assert REFERENCE.modalities == (Modality.T1C, Modality.T2W, Modality.T2F)


def test_regions_are_et_tc_wt_of_the_labels():
    labels = torch.tensor([Label.BACKGROUND, Label.NCR, Label.ED, Label.ET]).reshape(1, 4, 1, 1)
    et, tc, wt = region_targets(labels)[0].flatten(1).tolist()
    assert (et, tc, wt) == ([0, 0, 0, 1], [0, 1, 0, 1], [0, 1, 1, 1])
    assert blank_card(REFERENCE).regions == (Region.ET, Region.TC, Region.WT)


def test_a_case_is_scaled_by_slices_and_cropped_to_its_brain(tmp_path: Path):
    """Two axial slices of a brain of 2 x 3 voxels in an image of 6 x 6 x 4, 4 in the file becoming ET."""
    folder = tmp_path / "data" / "BraTS20_Training_001"
    brain = np.array([[[10, 8], [20, 0], [40, 6]], [[30, 2], [0, 4], [5, 0]]])  # (2, 3, 2), zeros inside of it too
    for factor, suffix in ((1, "t1ce"), (2, "t2"), (3, "flair")):
        image = np.zeros((6, 6, 4), dtype=np.int16)
        image[2:4, 1:4, 1:3] = factor * brain
        write(folder / f"{folder.name}_{suffix}.nii.gz", image)
    truth = np.zeros((6, 6, 4), dtype=np.uint8)
    truth[2, 1:4, 1] = 1, 2, 4
    write(folder / f"{folder.name}_seg.nii.gz", truth)
    work = prepare_dataset(tmp_path / "data", [folder.name], TINY, CPU, cache=tmp_path / "cache")
    example = finish(work).cases[0].example(CPU)
    assert example.labels.shape == (2, 3, 2)
    assert example.labels[0, :, 0].tolist() == [Label.NCR, Label.ED, Label.ET]
    by_hand = brain / [40, 8]  # the least of each slice is 0, the most 40 and 8 (times the factor)
    for channel in range(3):
        assert example.images[channel].numpy() == pytest.approx(by_hand, abs=5e-4)  # which float16 keeps


# The network


def test_the_network_is_a_unet_of_16_channels():
    network = UNet(network_config(REFERENCE))
    assert parameter_count(network) == 5_647_283
    assert [block[0].out_channels for block in network.encoder] == [16, 32, 64, 128, 256]
    assert [(up.in_channels, up.out_channels, up.kernel_size, up.stride) for up in network.up] == [
        (2 * width, width, (2, 2, 2), (2, 2, 2)) for width in (128, 64, 32, 16)
    ]
    assert [block[0].in_channels for block in network.decoder] == [256, 128, 64, 32]  # skip and up
    for block in (*network.encoder, *network.decoder):
        kinds = [type(layer) for layer in block]
        assert kinds == 2 * [nn.Conv3d, nn.GroupNorm, nn.ReLU]
        for convolution, norm, _ in (list(block)[:3], list(block)[3:]):
            assert (convolution.kernel_size, convolution.padding, convolution.bias) == ((3, 3, 3), (1, 1, 1), None)
            assert norm.num_groups == 4
    assert (network.pool.kernel_size, network.pool.stride) == (2, 2)
    assert (network.head.kernel_size, network.head.out_channels) == ((1, 1, 1), 3)
    assert network.head.bias is not None
    assert (REFERENCE.deep_supervision, FIRST_WEIGHTS["reference"]) == (0, None)


# Training samples


def test_an_epoch_has_each_case_twelve_times_in_batches_of_twelve(tmp_path: Path):
    assert (REFERENCE.samples_per_case, REFERENCE.batch, REFERENCE.epochs) == (12, 12, 60)
    assert REFERENCE.with_cases(221).steps == 60 * 221
    cases = tuple(stored(tmp_path, np.zeros((3, 2, 2, 2)), np.zeros((2, 2, 2)), f"{n}") for n in range(5))
    source = FolderSource(cases, REFERENCE, CPU)
    for epoch in range(2):
        names = [source.case_of(number).id for number in range(60 * epoch, 60 * (epoch + 1))]
        assert Counter(names) == {f"{n}": 12 for n in range(5)}


def test_crops_of_128_lie_anywhere_whatever_they_show(tmp_path: Path):
    assert REFERENCE.window == (128, 128, 128)
    assert (REFERENCE.spacing_mm, REFERENCE.foreground) == (1.0, 0.0)
    labels = np.zeros((10, 8, 8))
    labels[0] = 3
    case = stored(tmp_path, np.zeros((3, 10, 8, 8)), labels)
    starts = Counter(tuple(place_patch(case, TINY, Draw(seed, CPU))) for seed in range(300))
    assert set(starts) == {(0, 0, 0), (1, 0, 0), (2, 0, 0)}
    assert min(starts.values()) > 70


def test_a_smaller_case_is_padded_with_zeros_the_odd_one_behind(tmp_path: Path):
    case = stored(tmp_path, np.ones((3, 5, 8, 4)), np.full((5, 8, 4), 2))
    image, label = stored_patch(case, TINY, Draw(0, CPU))
    assert image[0, :, 0, 3].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]
    assert image[2, 3, 3].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert torch.equal(label == 2, image[0] == 1)
    assert padding((5, 8, 4), (8, 8, 8)) == ((1, 2), (0, 0), (2, 2))  # as in prediction


def test_noise_has_a_tenth_of_the_samples_variance_and_is_clipped():
    sample = torch.zeros((3, 4, 4, 4))
    sample[0, :2], sample[1] = 1.0, 0.5  # of 192 values 32 are 1 and 64 are 0.5
    variance = 48 / 192 - (64 / 192) ** 2
    noisy = 0
    for seed in range(200):
        again = Draw(seed, CPU)
        chosen = again.chance(0.8)
        noise = math.sqrt(0.1 * variance) * again.white_noise((3, 4, 4, 4))
        wanted = (sample + noise).clamp(0, 1) if chosen else sample
        torch.testing.assert_close(reference_noise(sample[None].clone(), [Draw(seed, CPU)])[0], wanted)
        noisy += chosen
    assert noisy / 200 == pytest.approx(0.8, abs=0.08)


def test_what_is_not_within_0_and_1_is_not_clipped():
    sample = torch.randn((1, 2, 6, 6, 6), generator=torch.Generator().manual_seed(0))
    found = [reference_noise(sample.clone(), [Draw(seed, CPU)]) for seed in range(5)]
    assert max(float(one.amax()) for one in found) > 1
    assert min(float(one.amin()) for one in found) < -1


def test_each_axis_is_mirrored_in_half_of_the_samples_and_nothing_else_is_done(tmp_path: Path):
    ramp = np.linspace(0.1, 1, 512).reshape(8, 8, 8)
    case = stored(tmp_path, np.stack([ramp] * 3), np.random.default_rng(0).integers(0, 4, (8, 8, 8)))
    source = FolderSource((case,), TINY, CPU)
    whole = case.example(CPU)
    seen: Counter[tuple[int, ...]] = Counter()
    for number in range(240):
        batch = source.samples([number])
        (axes,) = (axes for axes in _mirrorings() if torch.equal(batch.labels[0], whole.labels.flip(axes)))
        seen[axes] += 1
        assert float((batch.images[0] - whole.images.flip([axis + 1 for axis in axes])).abs().mean()) < 0.1
    assert len(seen) == 8
    for axis in range(3):
        assert sum(count for axes, count in seen.items() if axis in axes) / 240 == pytest.approx(0.5, abs=0.1)
    assert REFERENCE.drop_modality == 0


def _mirrorings() -> list[tuple[int, ...]]:
    return [tuple(axis for axis in range(3) if bits >> axis & 1) for bits in range(8)]


# The loss


def test_the_loss_is_dice_and_focal_unweighted_by_monais_formulas():
    """Two samples of two voxels; p is 3/4 where a logit is ln 3, 1/2 where it is 0, 1/4 where it is -ln 3."""
    three = math.log(3)
    logits = torch.tensor([[[three, 0.0], [0.0, 0.0], [three, three]], [[0.0, -three], [-three, 0.0], [0.0, 0.0]]])
    truth = torch.tensor([[[1, 0], [1, 1], [1, 1]], [[0, 0], [0, 1], [0, 1]]])
    p = [[[0.75, 0.5], [0.5, 0.5], [0.75, 0.75]], [[0.5, 0.25], [0.25, 0.5], [0.5, 0.5]]]
    dice, focal = [], []
    for sample in range(2):
        for region in range(3):
            pairs = list(zip(p[sample][region], truth[sample][region].tolist(), strict=True))
            overlap, total = sum(a * y for a, y in pairs), sum(a + y for a, y in pairs)
            dice.append(1 - (2 * overlap + EPS) / (total + EPS))
            right = [a if y else 1 - a for a, y in pairs]
            focal += [-((1 - a) ** 2) * math.log(a) for a in right]
    wanted = sum(dice) / 6 + sum(focal) / 12
    found = deep_loss(REFERENCE, [logits.reshape(2, 3, 2, 1, 1)], truth.reshape(2, 3, 2, 1, 1).float())
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_nothing_against_nothing_costs_nothing_and_a_speck_against_nothing_all():
    nothing, speck = torch.full((1, 1, 2, 1, 1), -40.0), torch.tensor([40.0, -40.0]).reshape(1, 1, 2, 1, 1)
    truth = torch.zeros((1, 1, 2, 1, 1))
    smoothing = REFERENCE.dice_smoothing
    assert smoothing == EPS
    assert dice_loss(nothing, truth, smoothing, batch=False).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(speck, truth, smoothing, batch=False).item() == pytest.approx(1, abs=1e-4)
    assert focal_loss(nothing, truth, REFERENCE.focal_gamma).item() == 0


# The optimiser


def test_the_schedule_of_ranger21_is_the_packages_for_60_epochs():
    package = make_optimiser(REFERENCE, [Parameter(torch.ones(3))], REFERENCE.with_cases(221).steps)._package
    assert (package.starting_lr, package.min_lr) == (3e-3, 3e-5)
    assert package.total_iterations == 13260
    assert package.num_warmup_iters == 2000
    assert package.start_warm_down == 9547  # 72 %
    assert package.defaults["weight_decay"] == 1e-4


def test_the_weights_move_as_the_package_alone_moves_them():
    """The package as the author makes it, with epochs and batches, beside ours, with their product."""
    import ranger21

    starts = [torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([0.3, -0.1])]
    theirs, ours = ([Parameter(start.clone()) for start in starts] for _ in range(2))
    with redirect_stdout(io.StringIO()):
        package = ranger21.Ranger21(theirs, lr=3e-3, num_epochs=6, num_batches_per_epoch=7, warmdown_min_lr=3e-5)
    optimiser = make_optimiser(REFERENCE, ours, 42)
    for step in range(42):
        for weights in (theirs, ours):
            for place, parameter in enumerate(weights):
                parameter.grad = torch.sin(parameter.detach() * (step + 1) + place)
        with redirect_stdout(io.StringIO()):
            package.step()
        optimiser.step()
        assert all(torch.equal(one, other) for one, other in zip(theirs, ours, strict=True))


def test_a_step_is_the_packages_on_the_plain_loss_of_the_network():
    import ranger21

    trainer = Trainer(TINY, CPU)
    network = UNet(network_config(TINY))
    network.load_state_dict(trainer.network.state_dict())
    with redirect_stdout(io.StringIO()):
        package = ranger21.Ranger21(network.parameters(), lr=3e-3, num_epochs=1, num_batches_per_epoch=20)
    chance = torch.Generator().manual_seed(5)
    for _ in range(4):
        images = torch.rand((2, 3, 8, 8, 8), generator=chance)
        labels = torch.randint(0, 4, (2, 8, 8, 8), generator=chance, dtype=torch.uint8)
        found = trainer.train_on(Batch(images, labels))
        loss = _plain_loss(network(images), region_targets(labels))
        package.zero_grad()
        loss.backward()
        with redirect_stdout(io.StringIO()):
            package.step()
        assert found == pytest.approx(loss.item(), rel=1e-5)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(trainer.network.state_dict()[name], value, rtol=1e-3, atol=1e-5)
        assert torch.equal(trainer.average[name], trainer.network.state_dict()[name])  # nothing is averaged


def _plain_loss(logits: Tensor, truth: Tensor) -> Tensor:
    p = logits.sigmoid()
    axes = (2, 3, 4)
    dice = 1 - (2 * (p * truth).sum(axes) + EPS) / (p.sum(axes) + truth.sum(axes) + EPS)
    right = torch.where(truth > 0, p, 1 - p)
    return dice.mean() - ((1 - right) ** 2 * right.log()).mean()


def test_the_model_is_that_of_the_last_epoch_with_nothing_tuned():
    assert not REFERENCE.keep_best
    assert not REFERENCE.tune_et
    card = blank_card(REFERENCE)
    assert card.thresholds == (0.5, 0.5, 0.5)
    assert (card.window, card.spacing_mm, card.normalisation) == ((128, 128, 128), (1.0, 1.0, 1.0), "slice_minmax")
    assert (card.optional, card.min_et_ml, card.fill_core) == ((), 0.0, False)


# Inference and metric


def test_eight_corner_chunks_are_mirrored_at_random():
    assert REFERENCE.tta == "reference"
    shape = (140, 173, 128)
    flips: Counter[tuple[int, ...]] = Counter()
    for seed in range(100):
        plan = list(passes("reference", shape, REFERENCE.window, 0.5, seed))
        corners = [tuple((part.start, part.stop) for part in window) for window, _ in plan]
        assert sorted(corners) == sorted(
            (x, y, z) for x in ((0, 128), (12, 140)) for y in ((0, 128), (45, 173)) for z in ((0, 128), (0, 128))
        )
        flips.update(axes for _, axes in plan)
    assert len(flips) == 8
    for axis in (1, 2, 3):
        assert sum(count for axes, count in flips.items() if axis in axes) / 800 == pytest.approx(0.5, abs=0.06)


def test_logits_are_averaged_on_the_overlaps():
    stitch = Stitch(1, (3, 2, 2), torch.ones((2, 2, 2)))  # as the pipeline has it for this scheme
    for value, place in ((1.0, slice(0, 2)), (-4.0, slice(1, 3))):
        stitch.add(torch.full((1, 2, 2, 2), value), (place, slice(0, 2), slice(0, 2)))
    assert stitch.mean()[0, :, 0, 0].tolist() == [1.0, -1.5, -4.0]


def test_a_region_that_is_not_there_scores_1_if_none_is_predicted_else_0():
    grid = Grid((4, 1, 1), np.eye(4))

    def dice(predicted: list[Label], truth: list[Label]) -> dict[str, float]:
        one, other = (
            LabelMap(np.array(labels, dtype=np.uint8).reshape(4, 1, 1), grid) for labels in (predicted, truth)
        )
        return {str(region): found.dice for region, found in score(one, other).items()}

    none, ncr, ed, et = Label.BACKGROUND, Label.NCR, Label.ED, Label.ET
    assert dice([ed, ed, none, none], [ed, none, ed, none]) == {"ET": 1.0, "TC": 1.0, "WT": 0.5}
    assert dice([et, ed, none, none], [ncr, ed, none, none]) == {"ET": 0.0, "TC": 1.0, "WT": 1.0}
    assert dice([ed, ed, none, none], [et, ed, none, none]) == {"ET": 0.0, "TC": 0.0, "WT": 1.0}
    assert spread([1.0, 0.5, 0.0]).mean == 0.5  # over cases
