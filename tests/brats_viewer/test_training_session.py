"""The session of trainings: what it sees in the runs' folders, and what it tells them; without any widget."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer import training_session
from brats_viewer.job import Job
from brats_viewer.training import Run, runs_folder
from brats_viewer.training_session import CHECK, ESTIMATE, TrainingSession
from engine.data import Modality
from engine.errors import CaseError, TrainingError
from engine.runs.folder import Source, create, read_config
from engine.runs.log import Point
from engine.runs.preview import write_preview
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage, asked
from tests.brats_viewer.runs import ESTIMATED, STATE, FakeTrainer, append, hold, preview, say, write_run

CONFIG, SOURCE = TrainConfig(steps=10), Source()


@pytest.fixture
def trainer() -> FakeTrainer:
    return FakeTrainer()


@pytest.fixture
def freed() -> list[bool]:
    """Grows each time that the engine's process is freed."""
    return []


@pytest.fixture
def training(
    qapp: QApplication, trainer: FakeTrainer, freed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainingSession]:
    monkeypatch.setattr(training_session, "LOOK_EVERY_MS", 20)

    def launch(folder: Path) -> int:
        assert freed, "the engine's process still holds the device"
        say(folder, stage=Stage.STARTING, step=0)
        return 0

    monkeypatch.setattr(training_session, "launch", launch)
    session = TrainingSession(trainer, lambda: freed.append(True))
    yield session
    trainer.gate.set()
    session.close()
    assert Job.wait_for_all(5)


def test_it_finds_runs_and_tells_of_one_that_is_alive(qtbot: QtBot, training: TrainingSession) -> None:
    write_run(runs_folder() / "done", replace(STATE, stage=Stage.FINISHED))
    alive = write_run(runs_folder() / "alive")
    found: list[Run] = []
    training.run_found.connect(found.append)
    with qtbot.waitSignal(training.runs_changed):
        training.look()
    assert {run.name for run in training.runs} == {"done", "alive"}
    assert [run.folder for run in training.alive] == [run.folder for run in found] == [alive]


def test_curves_follow_the_log_of_the_watched_run(qtbot: QtBot, training: TrainingSession) -> None:
    folder = write_run(runs_folder() / "one")
    training.watch(folder)
    qtbot.waitUntil(lambda: len(training.curves.step) == 4)
    with qtbot.waitSignal(training.curves_changed):
        append(folder, Point(50, 25.0, 0.4, 1e-3))
    assert training.curves.loss.tolist()[-1] == 0.4
    assert training.watched is not None
    assert training.watched.stage is Stage.TRAINING


def test_other_runs_are_laid_beside(qtbot: QtBot, training: TrainingSession, tmp_path: Path) -> None:
    one, other = write_run(runs_folder() / "one"), write_run(tmp_path / "other", records=(Point(1, 1.0, 9.0, 1e-3),))
    training.open_run(other)
    training.watch(one)
    training.compare(other, beside=True)
    qtbot.waitUntil(lambda: len(training.curves_of(other).step) == 1 and len(training.curves.step) == 4)
    assert [run.name for run in training.beside] == ["other"]
    assert training.elsewhere == (other,)
    training.watch(other)  # it is no more beside itself
    assert training.beside == ()
    training.compare(one, beside=True)
    training.compare(one, beside=False)
    assert training.beside == ()


def test_the_preview_is_of_the_watched_run_and_drawn_anew(qtbot: QtBot, training: TrainingSession) -> None:
    one, other = write_run(runs_folder() / "one"), write_run(runs_folder() / "other")
    write_preview(one, preview(step=40))
    training.watch(one)
    qtbot.waitUntil(lambda: training.preview is not None)
    with qtbot.waitSignal(training.preview_changed):
        write_preview(one, preview(step=60))
    assert training.preview is not None
    assert training.preview.step == 60
    training.watch(other)
    assert training.preview is None


@pytest.mark.parametrize("ended", [Stage.FINISHED, Stage.STOPPED, Stage.FAILED])
def test_the_end_of_a_run_is_told_once(qtbot: QtBot, training: TrainingSession, ended: Stage) -> None:
    folder = write_run(runs_folder() / "one")
    training.watch(folder)
    qtbot.waitUntil(lambda: bool(training.alive))
    told: list[Run] = []
    training.run_ended.connect(told.append)
    say(folder, stage=ended)
    qtbot.waitUntil(lambda: bool(told))
    with qtbot.waitSignal(training.looking.changed):
        training.look()
    assert [run.stage for run in told] == [ended]


