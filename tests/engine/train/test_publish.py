"""A finished model in the person's list of models."""

from pathlib import Path

import pytest
import torch

from engine.data import Modality
from engine.errors import ModelError
from engine.model import find_model, read_card
from engine.model.bundle import save_bundle
from engine.model.unet import UNet
from engine.runs.settings import TrainConfig
from engine.train.publish import blank_card, install
from tests.engine.bundles import CONFIG, card


@pytest.fixture(autouse=True)
def no_models(monkeypatch, tmp_path: Path):
    monkeypatch.setattr("engine.train.publish.user_models_folder", lambda: tmp_path / "models")
    monkeypatch.setattr("engine.model.card.user_models_folder", lambda: tmp_path / "models")


def bundle(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    save_bundle(folder, card(), UNet(CONFIG).state_dict())
    return folder


def test_it_is_found_by_the_runs_name(tmp_path: Path):
    place = install(bundle(tmp_path / "best"), "glioma")
    assert place == tmp_path / "models" / "glioma"
    found = find_model("glioma")
    assert (found.name, found.sha256) == ("glioma", read_card(tmp_path / "best").sha256)
    assert sorted(path.name for path in place.parent.iterdir()) == ["glioma"]


def test_names_that_are_taken_are_counted_on(tmp_path: Path):
    names = [install(bundle(tmp_path / f"{seed}", seed), "glioma").name for seed in range(3)]
    assert names == ["glioma", "glioma-2", "glioma-3"]


def test_the_shipped_models_name_is_not_taken(tmp_path: Path):
    assert install(bundle(tmp_path / "best"), "default").name == "default-2"


def test_the_same_weights_take_the_place_that_they_have(tmp_path: Path):
    install(bundle(tmp_path / "one", 1), "glioma")
    install(bundle(tmp_path / "two", 2), "glioma")
    (tmp_path / "models" / ".glioma-2.new").mkdir()  # of a process that was killed
    assert install(tmp_path / "two", "glioma").name == "glioma-2"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["glioma", "glioma-2"]


@pytest.mark.parametrize("content", ["{", None])
def test_what_is_damaged_or_no_model_is_left_alone(tmp_path: Path, content: str | None):
    other = tmp_path / "models" / "glioma"
    other.mkdir(parents=True)
    (other / ("notes.txt" if content is None else "model.json")).write_text(content or "mine", encoding="utf-8")
    assert install(bundle(tmp_path / "best"), "glioma").name == "glioma-2"
    assert len(list(other.iterdir())) == 1


def test_a_disk_that_does_not_take_it_is_told(tmp_path: Path):
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    with pytest.raises(ModelError, match=r"cannot be put there .* it is still in .*best"):
        install(bundle(tmp_path / "best"), "glioma")


def test_a_blank_card_says_what_the_settings_train():
    config = TrainConfig(modalities=(Modality.T1C, Modality.T2F), shape=(64, 64, 64), patch=(32, 48, 32))
    found = blank_card(config)
    assert found.architecture["in_channels"] == 2
    assert (found.modalities, found.optional) == (config.modalities, config.modalities)
    assert (found.window, found.spacing_mm) == ((32, 48, 32), (2.0, 2.0, 2.0))
    assert blank_card(TrainConfig(drop_modality=0.0)).optional == ()
