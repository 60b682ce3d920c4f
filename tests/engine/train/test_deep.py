"""Deep supervision: it teaches, it is resumed, and it leaves no trace in what ships."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.model import read_card
from engine.model.bundle import load_network
from engine.model.unet import UNet, UNetConfig
from engine.runs.settings import TrainConfig
from engine.train.deep import DeepHeads, all_logits, deep_loss, pyramid
from engine.train.feed import Batch
from engine.train.losses import dice_loss, focal_loss, region_targets
from engine.train.network import network_config
from engine.train.trainer import Trainer
from tests.engine.train.runs import CPU, cut_off, trained

TINY = TrainConfig(
    steps=5,
    batch=2,
    shape=(16, 16, 16),
    spacing_mm=10.0,
    width=4,
    depth=3,
    checkpoint_every=2,
    warm_up=0.2,
    deep_supervision=2,
)


def batch() -> Batch:
    chance = torch.Generator().manual_seed(7)
    labels = torch.randint(0, 4, (2, 16, 16, 16), generator=chance, dtype=torch.uint8)
    return Batch(torch.rand((2, 4, 16, 16, 16), generator=chance), labels)


def test_a_level_has_the_size_and_channels_that_it_says():
    network = UNet(UNetConfig(in_channels=4, width=4, depth=3))
    shapes = [tuple(level.shape) for level in network.features(torch.zeros(1, 4, 16, 8, 8))]
    assert shapes == [(1, 16, 4, 2, 2), (1, 8, 8, 4, 4), (1, 4, 16, 8, 8)]
    logits = all_logits(network, DeepHeads(network.config, 1), torch.zeros(1, 4, 16, 8, 8))
    assert [tuple(level.shape) for level in logits] == [(1, 3, 16, 8, 8), (1, 3, 8, 4, 4)]


def test_the_finest_logits_are_those_of_the_network():
    network = UNet(UNetConfig(in_channels=4, width=4, depth=2))
    images = batch().images
    assert torch.equal(all_logits(network, DeepHeads(network.config, 1), images)[0], network(images))


def test_levels_weigh_half_of_the_one_before():
    targets = torch.ones((1, 3, 4, 4, 4))
    right, wrong = 50.0, -50.0  # without smoothing, a loss of 0 and of 1 + 50
    config = replace(TINY, dice_smoothing=0.0)
    for places, loss in (
        ((wrong, right, right), 4 / 7),
        ((right, wrong, right), 2 / 7),
        ((right, right, wrong), 1 / 7),
    ):
        logits = [torch.full((1, 3, size, size, size), place) for size, place in zip((4, 2, 1), places, strict=True)]
        assert deep_loss(config, logits, targets).item() == pytest.approx(51 * loss, rel=1e-5)


def test_smoothing_is_the_same_volume_at_each_level():
    # Nothing is there and half of all is predicted: 1 - 16 / (32 + 16) at each level, and a cross-entropy of ln 2.
    logits = [torch.zeros((1, 3, size, size, size)) for size in (4, 2, 1)]
    loss = deep_loss(replace(TINY, dice_smoothing=16.0), logits, torch.zeros((1, 3, 4, 4, 4)))
    assert loss.item() == pytest.approx(2 / 3 + 0.693147, rel=1e-5)


def test_without_it_the_loss_is_that_of_the_network_alone():
    config = replace(TINY, deep_supervision=0, focal_weight=0.7, focal_gamma=1.5)
    trainer = Trainer(config, CPU)
    logits, targets = trainer.network(batch().images), region_targets(batch().labels)
    alone = dice_loss(logits, targets, config.dice_smoothing) + 0.7 * focal_loss(logits, targets, 1.5)
    assert trainer.train_on(batch()) == alone.item()


def test_coarser_targets_are_of_every_cell_with_any_voxel_and_stay_nested():
    levels = pyramid(region_targets(batch().labels[:, :8, :8, :8] * (torch.arange(8) == 5)))
    fine, half, quarter = next(levels), next(levels), next(levels)
    for coarse, finer in ((half, fine), (quarter, half)):
        cells = finer.unfold(2, 2, 2).unfold(3, 2, 2).unfold(4, 2, 2).flatten(5)  # (B, R, X/2, Y/2, Z/2, 8)
        assert torch.equal(coarse > 0, (cells > 0).any(-1))
        assert bool((coarse[:, 0] <= coarse[:, 1]).all())
        assert bool((coarse[:, 1] <= coarse[:, 2]).all())


def test_every_head_learns():
    trainer = Trainer(TINY, CPU)
    trainer.train_on(batch())  # the rate of the first step is 0
    before = [value.clone() for value in trainer.heads.state_dict().values()]
    trainer.train_on(batch())
    gradients = [parameter.grad for parameter in trainer.heads.parameters()]
    assert len(gradients) == 4
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)
    after = list(trainer.heads.state_dict().values())
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_network_begins_as_it_would_without():
    _same(Trainer(TINY, CPU).average, Trainer(replace(TINY, deep_supervision=0), CPU).average)


def test_a_training_with_it_that_was_cut_off_ends_like_one_that_was_not(tmp_path: Path):
    whole = trained(tmp_path / "whole", TINY)
    resumed = trained(cut_off(tmp_path / "cut", TINY, 3), TINY)  # the last checkpoint is that of step 2
    _same(whole.average, resumed.average)
    _same(whole.heads.state_dict(), resumed.heads.state_dict())


def test_what_is_published_is_the_plain_network(tmp_path: Path):
    trained(tmp_path / "run", TINY)
    network = load_network(read_card(tmp_path / "run" / "model"))
    assert network.state_dict().keys() == UNet(network_config(TINY)).state_dict().keys()


@pytest.mark.parametrize(
    ("levels", "what"), [("3", "less than depth 3"), ("1.5", "whole number"), ("-1", "from 0 to 7")]
)
def test_levels_that_are_not_there_are_refused(tmp_path: Path, levels: str, what: str):
    path = tmp_path / "config.json"
    path.write_text(TINY.to_json().replace('"deep_supervision": 2', f'"deep_supervision": {levels}'), encoding="utf-8")
    with pytest.raises(TrainingError, match=what):
        TrainConfig.read(path)


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
