"""`brats-engine train`: a run from the command line, gone on with, and refused."""

import json
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.model import read_card
from engine.progress import finish
from engine.runs.folder import read_config, read_source
from engine.runs.presets import settings_of
from engine.runs.state import Stage, read_state
from engine.runs.table import read_table
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize

TINY = {"steps": 2, "shape": [16, 16, 16], "spacing_mm": 10.0, "width": 4, "depth": 2, "deep_supervision": 0}
CPU = torch.device("cpu")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five small cases of 8 mm in BraTS 2020 layout, one of them without its T2."""
    folder = tmp_path_factory.mktemp("data") / "BraTS2020_TrainingData"
    layout = LAYOUTS["brats2020"]
    finish(synthesize(folder, 6, Recipe(1, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0)), CPU))
    next(folder.glob("*_006/*_t2.nii.gz")).unlink()
    return folder


def test_a_run_ends_with_a_model_and_goes_on_as_init_of_another(config: str, tmp_path: Path, capsys):
    run = tmp_path / "run"
    assert main(["train", "-o", str(run), "--config", config, "--device", "cpu", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["steps"] == 2
    card = read_card(run / "model")
    assert card.sha256 == result["sha256"]
    assert card.training["settings"]["width"] == 4
    assert card.training["data"].startswith("synthetic")
    again = ["train", "-o", str(tmp_path / "next"), "--config", config, "--init", str(run / "model"), "--seed", "3"]
    assert main([*again, "--device", "cpu", "--quiet"]) == 0
    assert "trained for 2 steps" in capsys.readouterr().out
    weights = ["train", "-o", str(tmp_path / "third"), "--config", config, "--iterations", "1", "--device", "cpu"]
    assert main([*weights, "--init", str(run / "weights.safetensors"), "--quiet"]) == 0


def test_a_data_set_is_checked_split_trained_on_and_scored(dataset: Path, config: str, tmp_path: Path, capsys):
    run = tmp_path / "run"
    command = ["train", str(dataset), "-o", str(run), "--config", config, "--init", "none", "--device", "cpu"]
    short = ["--iterations", "2", "--seed", "5", "--quiet"]
    assert main([*command, *short]) == 2
    told = capsys.readouterr().err
    assert "1 of 6 cases cannot be trained on" in told
    assert "BraTS20_Synthetic_006: " in told
    assert "has no T2" in told
    assert read_state(run).stage is Stage.FAILED
    assert main([*command, *short, "--leave-out-bad"]) == 0
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    assert {name: len(part) for name, part in split.items()} == {"training": 3, "validation": 1, "test": 1}
    table = read_table(run)
    assert list(table) == split["validation"]
    card = read_card(run / "best")
    assert card.training["cases"] == {"training": 3, "validation": 1, "test": 1}
    assert card.scores["validation"]["cases"] == 1
    assert "test part" in card.limits[0]
    assert set(json.loads((run / "cases.json").read_text(encoding="utf-8"))["left_out"]) == {"BraTS20_Synthetic_006"}


def test_a_run_is_resumed_by_its_folder_with_its_data_elsewhere(dataset: Path, config: str, tmp_path: Path, capsys):
    run, moved = tmp_path / "run", tmp_path / "moved"
    command = ["train", str(moved), "-o", str(run), "--config", config, "--init", "none", "--leave-out-bad", "--quiet"]
    moved.symlink_to(dataset)
    assert main([*command, "--device", "cpu"]) == 0
    assert main(["train", "-o", str(run), "--resume", "--seed", "3"]) == 2
    assert "--seed: a run keeps what it began with" in capsys.readouterr().err
    assert main(["train", str(dataset), "-o", str(run), "--resume", "--quiet"]) == 0
    assert read_source(run).dataset == dataset
    assert read_source(run).device == "cpu"
    assert main(["train", "-o", str(tmp_path / "nothing"), "--resume"]) == 2
    assert "nothing" in capsys.readouterr().err


def test_the_command_line_has_the_last_word_on_settings(dataset: Path, config: str, tmp_path: Path, monkeypatch):
    begun = []
    monkeypatch.setattr("engine.train.loop.train", lambda folder, **_: begun.append(folder) or iter(()))
    monkeypatch.setattr("engine.cli.train.watch", lambda work, **_: None)
    run = tmp_path / "run"
    given = ["--epochs", "3", "--batch", "4", "--patch", "32", "48", "32"]
    data = ["--modalities", "T1CE,FLAIR", "--fold", "2/5", "--init", "none"]
    assert main(["train", str(dataset), "-o", str(run), "--preset", "quick", *given, *data, "--quiet"]) == 0
    settings, quick = read_config(run), settings_of("quick", None)
    assert (settings.epochs, settings.hours, settings.batch, settings.patch) == (3, None, 4, (32, 48, 32))
    assert settings.modalities == ("T1C", "T2F")
    assert (settings.learning_rate, settings.tune_et) == (quick.learning_rate, quick.tune_et)
    assert read_source(run).fold == "2/5"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--iterations", "0"], "steps"),
        (["--threads", "0"], "--threads 0"),
        (["--init", "nobody"], "nobody: no such model"),
        (["--init", "nowhere.safetensors"], "nowhere.safetensors: cannot be read"),
        (["--device", "tpu"], "tpu: no such device"),
        (["--epochs", "2"], "epochs are of a data set"),
        (["--fold", "1/5"], "of a data set"),
    ],
)
def test_what_cannot_run_is_one_line(config: str, tmp_path: Path, capsys, arguments: list[str], line: str):
    assert main(["train", "-o", str(tmp_path / "run"), "--config", config, *arguments]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()
