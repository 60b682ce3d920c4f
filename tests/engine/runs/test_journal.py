"""The log and the state that a training writes: what is dropped when it goes on, and how often its state is told."""

from pathlib import Path

import pytest

from engine.data import Region
from engine.errors import ImageFileError, TrainingError
from engine.runs import journal as module
from engine.runs.journal import Journal
from engine.runs.log import Event, Point, Validation
from engine.runs.state import RunState, Stage, read_state

DICE = {Region.ET: 0.5, Region.TC: 0.6, Region.WT: 0.7}
POINTS = [Point(step, float(step), 1.0, 1e-3) for step in (10, 20, 30)]
SEEN = Validation(20, 20.0, DICE, best=True)
EVENT = Event(20, 20.0, "memory ran out")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """What time it is: its only entry, in seconds."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    return now


def test_what_is_logged_is_read_back_in_its_order(journal: Journal):
    assert journal.records() == []
    for record in (POINTS[0], POINTS[1], EVENT, SEEN):
        journal.log(record)
    journal.sync()
    assert journal.records() == [POINTS[0], POINTS[1], EVENT, SEEN]


@pytest.mark.parametrize(
    ("step", "validated", "kept"),
    [
        (30, 20, [POINTS[0], POINTS[1], EVENT, SEEN, POINTS[2]]),
        (20, 20, [POINTS[0], POINTS[1], EVENT, SEEN]),
        (20, 0, [POINTS[0], POINTS[1], EVENT]),  # saved before its validation, which is done again
        (10, 0, [POINTS[0]]),
        (9, 0, []),
    ],
)
def test_what_came_after_the_checkpoint_is_forgotten(journal: Journal, step: int, validated: int, kept: list[object]):
    for record in (POINTS[0], POINTS[1], EVENT, SEEN, POINTS[2]):
        journal.log(record)
    journal.forget_after(step, validated)
    assert journal.records() == kept


@pytest.mark.parametrize(
    "half", ['{"step": 3', '{"step": 30, "seconds": 1.0, "loss": 1.0, "lr": 0.1}', "\0\0\0\n", "[]\n"]
)
def test_a_line_that_was_not_written_whole_is_forgotten_with_all_after_it(journal: Journal, half: str):
    journal.log(POINTS[0])
    whole = journal.path.read_bytes()
    with journal.path.open("a", encoding="utf-8") as file:
        file.write(half)
    if half.endswith("\n"):
        journal.log(POINTS[1])
    journal.forget_after(100, 100)
    assert journal.path.read_bytes() == whole


def test_a_whole_log_is_not_written_again(journal: Journal):
    journal.log(POINTS[0])
    written = journal.path.stat().st_ino
    journal.forget_after(10, 0)
    assert journal.path.stat().st_ino == written


def test_a_log_that_the_disk_does_not_take_is_told(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"log\.jsonl: cannot be written \(No such file"):
        Journal(tmp_path / "gone").log(POINTS[0])


def test_a_state_is_told_once_a_second_and_each_new_stage_at_once(journal: Journal, tmp_path: Path, clock: list[float]):
    def told(stage: Stage, step: int, at: float) -> tuple[Stage, int]:
        clock[0] = at
        journal.tell(RunState(stage, step=step))
        state = read_state(tmp_path)
        assert state is not None
        return state.stage, state.step

    assert told(Stage.TRAINING, 1, 100.0) == (Stage.TRAINING, 1)
    assert told(Stage.TRAINING, 2, 100.9) == (Stage.TRAINING, 1)
    assert told(Stage.TRAINING, 3, 101.0) == (Stage.TRAINING, 3)
    assert told(Stage.VALIDATING, 3, 101.1) == (Stage.VALIDATING, 3)
    assert told(Stage.TRAINING, 4, 101.2) == (Stage.TRAINING, 4)
    assert told(Stage.FINISHED, 4, 101.3) == (Stage.FINISHED, 4)


def test_a_state_that_cannot_be_written_stops_nothing_and_a_new_stage_is_tried_again(
    journal: Journal, monkeypatch, clock: list[float], caplog: pytest.LogCaptureFixture
):
    tries = []

    def busy(folder: Path, state: RunState) -> None:
        tries.append(state.stage)
        if len(tries) < 4:
            raise ImageFileError("state.json: somebody reads it")

    monkeypatch.setattr(module, "write_state", busy)
    journal.tell(RunState(Stage.TRAINING))
    assert tries == [Stage.TRAINING] * 4
    assert caplog.text.count("somebody reads it") == 3
    clock[0] += 1
    journal.tell(RunState(Stage.TRAINING, step=1))
    assert len(tries) == 5
