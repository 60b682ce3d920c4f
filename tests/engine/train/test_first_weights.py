"""Weights to begin from: a model's own, those of some of its modalities, a file's; and which are refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.data import Modality
from engine.errors import ModelError, TrainingError
from engine.model import read_card
from engine.model.bundle import load_network, save_bundle
from engine.model.unet import UNet
from engine.runs.settings import TrainConfig
from engine.train.first_weights import first_weights
from engine.train.network import network_config
from engine.train.trainer import Trainer
from tests.engine.bundles import CONFIG as NETWORK
from tests.engine.bundles import card, threshold_bundle
from tests.engine.train.runs import CPU

CONFIG = TrainConfig(steps=2, shape=(16, 16, 16), width=4, depth=2, norm="none")


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A bundle with random weights."""
    torch.manual_seed(3)
    save_bundle(tmp_path / "model", card(), UNet(NETWORK).state_dict())
    return str(tmp_path / "model")


def test_a_models_weights_are_begun_with(model: str):
    trainer = Trainer(CONFIG, CPU)
    trainer.begin_from(first_weights(model, CONFIG))
    stored = load_network(read_card(Path(model))).state_dict()
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, stored[name])
        assert torch.equal(trainer.average[name], stored[name])


def test_with_some_of_its_modalities_it_computes_as_if_the_others_were_missing(model: str):
    some = replace(CONFIG, modalities=(Modality.T2F, Modality.T1C))
    small, large = UNet(network_config(some)), UNet(NETWORK)
    small.load_state_dict(first_weights(model, some))
    large.load_state_dict(first_weights(model, CONFIG))
    images = torch.randn((1, 2, 16, 16, 16))
    whole = torch.zeros((1, 4, 16, 16, 16))
    whole[:, [3, 1]] = images  # T1, T1CE, T2, FLAIR
    torch.testing.assert_close(small(images), large(whole))


def test_a_file_of_weights_is_read_as_float32(tmp_path: Path):
    weights = {name: value.half() for name, value in UNet(NETWORK).state_dict().items()}
    save_file(weights, tmp_path / "weights.safetensors")
    found = first_weights(str(tmp_path / "weights.safetensors"), CONFIG)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name].float()) for name in weights)


def test_what_does_not_fit_is_refused(model: str, tmp_path: Path):
    threshold_bundle(tmp_path / "sliced", normalisation="slice_minmax")
    with pytest.raises(TrainingError, match=r"normalised by slice_minmax, these settings by zscore.*--init none"):
        first_weights(str(tmp_path / "sliced"), CONFIG)
    modalities = (Modality.T1C, Modality.T2F)
    two = UNet(network_config(replace(CONFIG, modalities=modalities))).state_dict()
    architecture = card().architecture | {"in_channels": 2}
    save_bundle(tmp_path / "two", card(architecture=architecture, modalities=modalities, optional=modalities), two)
    with pytest.raises(TrainingError, match="has never seen T1, T2;"):
        first_weights(str(tmp_path / "two"), CONFIG)
    with pytest.raises(TrainingError, match="another network"):
        Trainer(replace(CONFIG, width=8), CPU).begin_from(first_weights(model, CONFIG))
    with pytest.raises(ModelError, match="no such model"):
        first_weights(str(tmp_path / "nowhere"), CONFIG)


@pytest.mark.parametrize("content", [None, b"", b"not weights at all"])
def test_a_file_that_holds_no_weights_is_told(tmp_path: Path, content: bytes | None):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        first_weights(str(path), CONFIG)
