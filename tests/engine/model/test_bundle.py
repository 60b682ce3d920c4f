import json

import pytest
import torch

from engine import model
from engine.errors import ModelError
from engine.model import find_model, read_card
from engine.model.bundle import load_network, network_config, save_bundle
from tests.engine.bundles import card, threshold_bundle, threshold_network


def edit(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_bundle_comes_back_as_it_was_saved(tmp_path):
    saved = threshold_bundle(tmp_path / "mine", limits=("none known",), min_et_ml=0.2)
    loaded = read_card(tmp_path / "mine")
    assert loaded == saved
    assert loaded.name == "mine"
    weights = load_network(loaded).state_dict()
    for name, tensor in threshold_network().state_dict().items():
        assert weights[name].dtype == torch.float32
        torch.testing.assert_close(weights[name], tensor)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"], "no temporary folder is left"


def test_an_earlier_card_has_one_threshold(tmp_path):
    threshold_bundle(tmp_path / "mine")
    path = tmp_path / "mine" / "model.json"
    content = json.loads(path.read_text())
    del content["thresholds"]
    path.write_text(json.dumps(content | {"threshold": 0.3}))
    assert read_card(tmp_path / "mine").thresholds == (0.3, 0.3, 0.3)


def test_saving_over_a_bundle_keeps_the_files_beside_it(tmp_path):
    threshold_bundle(tmp_path / "mine")
    (tmp_path / "mine" / "README.md").write_text("notes")
    threshold_bundle(tmp_path / "mine", title="Second")
    assert read_card(tmp_path / "mine").title == "Second"
    assert (tmp_path / "mine" / "README.md").read_text() == "notes"


def test_weights_are_kept_in_half_precision(tmp_path):
    threshold_bundle(tmp_path / "mine")
    count = sum(parameter.numel() for parameter in threshold_network().parameters())
    assert (tmp_path / "mine" / "weights.safetensors").stat().st_size < 2 * count + 8192


def test_a_changed_byte_in_the_weights_is_found(tmp_path):
    threshold_bundle(tmp_path / "mine")
    path = tmp_path / "mine" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        load_network(read_card(tmp_path / "mine"))


def test_missing_weights_and_missing_card_are_named(tmp_path):
    threshold_bundle(tmp_path / "mine")
    (tmp_path / "mine" / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors: cannot be read"):
        load_network(read_card(tmp_path / "mine"))
    with pytest.raises(ModelError, match="no such model"):
        find_model(tmp_path / "nothing")


def test_weights_of_another_network_are_refused(tmp_path):
    threshold_bundle(tmp_path / "mine")
    edit(tmp_path / "mine", architecture={**card().architecture, "width": 8})
    with pytest.raises(ModelError, match="does not hold the weights"):
        load_network(read_card(tmp_path / "mine"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"modalities": ["T1N", "XX"]}, "modalities"),
        ({"modalities": []}, "modalities"),
        ({"regions": ["ET", "ET", "WT"]}, "regions"),
        ({"normalisation": "eval(1)"}, "normalisation"),
        ({"spacing_mm": [0, 1, 1]}, "spacing_mm"),
        ({"spacing_mm": [float("nan"), 1, 1]}, "spacing_mm"),
        ({"spacing_mm": [1, 1]}, "spacing_mm"),
        ({"window": [10**9, 16, 16]}, "window"),
        ({"axis_codes": "RRS"}, "axis_codes"),
        ({"overlap": 1}, "overlap"),
        ({"thresholds": [0.5, 1.0, 0.5]}, "thresholds"),
        ({"thresholds": [0.5]}, "thresholds"),
        ({"min_et_ml": -1}, "min_et_ml"),
        ({"fill_core": "yes"}, "fill_core"),
        ({"sha256": "abc"}, "sha256"),
        ({"architecture": {"kind": "pickle"}}, "architecture"),
        ({"title": 3}, "title"),
    ],
)
def test_a_card_that_claims_nonsense_is_refused_by_field(tmp_path, changes, field):
    threshold_bundle(tmp_path / "mine")
    edit(tmp_path / "mine", **changes)
    with pytest.raises(ModelError, match=field) as caught:
        read_card(tmp_path / "mine")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99}', "{" * 5000, "\0\1"])
def test_a_file_that_is_no_card_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError) as caught:
        read_card(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [{"width": 100_000}, {"depth": 60}, {"width": 6}, {"width": "16"}, {"norm": "magic"}, {"danger": 1}, {"width": -4}],
)
def test_a_network_that_cannot_be_is_refused_before_it_takes_memory(change):
    with pytest.raises(ModelError):
        network_config(card(architecture={**card().architecture, "norm": "group", **change}))


def test_channels_and_window_must_fit_the_network():
    with pytest.raises(ModelError, match="channels"):
        network_config(card(modalities=card().modalities[:3]))
    with pytest.raises(ModelError, match="stride"):
        network_config(card(window=(16, 16, 18)))


def test_a_failed_save_leaves_the_old_bundle(tmp_path):
    old = threshold_bundle(tmp_path / "mine")
    with pytest.raises(ModelError):
        save_bundle(tmp_path / "mine", card(title="New"), {"wrong": torch.zeros(2)})
    assert read_card(tmp_path / "mine") == old
    assert load_network(old) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_models_are_found_by_name_and_damaged_ones_are_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(model.card, "user_models_folder", lambda: tmp_path)
    threshold_bundle(tmp_path / "good")
    threshold_bundle(tmp_path / "bad")
    (tmp_path / "bad" / "model.json").write_text("{")
    names = [found.name for found in model.list_models()]
    assert names[0] == "default"
    assert "good" in names
    assert "bad" not in names
    assert "cannot be read as a model's card" in caplog.text
    assert find_model("good").folder == tmp_path / "good"
    with pytest.raises(ModelError, match=r"known models: default, .*good"):
        find_model("better")
