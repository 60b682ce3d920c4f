"""The training loop: it learns, it goes on as if it had never stopped, and it says what it cannot do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.errors import TrainingError
from engine.model import read_card
from engine.model.bundle import load_network
from engine.progress import finish
from engine.synth.draw import Draw
from engine.train.config import TrainConfig
from engine.train.feed import Batch, drop_modalities
from engine.train.loop import Trainer, train
from engine.train.publish import publish

TINY = TrainConfig(
    steps=5, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, checkpoint_every=2, warm_up=0.2, drop_modality=0.5
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks as small as these are slower on more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_phantom_is_overfitted():
    labels = torch.zeros((1, 16, 16, 16), dtype=torch.uint8)
    labels[:, 2:12, 2:12, 2:12] = 2
    labels[:, 4:10, 4:10, 4:10] = 3
    labels[:, 6:8, 6:8, 6:8] = 1
    images = torch.stack([labels == value for value in range(4)], dim=1).float()
    trainer = Trainer(replace(TINY, steps=40, learning_rate=3e-2, width=8))
    losses = [trainer.train_on(Batch(images, labels)) for _ in range(40)]
    assert losses[0] > 1.0
    assert losses[-1] < 0.3


def test_a_training_that_was_cut_off_ends_like_one_that_was_not(tmp_path: Path):
    whole = finish(train(TINY, tmp_path / "whole"))
    work = train(TINY, tmp_path / "cut")
    while next(work).done < 3:  # the last checkpoint is that of step 2
        pass
    work.close()
    resumed = finish(train(TINY, tmp_path / "cut"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_finished_run_is_not_trained_further(tmp_path: Path):
    config = replace(TINY, steps=1)
    first = finish(train(config, tmp_path))
    again = train(config, tmp_path)
    with pytest.raises(StopIteration) as stop:
        next(again)
    assert all(torch.equal(first[name], stop.value.value[name]) for name in first)


def test_a_training_begins_from_given_weights(tmp_path: Path):
    weights = {name: torch.full_like(value, 0.01) for name, value in Trainer(TINY).network.state_dict().items()}
    trainer = Trainer(TINY)
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
    ("settings", "what"), [({"stepz": 3}, "stepz"), ({"shape": [80, 90, 80]}, "multiples of 16"), ([], "valid")]
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


def test_a_dropped_modality_is_zero_and_t1c_or_flair_stays():
    counts = set()
    for seed in range(40):
        image = torch.ones((4, 1, 1, 1))
        drop_modalities(image, Draw(seed, torch.device("cpu")))
        kept = image.flatten().tolist()
        assert kept[1] == 1 or kept[3] == 1
        counts.add(sum(kept))
    assert counts == {1.0, 2.0, 3.0}


def test_a_published_run_is_a_bundle(tmp_path: Path):
    trainer = Trainer(TINY)
    publish(tmp_path / "model", TINY, trainer.average, title="Tiny", description="", training={})
    card = read_card(tmp_path / "model")
    assert card.window == (16, 16, 16)
    network = load_network(card)
    assert torch.allclose(network.head.bias, trainer.average["head.bias"], atol=1e-3)
