"""The training loop: it learns, it goes on as if it had never stopped, and it says what it cannot do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import TrainingError
from engine.model import read_card
from engine.model.bundle import load_network
from engine.progress import finish
from engine.train.config import TrainConfig
from engine.train.feed import Batch, make_batch
from engine.train.loop import train
from engine.train.publish import publish
from engine.train.sources import SyntheticSource
from engine.train.trainer import Trainer, learning_rate, uses_bfloat16
from engine.train.validate import mean_dice, validation_examples

CPU = torch.device("cpu")
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
    whole = finish(train(config, tmp_path / "whole")).average
    work = train(config, tmp_path / "cut")
    while next(work).done < 3:  # the last checkpoint is that of step 2
        pass
    work.close()
    resumed = finish(train(config, tmp_path / "cut")).average
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert [_without_times(line) for line in _log(tmp_path / "whole")] == [
        _without_times(line) for line in _log(tmp_path / "cut")
    ]
    assert [line["step"] for line in _log(tmp_path / "cut")] == [1, 2, 3, 4, 5]


def _log(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def _without_times(record: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name != "seconds"}


def test_a_finished_run_is_not_trained_further(tmp_path: Path):
    config = replace(TINY, steps=1)
    first = finish(train(config, tmp_path)).average
    again = train(config, tmp_path)
    with pytest.raises(StopIteration) as stop:
        next(again)
    assert all(torch.equal(first[name], stop.value.value.average[name]) for name in first)


def test_a_training_begins_from_given_weights(tmp_path: Path):
    weights = {name: torch.full_like(value, 0.01) for name, value in Trainer(TINY, CPU).network.state_dict().items()}
    trainer = Trainer(TINY, CPU)
    trainer.begin_from(weights)
    assert all(torch.equal(trainer.average[name], weights[name]) for name in weights)


def test_a_run_of_another_configuration_is_refused(tmp_path: Path):
    finish(train(replace(TINY, steps=1), tmp_path))
    with pytest.raises(TrainingError, match="another configuration"):
        next(train(TINY, tmp_path))


def test_a_damaged_checkpoint_is_refused(tmp_path: Path):
    finish(train(replace(TINY, steps=1), tmp_path))
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt"):
        next(train(replace(TINY, steps=1), tmp_path))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"stepz": 3}, "stepz"),
        ({"shape": [80, 90, 80]}, "multiples of 16"),
        ({"patch": [64, 64, 50]}, "patch"),
        ({"patch": [160, 64, 64]}, "larger than shape"),
        ({"precision": "float8"}, "float8"),
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
    for other in (make_batch(TINY, source, 4), make_batch(replace(TINY, seed=1), source, 3)):
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

    assert mean_dice(Oracle(), examples) == {"ET": 1.0, "TC": 1.0, "WT": 1.0}


def test_bfloat16_is_taken_where_it_is_asked_for():
    assert uses_bfloat16("bfloat16", CPU)
    assert not uses_bfloat16("float32", CPU)


def test_the_rate_rises_and_falls():
    config = TrainConfig(learning_rate=1.0, warm_up=0.1)
    assert learning_rate(config, 0.05) == pytest.approx(0.5)
    assert learning_rate(config, 1.0) == pytest.approx(0.01)


def test_weights_of_another_network_are_refused(tmp_path: Path):
    weights = Trainer(replace(TINY, width=8), CPU).average
    with pytest.raises(TrainingError, match="another network"):
        next(train(TINY, tmp_path, init=weights))
    assert not (tmp_path / "config.json").exists()


def test_a_published_run_is_a_bundle(tmp_path: Path):
    trainer = Trainer(TINY, CPU)
    publish(tmp_path / "model", TINY, trainer.average, title="Tiny", description="", training={})
    card = read_card(tmp_path / "model")
    assert card.window == (16, 16, 16)
    network = load_network(card)
    assert torch.allclose(network.head.bias, trainer.average["head.bias"], atol=1e-3)
