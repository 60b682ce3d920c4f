"""A training in a process of its own, seen and told through its folder alone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from engine.errors import TrainingError
from engine.lock import holder
from engine.model import read_card
from engine.runs import launch as module
from engine.runs.folder import Source, create
from engine.runs.launch import OUTPUT_FILE, launch
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, RunState, Stage, read_state, tell, write_state
from engine.runs.status import status

SECONDS = 4  # of training, however fast the machine is
TINY = TrainConfig(
    hours=SECONDS / 3600, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, precision="float32", drop_modality=0.0
)
PATIENCE_S = 240


def until(folder: Path, found: Callable[[RunState], bool]) -> RunState:
    """The state of a run as soon as it is such a one."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        state = status(folder)
        if state is not None and found(state):
            return state
        assert state is None or not state.stage.over, (state, (folder / OUTPUT_FILE).read_text(encoding="utf-8"))
        time.sleep(0.02)  # nothing but the file tells
    raise AssertionError(f"{folder}: {status(folder)} is all that came")


def ended(pid: int) -> None:
    """Wait for the end of a process, of which `launch` keeps no other trace."""
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(PATIENCE_S)


@pytest.mark.timeout(900)
def test_a_detached_training_is_paused_stopped_resumed_and_finished(tmp_path: Path):
    create(tmp_path, TINY, Source(device="cpu"))
    pid = launch(tmp_path)
    tell(tmp_path, Command.PAUSE)
    assert status(tmp_path).stage is Stage.STARTING
    assert holder(tmp_path).pid == pid
    with pytest.raises(TrainingError, match=f"is being trained in by process {pid}"):
        launch(tmp_path)
    if sys.platform != "win32":
        assert os.getsid(pid) == pid  # so that no closed terminal takes it along
    assert until(tmp_path, lambda state: state.stage is Stage.PAUSED).step == 0
    tell(tmp_path, Command.GO)
    assert until(tmp_path, lambda state: state.step > 0).stage is Stage.TRAINING
    tell(tmp_path, Command.STOP)
    ended(pid)
    stopped = status(tmp_path)
    assert stopped.stage is Stage.STOPPED
    assert stopped.step > 0
    assert stopped.seconds < SECONDS
    pid = launch(tmp_path)
    ended(pid)
    finished = status(tmp_path)
    assert finished.stage is Stage.FINISHED
    assert finished.step > stopped.step
    assert finished.seconds >= SECONDS
    assert read_card(tmp_path / "model").training["steps"] == finished.step
    assert holder(tmp_path) is None
    assert (tmp_path / OUTPUT_FILE).read_text(encoding="utf-8").splitlines() == [
        f"{tmp_path}: stopped after {stopped.step} steps; go on with: brats-engine train -o {tmp_path} --resume",
        f"{tmp_path / 'model'}: trained for {finished.step} steps",
    ]


@pytest.fixture
def idle(monkeypatch):
    """Processes that are started end at once without a word."""
    start = subprocess.Popen
    monkeypatch.setattr(
        module.subprocess, "Popen", lambda command, **options: start([sys.executable, "-c", ""], **options)
    )


@pytest.mark.usefixtures("idle")
def test_a_process_that_ends_without_a_word_is_told_of(tmp_path: Path):
    create(tmp_path, TINY, Source(device="cpu"))
    write_state(tmp_path, RunState(Stage.STOPPED, step=5, steps=20, seconds=3.0, message="stopped"))
    ended(launch(tmp_path))
    assert read_state(tmp_path) == RunState(Stage.STARTING, step=5, steps=20, seconds=3.0)
    assert status(tmp_path).stage is Stage.INTERRUPTED


@pytest.mark.usefixtures("idle")
def test_a_finished_run_stays_finished(tmp_path: Path):
    create(tmp_path, TINY, Source(device="cpu"))
    state = RunState(Stage.FINISHED, step=20, steps=20, message="mean Dice 0.9")
    write_state(tmp_path, state)
    ended(launch(tmp_path))
    assert status(tmp_path) == state


@pytest.mark.usefixtures("idle")
def test_what_was_asked_of_an_earlier_process_is_not_asked_of_the_next(tmp_path: Path):
    create(tmp_path, TINY, Source(device="cpu"))
    tell(tmp_path, Command.STOP)
    ended(launch(tmp_path))
    assert '"go"' in (tmp_path / "control.json").read_text(encoding="utf-8")


def test_a_process_that_cannot_be_started_is_one_line(tmp_path: Path, monkeypatch):
    create(tmp_path, TINY, Source(device="cpu"))
    monkeypatch.setattr(module.sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(TrainingError, match=r"could not be started \(No such file or directory\)"):
        launch(tmp_path)
    assert status(tmp_path) is None
