"""The training loop: it learns, it goes on as if it had never stopped, and it says what it cannot do."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import TrainingError
from engine.lock import FolderInUseError
from engine.model import read_card
from engine.model.bundle import load_network
from engine.progress import finish
from engine.runs.folder import Source, create
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage, read_state, tell
from engine.train import checkpoint
from engine.train.feed import Batch, make_batch
from engine.train.loop import train
from engine.train.publish import publish
from engine.train.sources import SyntheticSource
from engine.train.trainer import Trainer, learning_rate, uses_bfloat16
from engine.train.validate import BEYOND, FIRST_SEED, mean_dice, validation_examples
from tests.engine.train.runs import CPU, cut_off, log_of, trained

TINY = TrainConfig(
    steps=5, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, checkpoint_every=2, warm_up=0.2, drop_modality=0.5
)


def test_a_phantom_is_overfitted():
    labels = torch.zeros((1, 16, 16, 16), dtype=torch.uint8)
    labels[:, 2:12, 2:12, 2:12] = 2
    labels[:, 4:10, 4:10, 4:10] = 3
    labels[:, 6:8, 6:8, 6:8] = 1
    images = torch.stack([labels == value for value in range(4)], dim=1).float()
    trainer = Trainer(replace(TINY, steps=40, learning_rate=3e-2, width=8, dice_smoothing=1e-5), CPU)
    losses = [trainer.train_on(Batch(images, labels)) for _ in range(40)]
    assert losses[0] > 1.0
    assert losses[-1] < 0.3


def test_a_training_that_was_cut_off_ends_like_one_that_was_not(tmp_path: Path):
    config = replace(TINY, validate_every=1, validation_cases=1)
    whole = trained(tmp_path / "whole", config)
    create(tmp_path / "cut", config, Source())
    work = train(tmp_path / "cut", device=CPU)
    while next(work).done < 3:
        pass
    work.close()
    same(whole.average, finish(train(tmp_path / "cut", device=CPU)).average)
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "cut")
    assert [line["step"] for line in log_of(tmp_path / "cut") if "dice" in line] == [1, 2, 3, 4, 5]
    assert read_state(tmp_path / "cut").stage is Stage.FINISHED


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_training_that_is_closed_is_stopped_with_its_state_kept(tmp_path: Path):
    create(tmp_path, TINY, Source())
    work = train(tmp_path, device=CPU)
    while next(work).done < 3:
        pass
    work.close()
    assert read_state(tmp_path).stage is Stage.STOPPED
    state, _ = checkpoint.load(tmp_path)
    assert state["step"] == 3


def test_a_training_that_a_person_interrupts_within_a_step_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch):
    whole = trained(tmp_path / "whole", TINY)
    plain = Trainer._average

    def interrupted(trainer: Trainer) -> None:
        if trainer.step == 3:
            raise KeyboardInterrupt
        plain(trainer)

    with monkeypatch.context() as once:
        once.setattr(Trainer, "_average", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "run", TINY)
    assert read_state(tmp_path / "run").stage is Stage.STOPPED
    assert checkpoint.load(tmp_path / "run")[0]["step"] == 2
    same(whole.average, trained(tmp_path / "run", TINY).average)


def test_a_finished_run_is_not_trained_further(tmp_path: Path):
    config = replace(TINY, steps=1)
    first = trained(tmp_path, config)
    again = train(tmp_path, device=CPU)
    with pytest.raises(StopIteration) as stop:
        next(again)
    same(first.average, stop.value.value.average)


def test_a_training_begins_from_given_weights(tmp_path: Path):
    weights = {name: torch.full_like(value, 0.01) for name, value in Trainer(TINY, CPU).network.state_dict().items()}
    trainer = Trainer(TINY, CPU)
    trainer.begin_from(weights)
    assert all(torch.equal(trainer.average[name], weights[name]) for name in weights)


def test_a_run_of_another_configuration_is_refused(tmp_path: Path):
    create(tmp_path, replace(TINY, steps=1), Source())
    with pytest.raises(TrainingError, match="steps: 1, now 5"):
        create(tmp_path, TINY, Source())


def test_where_the_newest_checkpoint_is_damaged_the_one_before_is_gone_on_from(tmp_path: Path):
    whole = trained(tmp_path / "whole", TINY)
    cut = cut_off(tmp_path / "cut", TINY, 5)  # checkpoints are of steps 2 and 4
    (cut / "checkpoint.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    same(whole.average, trained(cut, TINY).average)
    events = [line["event"] for line in log_of(cut) if "event" in line]
    assert len(events) == 1
    assert "going on from the one before it" in events[0]


def test_two_damaged_checkpoints_are_refused(tmp_path: Path):
    cut = cut_off(tmp_path / "cut", TINY, 5)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (cut / name).write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(TrainingError, match=r"checkpoint\.previous\.pt"):
        trained(cut, TINY)
    assert read_state(cut).stage is Stage.FAILED


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"stepz": 3}, "stepz"),
        ({"shape": [80, 90, 80]}, "multiples of 16"),
        ({"patch": [64, 64, 50]}, "patch"),
        ({"patch": [160, 64, 64]}, "larger than shape"),
        ({"precision": "float8"}, "float8"),
        ({"norm": "layer"}, "layer"),
        ({"width": 10}, "multiple of 4"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**64}, "seed"),
        ({"batch": 1.5}, "whole number"),
        ({"hours": float("nan")}, "hours nan"),
        ({"learning_rate": -1}, "learning_rate -1"),
        ({"spacing_mm": 12}, "spacing_mm 12"),
        ({"shape": [0, 16, 16]}, "shape"),
        ([], "valid"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, settings: object, what: str):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(TrainingError, match=what):
        TrainConfig.read(path)


def test_settings_survive_their_file(tmp_path: Path):
    path = tmp_path / "config.json"
    path.write_text(TINY.to_json(), encoding="utf-8")
    assert TrainConfig.read(path) == TINY


def test_a_batch_follows_from_seed_and_number_alone():
    source = SyntheticSource(TINY, CPU)
    one, again = make_batch(TINY, source, 3), make_batch(TINY, source, 3)
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.labels, again.labels)
    for other in (make_batch(TINY, source, 4), make_batch(TINY, SyntheticSource(replace(TINY, seed=1), CPU), 3)):
        assert not torch.equal(one.images, other.images)


def test_validation_scores_a_perfect_network_with_one():
    examples = validation_examples(replace(TINY, validation_cases=3), CPU)

    class Oracle(torch.nn.Module):
        """Answers with the truth of the examples in their order."""

        def __init__(self) -> None:
            super().__init__()
            self.truths = [example.labels for example in examples]

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            labels = self.truths.pop(0)
            regions = torch.stack((labels == 3, (labels == 3) | (labels == 1), labels > 0))
            return regions[None] * 2.0 - 1

    assert mean_dice(Oracle(), examples, TINY.window) == {"ET": 1.0, "TC": 1.0, "WT": 1.0}


def test_bfloat16_is_taken_where_it_is_asked_for():
    assert uses_bfloat16("bfloat16", CPU)
    assert not uses_bfloat16("float32", CPU)


def test_the_rate_rises_and_falls():
    config = TrainConfig(learning_rate=1.0, warm_up=0.1)
    assert learning_rate(config, 0.05) == pytest.approx(0.5)
    assert learning_rate(config, 1.0) == pytest.approx(0.01)


def test_weights_of_another_network_are_refused(tmp_path: Path):
    save_file(Trainer(replace(TINY, width=8), CPU).average, tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match="another network"):
        trained(tmp_path / "run", TINY, Source(init=str(tmp_path / "other.safetensors")))


def test_a_training_that_was_killed_at_any_step_logs_and_ends_as_one_that_was_not(tmp_path: Path):
    config = replace(TINY, steps=24, checkpoint_every=7, validate_every=7, validation_cases=1)
    whole = trained(tmp_path / "whole", config)
    for stop in (6, 8, 23):
        cut = cut_off(tmp_path / f"cut{stop}", config, stop)
        same(whole.average, trained(cut, config).average)
        assert log_of(tmp_path / "whole") == log_of(cut)


def test_validation_looks_through_windows(tmp_path: Path):
    config = replace(TINY, steps=1, shape=(18, 20, 16), patch=(16, 16, 16), validate_every=1, validation_cases=1)
    trained(tmp_path / "run", config)
    (record,) = (line for line in log_of(tmp_path / "run") if "dice" in line)
    assert set(record["dice"]) == {"ET", "TC", "WT"}


def test_every_validation_case_can_be_made():
    source = SyntheticSource(replace(TINY, shape=(40, 48, 40), spacing_mm=4.0), CPU, BEYOND)
    for number in range(24):
        example = source.example(FIRST_SEED + number)
        assert bool(example.images.isfinite().all())


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(TrainingError, match="something else"):
        create(tmp_path, TINY, Source())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_one_process_at_a_time_trains_in_a_folder(tmp_path: Path):
    create(tmp_path, TINY, Source())
    work = train(tmp_path, device=CPU)
    next(work)
    with pytest.raises(FolderInUseError, match=f"process {os.getpid()}"):
        next(train(tmp_path, device=CPU))
    work.close()
    assert finish(train(tmp_path, device=CPU)).step == 5


def test_a_run_goes_on_with_the_data_it_began_with(tmp_path: Path):
    create(tmp_path, TINY, Source(init="one"))
    with pytest.raises(TrainingError, match="init: one, now other"):
        create(tmp_path, TINY, Source(init="other"))


def test_a_paused_run_waits_and_a_stopped_one_ends(tmp_path: Path):
    create(tmp_path, TINY, Source())
    work = train(tmp_path, device=CPU)
    while next(work).done < 2:
        pass
    tell(tmp_path, Command.PAUSE)
    assert [next(work).stage for _ in range(3)] == ["paused"] * 3
    assert checkpoint.load(tmp_path)[0]["step"] == 2
    tell(tmp_path, Command.GO)
    assert next(work).done == 3
    tell(tmp_path, Command.STOP)
    assert finish(work).step == 3
    assert read_state(tmp_path).stage is Stage.STOPPED
    assert finish(train(tmp_path, device=CPU)).step == 5  # what was asked for is done, so it is not asked for again


def test_a_damaged_byte_of_a_checkpoint_is_noticed(tmp_path: Path):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(tmp_path, {"weights": torch.arange(1000.0), "step": 3})
    assert checkpoint.load(tmp_path)[0]["step"] == 3
    content = bytearray(path.read_bytes())
    for place in (0, 40, len(content) // 2, len(content) - 1):
        damaged = content.copy()
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match="checkpoint"):
            checkpoint.load(tmp_path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch):
    checkpoint.save(tmp_path, {"step": 3})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(TrainingError, match="No space left"):
        checkpoint.save(tmp_path, {"step": 4})
    assert checkpoint.load(tmp_path)[0]["step"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_step_whose_gradient_is_not_finite_leaves_the_weights_alone():
    trainer = Trainer(TINY, CPU)
    before = {name: value.clone() for name, value in trainer.average.items()}
    trainer.train_on(Batch(torch.full((1, 4, 16, 16, 16), torch.nan), torch.ones((1, 16, 16, 16), dtype=torch.uint8)))
    assert trainer.step == 1
    assert all(torch.equal(before[name], trainer.average[name]) for name in before)


def test_a_published_run_is_a_bundle(tmp_path: Path):
    trainer = Trainer(TINY, CPU)
    publish(tmp_path / "model", TINY, trainer.average, title="Tiny", description="", training={})
    card = read_card(tmp_path / "model")
    assert card.window == (16, 16, 16)
    network = load_network(card)
    assert torch.allclose(network.head.bias, trainer.average["head.bias"], atol=1e-3)
