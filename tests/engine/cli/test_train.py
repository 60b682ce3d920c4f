"""`brats-engine train`: a run from the command line, gone on with, and refused."""

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.model import read_card

TINY = {"steps": 2, "shape": [16, 16, 16], "spacing_mm": 10.0, "width": 4, "depth": 2, "warm_up": 0.5}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return str(path)


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
    weights = ["train", "-o", str(tmp_path / "third"), "--config", config, "--steps", "1", "--device", "cpu"]
    assert main([*weights, "--init", str(run / "weights.safetensors"), "--quiet"]) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--steps", "0"], "steps"),
        (["--threads", "0"], "--threads 0"),
        (["--init", "nobody"], "nobody: no such model"),
        (["--init", "nowhere.safetensors"], "nowhere.safetensors: cannot be read"),
        (["--device", "tpu"], "tpu: no such device"),
    ],
)
def test_what_cannot_run_is_one_line(config: str, tmp_path: Path, capsys, arguments: list[str], line: str):
    assert main(["train", "-o", str(tmp_path / "run"), "--config", config, *arguments]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run").exists()
