"""The two small files between a training and those who watch it."""

from pathlib import Path

import pytest

from engine.runs.state import Command, RunState, Stage, asked, read_state, tell, write_state


def test_a_state_survives_its_file(tmp_path: Path):
    state = RunState(Stage.VALIDATING, 40, 120, 20.5, 41.0, 2.0, 3, 16, "validating a")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    write_state(tmp_path, RunState(Stage.PAUSED))
    assert read_state(tmp_path) == RunState(Stage.PAUSED)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stage": "asleep"}', '{"stage": "paused", "mood": 3}'])
def test_a_state_that_cannot_be_read_is_none(tmp_path: Path, content: str):
    assert read_state(tmp_path) is None
    (tmp_path / "state.json").write_text(content, encoding="utf-8")
    assert read_state(tmp_path) is None


def test_a_command_reaches_the_run_and_none_means_to_go(tmp_path: Path):
    assert asked(tmp_path) is Command.GO
    for command in Command:
        tell(tmp_path, command)
        assert asked(tmp_path) is command
    (tmp_path / "control.json").write_text('{"command": "dance"}', encoding="utf-8")
    assert asked(tmp_path) is Command.GO


def test_a_run_is_over_where_nothing_comes_by_itself():
    assert {stage for stage in Stage if stage.over} == {"finished", "stopped", "failed", "interrupted"}
