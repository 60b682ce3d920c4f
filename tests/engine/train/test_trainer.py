"""A step where memory runs out, steps that come to nothing, and what a state brings back."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.errors import DeviceError, TrainingError
from engine.runs.folder import Source, create
from engine.runs.settings import TrainConfig
from engine.runs.state import Stage, read_state
from engine.train import checkpoint, feed
from engine.train.distributed import Processes
from engine.train.feed import Batch
from engine.train.loop import train
from engine.train.losses import dice_loss, region_targets
from engine.train.trainer import Trainer
from tests.engine.train.runs import CPU, log_of, trained

TINY = TrainConfig(
    steps=20,
    batch=5,
    shape=(16, 16, 16),
    spacing_mm=10.0,
    width=4,
    depth=2,
    checkpoint_every=2,
    warm_up=0.2,
    focal_weight=0.0,
    precision="float32",
)
REMARK = "memory ran out, so 3 of the 5 samples of a step are computed at once and their gradients added up"


def batch(size: int = 5) -> Batch:
    chance = torch.Generator().manual_seed(7)
    labels = torch.randint(0, 4, (size, 16, 16, 16), generator=chance, dtype=torch.uint8)
    return Batch(torch.rand((size, 4, 16, 16, 16), generator=chance), labels)


def holding(trainer: Trainer, samples: int) -> list[int]:
    """A trainer whose device has memory for so many samples; how many were tried at once is kept in the list."""
    tried: list[int] = []
    plain = trainer.network.features

    def features(images: Tensor):
        tried.append(len(images))
        if len(images) > samples:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")
        return plain(images)

    trainer.network.features = features
    return tried


def gradients(trainer: Trainer) -> dict[str, Tensor]:
    return {name: value.grad.clone() for name, value in trainer.network.named_parameters()}


def test_where_memory_runs_out_samples_are_halved_and_the_gradient_is_that_of_all():
    config = replace(TINY, batch_dice=False, clip_norm=1e9)
    whole, halved = Trainer(config, CPU), Trainer(config, CPU)
    tried = holding(halved, 3)
    for number in range(2):
        assert halved.train_on(batch()) == pytest.approx(whole.train_on(batch()), rel=1e-5)
        assert tried == ([5, 3, 2] if number == 0 else [5, 3, 2, 3, 2])
        wanted = gradients(whole)
        for name, gradient in gradients(halved).items():
            torch.testing.assert_close(gradient, wanted[name], rtol=1e-3, atol=1e-6)
    assert halved.remarks == [REMARK]


def test_it_is_halved_until_it_fits_and_the_batch_dice_is_said_to_change():
    trainer = Trainer(TINY, CPU)
    tried = holding(trainer, 1)
    loss = trainer.train_on(batch())
    assert tried == [5, 3, 2, 1, 1, 1, 1, 1]
    assert trainer.remarks[0] == f"{REMARK}; the batch Dice is now taken over 3"
    assert [remark[-6:] for remark in trainer.remarks] == ["over 3", "over 2", "over 1"]
    fresh = Trainer(TINY, CPU)  # the loss of the same weights, by hand
    images, targets = batch().images, region_targets(batch().labels)
    alone = [dice_loss(fresh.network(images[n : n + 1]), targets[n : n + 1], 50.0).item() for n in range(5)]
    assert loss == pytest.approx(sum(alone) / 5, rel=1e-5)


def test_a_sample_that_does_not_fit_is_an_error():
    trainer = Trainer(TINY, CPU)
    holding(trainer, 0)
    with pytest.raises(DeviceError, match="cpu: not enough memory for a step of these settings; lower batch, patch"):
        trainer.train_on(batch())


def test_another_error_is_not_taken_for_lack_of_memory():
    trainer = Trainer(TINY, CPU)
    with pytest.raises(RuntimeError, match="size"):
        trainer.train_on(Batch(batch().images[..., :8], batch().labels))


def test_what_was_halved_stays_so_when_the_run_goes_on():
    trainer = Trainer(TINY, CPU)
    holding(trainer, 3)
    trainer.train_on(batch())
    resumed = Trainer(TINY, CPU)
    resumed.resume(trainer.state())
    tried = holding(resumed, 5)
    resumed.train_on(batch())
    assert tried == [3, 2]


def test_what_several_processes_share_one_takes_at_once():
    config = replace(TINY, batch=4)
    state = Trainer(config, CPU, Processes(0, 2)).state()
    alone = Trainer(config, CPU)
    alone.resume(state)
    assert alone.micro_batch == 4
    shared = Trainer(config, CPU, Processes(1, 2))
    shared.resume(alone.state())
    assert shared.micro_batch == 2


def broken_from(monkeypatch, first: int, last: int) -> None:
    """Batches with these numbers hold what is no number."""
    plain = feed.make_batch

    def make_batch(config, source, index, rank=0, ranks=1):
        made = plain(config, source, index, rank, ranks)
        return Batch(made.images * torch.nan, made.labels) if first <= index <= last else made

    monkeypatch.setattr(feed, "make_batch", make_batch)


def test_ten_steps_in_a_row_without_a_loss_end_a_training_with_its_last_good_state(
    cases: Path, tmp_path: Path, monkeypatch
):
    config = replace(TINY, batch=1, augmentation="none")
    source = Source(dataset=cases, device="cpu")
    whole = trained(tmp_path / "whole", replace(config, steps=5), source)
    with monkeypatch.context() as broken:
        broken_from(broken, 5, 99)
        with pytest.raises(TrainingError) as told:
            trained(tmp_path / "run", config, source)
    line = str(told.value)
    assert line.startswith(f"{tmp_path / 'run'}: 10 steps in a row up to step 15 (of BraTS20_Synthetic_00")
    assert "had no finite loss" in line
    assert read_state(tmp_path / "run").stage is Stage.FAILED
    assert read_state(tmp_path / "run").message == line
    state, _ = checkpoint.load(tmp_path / "run")
    assert state["step"] == 4  # that of a step with a loss, saved every two
    events = [line["event"] for line in log_of(tmp_path / "run") if "event" in line]
    assert len(events) == 10
    assert all(event.startswith("the loss or its gradient (of BraTS20_Synthetic_00") for event in events)
    mended = trained(tmp_path / "run", config, source)
    assert mended.step == 20
    assert not [line for line in log_of(tmp_path / "run") if "event" in line]
    assert whole.step == 5


def test_nine_are_left_out_and_the_next_good_one_is_learned_from(tmp_path: Path, monkeypatch):
    broken_from(monkeypatch, 2, 10)
    config = replace(TINY, batch=1, steps=13)
    end = trained(tmp_path, config)
    assert (end.step, end.left_out) == (13, 0)
    assert all(bool(value.isfinite().all()) for value in end.average.values())
    assert [line["step"] for line in log_of(tmp_path) if "event" in line] == list(range(3, 12))


def test_steps_without_a_loss_are_counted_on_when_the_run_goes_on(tmp_path: Path, monkeypatch):
    broken_from(monkeypatch, 3, 99)
    config = replace(TINY, batch=1, validate_every=8, validation_cases=1)  # which keeps a state of within the ten
    with pytest.raises(TrainingError, match="up to step 13"):
        trained(tmp_path, config)
    assert checkpoint.load(tmp_path)[0]["step"] == 8
    with pytest.raises(TrainingError, match="up to step 13"):
        trained(tmp_path, config)


def test_the_first_state_is_kept_before_the_first_step(tmp_path: Path):
    create(tmp_path, replace(TINY, checkpoint_every=100), Source(device="cpu"))
    work = train(tmp_path, device=CPU)
    while next(work).done < 1:
        pass
    state, _ = checkpoint.load(tmp_path)
    assert (state["step"], state["half"]) == (0, False)
    work.close()


@pytest.mark.parametrize("optimiser", ["adamw", "ranger21"])
def test_a_state_of_another_device_is_laid_out_in_memory_as_the_network_is(optimiser: str):
    config = replace(TINY, optimiser=optimiser)
    trainer = Trainer(config, CPU)
    for _ in range(3):
        trainer.train_on(batch())
    state = copy.deepcopy(trainer.state())
    moments = state["optimiser"]["package"] if optimiser == "ranger21" else state["optimiser"]
    for values in moments["state"].values():
        for name, value in values.items():
            if isinstance(value, Tensor):
                values[name] = value.contiguous()  # as a GPU has it
    resumed = Trainer(config, CPU)
    resumed.resume(state)
    assert resumed.network.encoder[1][0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    for one in (trainer, resumed):
        for _ in range(2):
            one.train_on(batch())
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], value)


def test_averaged_weights_forget_their_beginning():
    trainer = Trainer(replace(TINY, ema=0.9), CPU)
    seen = [trainer.network.state_dict()["head.weight"].clone()]
    wanted = seen[0].clone()
    for step in range(4):
        trainer.train_on(batch())
        now = trainer.network.state_dict()["head.weight"]
        keep = min(0.9, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * now
    torch.testing.assert_close(trainer.average["head.weight"], wanted)
