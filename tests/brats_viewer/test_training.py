"""A run as it is looked at, and in words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from brats_viewer.training import Run, find_runs, kept_weights, look_at, pace_line, place_line, runs_folder
from engine.runs.folder import CONFIG_FILE, SOURCE_FILE
from engine.runs.settings import TrainConfig
from engine.runs.state import RunState, Stage
from tests.brats_viewer.runs import STATE, hold, write_run


def test_a_run_is_alive_while_its_process_is(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "one")
    run = look_at(folder)
    assert (run.name, run.stage, run.is_alive, run.can_resume) == ("one", Stage.TRAINING, True, False)
    assert run.fraction == pytest.approx(1 / 3)
    hold(folder, held=False)
    run = look_at(folder)
    assert (run.stage, run.is_alive, run.can_resume) == (Stage.INTERRUPTED, False, True)


def test_a_run_that_has_said_nothing_can_be_resumed(tmp_path: Path) -> None:
    run = look_at(write_run(tmp_path / "new", state=None, records=()))
    assert (run.stage, run.can_resume, place_line(run)) == (Stage.STOPPED, True, "Not begun")


def test_a_damaged_run_says_so_and_cannot_be_resumed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "one", replace(STATE, stage=Stage.STOPPED))
    (folder / SOURCE_FILE).write_text("{", encoding="utf-8")
    run = look_at(folder)
    assert SOURCE_FILE in run.message
    assert not run.can_resume
    assert "is not the folder of a training" in look_at(tmp_path / "none").message


def test_runs_are_found_in_their_folder_and_where_they_were_opened(tmp_path: Path) -> None:
    own = write_run(runs_folder() / "own")
    (runs_folder() / "not a run").mkdir()
    other = write_run(tmp_path / "other")
    assert find_runs([other, own, tmp_path / "gone"]) == [own, other]
    (other / CONFIG_FILE).unlink()
    assert find_runs([other]) == [own]


def test_the_best_model_is_the_one_that_is_kept(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "one")
    run = look_at(folder)
    assert kept_weights(run) is None
    for bundle, sha256 in (("model", "a" * 64), ("best", "b" * 64)):
        (folder / bundle).mkdir()
        (folder / bundle / "model.json").write_text(json.dumps({"sha256": sha256}), encoding="utf-8")
        assert kept_weights(run) == sha256


@pytest.mark.parametrize(
    ("state", "epochs", "place", "pace"),
    [
        (STATE, 60.0, "Epoch 21 of 60, step 40 of 120", "About 40 s left  ·  2.0 steps a second  ·  trained for 20 s"),
        (replace(STATE, step=120), 60.0, "Epoch 60 of 60, step 120 of 120", None),
        (replace(STATE, stage=Stage.FINISHED, steps_per_s=0.0), None, "Step 40 of 120", "Trained for 20 s"),
        (replace(STATE, steps_per_s=0.2, seconds_left=None), None, None, "5.0 s a step  ·  trained for 20 s"),
        (RunState(Stage.STARTING), None, "", ""),
    ],
)
def test_how_far_a_run_is(state: RunState, epochs: float | None, place: str | None, pace: str | None) -> None:
    run = Run(Path("one"), 0.0, TrainConfig(epochs=epochs), state=state)
    if place is not None:
        assert place_line(run) == place
    if pace is not None:
        assert pace_line(run) == pace