def test_a_process_that_is_gone_has_been_interrupted(qtbot: QtBot, training: TrainingSession) -> None:
    folder = write_run(runs_folder() / "one")
    training.watch(folder)
    qtbot.waitUntil(lambda: bool(training.alive))
    with qtbot.waitSignal(training.run_ended) as ended:
        hold(folder, held=False)
    assert ended.args[0].stage is Stage.INTERRUPTED


def test_starting_makes_the_folder_frees_the_engine_and_watches(qtbot: QtBot, training: TrainingSession) -> None:
    folder = runs_folder() / "one"
    with qtbot.waitSignal(training.run_started):
        training.start(folder, CONFIG, SOURCE)
    assert read_config(folder) == CONFIG
    assert training.watched is not None
    assert training.watched.is_alive
    qtbot.waitUntil(lambda: training.run(folder) is not None)


def test_a_run_that_cannot_be_made_says_why(
    qtbot: QtBot, training: TrainingSession, freed: list[bool], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    training.start(tmp_path, CONFIG, SOURCE)
    qtbot.waitUntil(lambda: not training.starting.is_running)
    assert training.starting.failure is not None
    assert isinstance(training.starting.failure.error, TrainingError)
    assert not freed


def test_a_run_does_as_it_is_told(qtbot: QtBot, training: TrainingSession) -> None:
    folder = write_run(runs_folder() / "one")
    training.watch(folder)
    qtbot.waitUntil(lambda: bool(training.alive))
    training.tell(folder, Command.PAUSE)
    assert training.asked_of(folder) is Command.PAUSE
    qtbot.waitUntil(lambda: asked(folder) is Command.PAUSE)
    say(folder, stage=Stage.PAUSED)
    qtbot.waitUntil(lambda: training.asked_of(folder) is None)
    training.tell_now(folder, Command.STOP)
    assert asked(folder) is Command.STOP


def test_resuming_is_no_end_of_what_ended_before(qtbot: QtBot, training: TrainingSession) -> None:
    folder = write_run(runs_folder() / "one", replace(STATE, stage=Stage.STOPPED))
    training.watch(folder)
    qtbot.waitUntil(lambda: training.watched is not None and training.watched.can_resume)
    ended: list[Run] = []
    training.run_ended.connect(ended.append)
    with qtbot.waitSignal(training.run_started):
        training.resume()
    qtbot.waitUntil(lambda: not training.looking.is_running)
    assert training.watched is not None
    assert training.watched.stage is Stage.STARTING
    assert ended == []


def test_a_data_set_is_checked_and_a_training_estimated(
    qtbot: QtBot, training: TrainingSession, trainer: FakeTrainer, tmp_path: Path
) -> None:
    trainer.bad = 1
    training.check(tmp_path, [Modality.T1C])
    qtbot.waitUntil(lambda: training.checked is not None)
    assert training.checked is not None
    assert [case.id for case in training.checked.bad] == ["bad-1"]
    training.estimate(CONFIG, None, "cpu")
    qtbot.waitUntil(lambda: training.estimated is not None)
    assert training.estimated is ESTIMATED
    assert trainer.asked == [(CHECK, (tmp_path, (Modality.T1C,))), (ESTIMATE, (CONFIG, None, "cpu"))]
    training.forget_estimate()
    assert training.estimated is None


def test_an_estimate_that_fails_says_why(qtbot: QtBot, training: TrainingSession, trainer: FakeTrainer) -> None:
    trainer.estimated = CaseError("nothing to measure with")
    training.estimate(CONFIG, None, "cpu")
    qtbot.waitUntil(lambda: training.estimating.failure is not None)
    training.forget_estimate()
    assert training.estimating.failure is None


def test_free_memory_of_the_cpu_is_measured(qtbot: QtBot, training: TrainingSession) -> None:
    with qtbot.waitSignal(training.memory_changed):
        training.measure_memory(["cpu"])
    assert training.free_bytes["cpu"] > 0


def test_many_runs_are_sorted_the_latest_first(qtbot: QtBot, training: TrainingSession) -> None:
    for name in ("a", "b"):
        create(runs_folder() / name, CONFIG, SOURCE)
    with qtbot.waitSignal(training.runs_changed):
        training.look()
    begun = [run.begun for run in training.runs]
    assert begun == sorted(begun, reverse=True)
