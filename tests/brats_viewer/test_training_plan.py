"""What a person sets before a training: nothing is left out, all of it is remembered, and what cannot run is told."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from brats_viewer.training import runs_folder
from brats_viewer.training_plan import (
    SETTINGS,
    TrainingPlan,
    folder_problem,
    free_folder,
    settings_problem,
    weights_problem,
    with_length,
)
from engine.data import Modality
from engine.runs.presets import PRESETS
from engine.runs.settings import TrainConfig


@dataclass(frozen=True)
class Network:
    architecture: dict[str, Any]


def test_every_setting_of_a_training_is_in_the_dialog() -> None:
    assert {field.name for field in fields(TrainConfig)} - {"modalities"} == set(SETTINGS)


@pytest.mark.parametrize("config", PRESETS.values())
def test_what_is_shown_means_what_is_set(config: TrainConfig) -> None:
    for name, setting in SETTINGS.items():
        value = getattr(config, name)
        if not setting.choices and not isinstance(value, bool) and value is not None:
            assert setting.from_text(setting.to_text(config)) == pytest.approx(value, rel=1e-3), name


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("batch", "two", "Batch: two is not a whole number"),
        ("batch", "1.5", "Batch: 1.5 is not a whole number"),
        ("learning_rate", "", "Learning rate: nothing is not a number"),
        ("patch", "64 64", "Patch: 64 64 is not three whole numbers"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, text: str, line: str) -> None:
    with pytest.raises(ValueError, match="is not") as error:
        SETTINGS[name].from_text(text)
    assert str(error.value) == line


def test_a_plan_is_remembered_for_the_next_run(tmp_path: Path) -> None:
    plan = TrainingPlan.of("default", tmp_path / "training-1")
    (tmp_path / "training-1").mkdir()
    plan = replace(
        plan,
        config=replace(
            plan.config, patch=(64, 64, 48), modalities=(Modality.T1C, Modality.T2F), hours=2.0, epochs=None
        ),
        source=replace(plan.source, dataset=tmp_path, fold="2/5", device="cuda:1", init=None, leave_out_bad=True),
    )
    again = TrainingPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == replace(plan, folder=tmp_path / "training-2")
    assert again.config.modalities[0] is Modality.T1C


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"preset": "none", "changes": {"batch": 2.5}, "dataset": "/not/there", "folder": "/not/there"},
        {"changes": {"colour": "blue"}, "fold": 3},
        {"changes": ["batch"]},
    ],
)
def test_what_is_remembered_wrongly_is_forgotten(stored: dict[str, Any]) -> None:
    assert TrainingPlan.from_json(stored) == TrainingPlan.of("default", runs_folder() / "training-1")


def test_a_problem_names_the_setting_as_the_dialog_does() -> None:
    config = PRESETS["default"]
    assert settings_problem(config) == ""
    assert settings_problem(replace(config, batch=0)) == "Batch 0 must be a number from 1 to 4096"
    assert settings_problem(replace(config, modalities=())) == "Modalities must name one to four different ones"


def test_a_length_takes_the_place_of_the_other() -> None:
    config = with_length(PRESETS["default"], "hours", 2.0)
    assert (config.hours, config.epochs) == (2.0, None)
    config = with_length(config, "steps", 100)
    assert (config.hours, config.epochs, config.steps) == (None, None, 100)


def test_weights_of_another_network_are_told() -> None:
    config = PRESETS["default"]
    same = {"kind": "UNet", "in_channels": 4, "out_channels": 3, "width": 16, "depth": 4, "norm": "group"}
    assert weights_problem(config, Network(same)) == ""
    assert weights_problem(config, object()) == ""
    line = weights_problem(config, Network(same | {"width": 32, "in_channels": 3}))
    assert line == "the weights are of another network (images 3, here 4; width 32, here 16)"


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    assert folder_problem(tmp_path / "new") == ""
    (tmp_path / "new").mkdir()
    assert folder_problem(tmp_path / "new") == ""
    (tmp_path / "new" / "file").touch()
    assert "exists already" in folder_problem(tmp_path / "new")
    assert free_folder(tmp_path, "new") == tmp_path / "new-1"
