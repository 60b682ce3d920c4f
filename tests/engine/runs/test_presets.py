"""The settings that have a name: each valid, and what the issue of each is."""

from pathlib import Path

import pytest

from engine.model import find_model
from engine.runs.presets import FIRST_WEIGHTS, PRESETS
from engine.runs.settings import TrainConfig


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_valid_and_survives_its_file(name: str, tmp_path: Path):
    PRESETS[name].check()
    (tmp_path / "config.json").write_text(PRESETS[name].to_json(), encoding="utf-8")
    assert TrainConfig.read(tmp_path / "config.json") == PRESETS[name]


def test_the_default_has_what_pays_by_the_papers():
    default = PRESETS["default"]
    assert default.batch_dice
    assert default.augmentation == "full"
    assert default.ema > 0
    assert default.foreground > 0
    assert default.drop_modality > 0
    assert default.deep_supervision > 0
    assert default.optimiser == "adamw"
    assert default.tune_et
    assert default.keep_best


def test_quick_is_ten_minutes():
    assert PRESETS["quick"].hours == pytest.approx(10 / 60)


@pytest.mark.parametrize("name", [name for name, model in FIRST_WEIGHTS.items() if model])
def test_what_begins_from_a_model_is_of_its_shape(name: str):
    card, config = find_model(FIRST_WEIGHTS[name]), PRESETS[name]
    assert (card.modalities, card.normalisation) == (config.modalities, config.normalisation)
    assert (card.architecture["width"], card.architecture["depth"]) == (config.width, config.depth)
    assert card.architecture["norm"] == config.norm
    assert card.spacing_mm == (config.spacing_mm,) * 3
    assert card.window == config.window


def test_epochs_become_steps_once_the_cases_are_counted():
    assert TrainConfig(epochs=60, batch=2).with_cases(221).steps == 6630
    assert TrainConfig(epochs=1, batch=4).with_cases(9).steps == 3  # the last one begins the second epoch
    assert TrainConfig(epochs=0.001).with_cases(1).steps == 1
    assert TrainConfig(steps=7).with_cases(221).steps == 7
