"""A person's path: set a training up, watch it, close the window, find it again, stop, resume, and see its results."""

from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from brats_viewer import training_session
from brats_viewer.app import MainWindow
from brats_viewer.dialogs.train_dialog import TrainDialog
from brats_viewer.dialogs.train_results import TrainResults
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from brats_viewer.training import runs_folder
from engine.lock import holder
from engine.runs.state import Stage
from tests.brats_viewer import fake_training
from tests.brats_viewer.driving import PATIENT_MS, answer, trigger
from tests.brats_viewer.inline import InlineEngine

RUN = "training-1"


def new_window(qtbot: QtBot, settings: Settings) -> MainWindow:
    window = MainWindow(Session(InlineEngine()), settings)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.session.engine_surveyed, timeout=PATIENT_MS):
        window.show()
    return window


def started(qtbot: QtBot, window: MainWindow) -> Path:
    """A training on synthetic cases, begun by the dialog."""
    trigger(window, "train")
    dialog = window.findChild(TrainDialog)
    assert isinstance(dialog, TrainDialog)
    dialog.choose_dataset(None)
    with qtbot.waitSignal(window.training.run_started, timeout=PATIENT_MS):
        dialog.start_button.click()
    assert not dialog.isVisible()
    assert window.training_panel.isVisible()
    return runs_folder() / RUN


def process_of(folder: Path) -> psutil.Process:
    held = holder(folder)
    assert held is not None
    return psutil.Process(held.pid)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_session, "LOOK_EVERY_MS", 20)
    monkeypatch.setattr(training_session, "launch", fake_training.launch)


def test_from_the_dialog_to_the_results_through_two_windows(qtbot: QtBot, settings: Settings) -> None:
    first = new_window(qtbot, settings)
    folder = started(qtbot, first)
    loss = first.training_panel.charts["loss"]
    qtbot.waitUntil(lambda: bool(loss.traces) and len(loss.traces[0].x) > 2, timeout=PATIENT_MS)
    training = process_of(folder)
    assert not first.close()
    answer(first, "Go on")
    assert not first.isVisible()
    assert training.is_running()

    second = new_window(qtbot, settings)
    qtbot.waitUntil(lambda: "is being trained" in second.training_notice.text(), timeout=PATIENT_MS)
    second.training_notice._watch.click()
    with qtbot.waitSignal(second.training.run_ended, timeout=PATIENT_MS) as ended:
        pass
    assert ended.args[0].stage is Stage.FINISHED
    dice = second.training_panel.charts["dice"]
    qtbot.waitUntil(lambda: len(dice.traces) == 4 and dice.traces[0].x.tolist() == [20, 40, 60])
    assert second.training.preview is not None
    second.training_panel._links["results"].click()
    results = second.findChild(TrainResults)
    assert isinstance(results, TrainResults)
    assert results.table.item(0, 4).text() == "0.600"
    results.close()
    assert second.close()


def test_a_training_that_is_stopped_with_the_window_is_resumed_by_another(qtbot: QtBot, settings: Settings) -> None:
    first = new_window(qtbot, settings)
    folder = started(qtbot, first)
    qtbot.waitUntil(lambda: len(first.training.curves.step) > 2, timeout=PATIENT_MS)
    first.close()
    answer(first, "Stop and keep")

    second = new_window(qtbot, settings)
    second.watch_training(folder)
    stopped = lambda: second.training.watched is not None and second.training.watched.stage is Stage.STOPPED  # noqa: E731
    qtbot.waitUntil(stopped, timeout=PATIENT_MS)
    kept = second.training.watched
    assert kept is not None
    trigger(second, "resume_training")
    with qtbot.waitSignal(second.training.run_ended, timeout=PATIENT_MS) as ended:
        pass
    assert ended.args[0].stage is Stage.FINISHED
    qtbot.waitUntil(lambda: second.training.curves.step.tolist()[-1] == fake_training.STEPS)
    assert second.close()


def test_a_training_that_is_killed_leaves_the_window_well(qtbot: QtBot, settings: Settings) -> None:
    window = new_window(qtbot, settings)
    folder = started(qtbot, window)
    qtbot.waitUntil(lambda: len(window.training.curves.step) > 2, timeout=PATIENT_MS)
    training = process_of(folder)
    with qtbot.waitSignal(window.training.run_ended, timeout=PATIENT_MS) as ended:
        training.kill()
        training.wait(5)
    assert ended.args[0].stage is Stage.INTERRUPTED
    assert window.actions_by_id["resume_training"].isEnabled()
    assert window.close()
