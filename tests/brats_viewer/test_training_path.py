"""A person's path with the real trainer: from a folder of cases to a model that segments, through all that may happen.

The training is a process of its own, as a person's is; only the cases and the network are small.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.dialogs.train_dialog import TrainDialog
from brats_viewer.dialogs.train_results import TrainResults
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from brats_viewer.training import runs_folder
from engine.isolate import Worker
from engine.lock import holder
from engine.progress import finish
from engine.runs.folder import SPLIT_FILE
from engine.runs.state import Stage
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize
from tests.brats_viewer.driving import answer, trigger
from tests.brats_viewer.words import visible_words

PROCESS_MS = 240_000
"""How long to wait for a process that loads torch, on a machine that has other work to do."""
TINY = {
    "epochs": 100,
    "batch": 1,
    "shape": [16, 16, 16],
    "spacing_mm": 10.0,
    "width": 4,
    "depth": 2,
    "deep_supervision": 0,
    "checkpoint_every": 50,
    "validate_every": 100,
    "tta": "none",
}
BAD = "BraTS20_Synthetic_006"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small cases of 8 mm in BraTS 2020 layout, one of them without its T2."""
    folder = tmp_path_factory.mktemp("data") / "BraTS2020_TrainingData"
    layout = LAYOUTS["brats2020"]
    recipe = Recipe(1, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0))
    finish(synthesize(folder, 6, recipe, torch.device("cpu")))
    next(folder.glob(f"{BAD}/*_t2.nii.gz")).unlink()
    return folder


@pytest.fixture
def run(private_folders: None) -> Iterator[Path]:
    """The folder of the run that the test will make; whatever still trains there at its end is ended."""
    folder = runs_folder() / "training-1"
    yield folder
    left = holder(folder)
    if left is not None:
        psutil.Process(left.pid).kill()


@pytest.fixture
def until(qtbot: QtBot) -> Callable[[Callable[[], object]], None]:
    return lambda done: qtbot.waitUntil(lambda: bool(done()), timeout=PROCESS_MS)


Until = Callable[[Callable[[], object]], None]


def new_window(qtbot: QtBot, settings: Settings) -> MainWindow:
    window = MainWindow(Session(Worker()), settings)
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.session.engine_surveyed, timeout=PROCESS_MS):
        window.show()
    return window


def press(window: MainWindow, text: str) -> None:
    buttons = window.training_panel.findChildren(QPushButton)
    (button,) = [button for button in buttons if button.isVisible() and button.text() == text]
    assert button.isEnabled()
    button.click()


def start(qtbot: QtBot, until: Until, window: MainWindow, dataset: Path) -> None:
    """Set the training up in the dialog, which refuses the bad case, measure what it takes, and start it."""
    trigger(window, "train")
    dialog = window.findChild(TrainDialog)
    assert isinstance(dialog, TrainDialog)
    folder = next(edit for edit in dialog.findChildren(QLineEdit) if edit.accessibleName() == "Folder of cases")
    qtbot.keyClicks(folder, str(dataset))
    qtbot.keyClick(folder, Qt.Key.Key_Return)
    until(lambda: window.training.checked)
    assert "6 cases: 5 can be trained on, 1 cannot" in visible_words(dialog)
    assert dialog.problem() == "One case cannot be trained on: mend what the table says, or leave it out"
    next(box for box in dialog.findChildren(QCheckBox) if box.text() == "Leave out this case").click()
    next(button for button in dialog.findChildren(QPushButton) if "Measure" in button.text()).click()
    until(lambda: window.training.estimated)
    assert window.training.estimated is not None
    assert (window.training.estimated.problem, window.training.estimated.steps) == (None, 300)
    worker = window.session._worker
    assert isinstance(worker, Worker)
    assert worker.pid is not None
    with qtbot.waitSignal(window.training.run_started, timeout=PROCESS_MS):
        dialog.start_button.click()
    assert worker.pid is None  # and what it held of the device is free
    assert window.training_panel.isVisible()


@pytest.mark.timeout(900)
def test_from_cases_to_a_model_through_two_windows_and_a_crash(
    qtbot: QtBot,
    until: Until,
    settings: Settings,
    dataset: Path,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.training_plan = {"preset": "default", "changes": TINY, "init": None, "device": "cpu"}

    first = new_window(qtbot, settings)
    start(qtbot, until, first, dataset)
    loss = first.training_panel.curves.charts["loss"]
    until(lambda: loss.traces and loss.traces[0].x.tolist()[:2] == [1, 2])
    press(first, "Pause")
    until(lambda: first.training.watched.stage is Stage.PAUSED)
    trained = holder(run)
    assert trained is not None
    assert not first.close()
    answer(first, "Go on")
    assert not first.isVisible()

    second = new_window(qtbot, settings)
    until(lambda: "“training-1” is being trained" in second.training_notice.text())
    second.training_notice._watch.click()
    until(lambda: len(second.training.curves.step) > 1)
    assert holder(run) == trained
    with qtbot.waitSignal(second.training.run_ended, timeout=PROCESS_MS):
        psutil.Process(trained.pid).kill()
    assert any("it was killed" in words for words in visible_words(second.training_panel))
    with qtbot.waitSignal(second.training.run_started, timeout=PROCESS_MS):
        press(second, "Resume")
    with qtbot.waitSignal(second.training.run_ended, timeout=PROCESS_MS) as ended:
        pass
    assert ended.args[0].stage is Stage.FINISHED
    assert ended.args[0].message.endswith("installed as training-1")
    until(lambda: second.training.curves.step.tolist() == [*range(1, 10), *range(10, 310, 10)])
    assert second.training.curves.validated_step.tolist() == [100, 200, 300]
    assert second.training.preview is not None

    results = second.findChild(TrainResults)
    assert isinstance(results, TrainResults)
    (validated,) = json.loads((run / SPLIT_FILE).read_text(encoding="utf-8"))["validation"]
    assert [results.table.item(row, 0).text() for row in range(results.table.rowCount())] == ["Mean", validated]
    results.close()

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "results"))
    press(second, "See its cases")  # and evaluate its model on them, which is listed a moment later
    until(lambda: second.session.plan.model == "training-1")
    until(lambda: second.cohort.folder == dataset and second.cohort.can_evaluate)
    second.cohort_panel._evaluate.click()
    until(lambda: not second.cohort.evaluating.is_running)
    assert len(second.cohort.scored) == 6
    with qtbot.waitSignal(second.session.case_changed, timeout=PROCESS_MS):
        second.session.open(dataset / BAD)
    with qtbot.waitSignal(second.session.prediction_changed, timeout=PROCESS_MS):
        trigger(second, "segment")
    prediction = second.session.prediction
    assert prediction is not None
    assert prediction.model == "training-1"
    assert prediction.labels.data.shape == (30, 30, 19)  # 240 x 240 x 155 mm
    assert not second.close()
    answer(second, "Discard")
    assert not second.isVisible()
