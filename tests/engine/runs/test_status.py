"""Where a run is, seen from outside: its own word, while there is somebody who could give it."""

from pathlib import Path

import pytest

from engine.lock import FolderLock
from engine.runs.state import RunState, Stage, write_state
from engine.runs.status import status

TRAINING = RunState(Stage.TRAINING, step=40, steps=120, seconds=20.0, seconds_left=40.0, steps_per_s=2.0)


def test_a_run_that_has_never_begun_has_no_state(tmp_path: Path):
    assert status(tmp_path) is None


def test_a_run_is_where_it_says_while_its_process_lives(tmp_path: Path):
    write_state(tmp_path, TRAINING)
    with FolderLock(tmp_path):
        assert status(tmp_path) == TRAINING


def test_a_run_whose_process_is_gone_is_interrupted_where_it_was(tmp_path: Path):
    write_state(tmp_path, TRAINING)
    found = status(tmp_path)
    assert found is not None
    assert (found.stage, found.step, found.steps, found.seconds) == (Stage.INTERRUPTED, 40, 120, 20.0)
    assert (found.seconds_left, found.steps_per_s) == (None, 0.0)
    assert "goes on from its last checkpoint" in found.message


@pytest.mark.parametrize("stage", [Stage.FINISHED, Stage.STOPPED, Stage.FAILED])
def test_a_run_that_is_over_needs_no_process(tmp_path: Path, stage: Stage):
    write_state(tmp_path, RunState(stage, step=40, message="told"))
    assert status(tmp_path) == RunState(stage, step=40, message="told")
