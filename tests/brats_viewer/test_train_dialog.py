"""The training dialog: what it asks, what it refuses and why, and that it can be used without a mouse."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QPushButton, QTableWidget
from pytestqt.qtbot import QtBot

from brats_viewer.dialogs.train_dialog import TrainDialog
from brats_viewer.dialogs.train_results import TrainResults
from brats_viewer.job import Job
from brats_viewer.training import look_at
from brats_viewer.training_plan import TrainingPlan
from brats_viewer.training_session import CHECK, TrainingSession
from engine.data import Modality, Region
from engine.runs.presets import PRESETS, RANDOM_RATE
from tests.brats_viewer.fake_work import FakeDevice, FakeModel
from tests.brats_viewer.runs import ESTIMATED, FakeTrainer, write_run
from tests.brats_viewer.words import visible_words

DEVICES = [FakeDevice("cpu", "Two cores")]


@dataclass(frozen=True)
class Model(FakeModel):
    width: int = 16

    @property
    def architecture(self) -> dict[str, Any]:
        return {"in_channels": 4, "width": self.width, "depth": 4, "norm": "group"}


@pytest.fixture
def trainer() -> FakeTrainer:
    return FakeTrainer()


@pytest.fixture
def training(qapp: QApplication, trainer: FakeTrainer) -> Iterator[TrainingSession]:
    session = TrainingSession(trainer, lambda: None)
    yield session
    trainer.gate.set()
    session.close()
    assert Job.wait_for_all(5)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "BraTS2020_TrainingData"
    folder.mkdir()
    return folder


@pytest.fixture
def dialog(qtbot: QtBot, training: TrainingSession, tmp_path: Path) -> TrainDialog:
    """The dialog on the screen, with nothing chosen."""
    plan = TrainingPlan.of("default", tmp_path / "training-1")
    dialog = TrainDialog(training, plan, [Model("default"), Model("wide", width=32)], DEVICES)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)  # the test has it until its end
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


@pytest.fixture
def ready(qtbot: QtBot, dialog: TrainDialog, training: TrainingSession, data: Path) -> TrainDialog:
    """The dialog with five sound cases."""
    dialog.choose_dataset(data)
    qtbot.waitUntil(lambda: training.checked is not None and not training.checking.is_running)
    return dialog


def field(dialog: TrainDialog, name: str) -> QLineEdit:
    found = dialog.findChild(QLineEdit, name)
    assert isinstance(found, QLineEdit)
    return found


def test_it_asks_for_cases_first(dialog: TrainDialog) -> None:
    assert dialog.problem() == "Choose the folder of your cases, or train on synthetic ones"
    assert not dialog.start_button.isEnabled()


def test_sound_cases_can_be_trained_on_as_they_are(qtbot: QtBot, ready: TrainDialog, data: Path) -> None:
    assert ready.problem() == ""
    assert "5 cases, all can be trained on" in visible_words(ready)
    with qtbot.waitSignal(ready.start_asked) as started:
        ready.start_button.click()
    plan: TrainingPlan = started.args[0]
    assert (plan.preset, plan.config) == ("default", PRESETS["default"])
    assert (plan.source.dataset, plan.source.init, plan.source.install) == (data, "default", True)


def test_bad_cases_are_told_and_left_out_only_when_a_person_says_so(
    qtbot: QtBot, dialog: TrainDialog, training: TrainingSession, trainer: FakeTrainer, data: Path
) -> None:
    trainer.bad = 2
    dialog.choose_dataset(data)
    assert dialog.problem() == "The cases are being looked through…"
    qtbot.waitUntil(lambda: training.checked is not None and not training.checking.is_running)
    assert dialog.problem().startswith("2 cases cannot be trained on")
    table = dialog.findChild(QTableWidget)
    assert table is not None
    rows = [[table.item(row, column).text() for column in range(3)] for row in range(3)]
    assert rows == [
        ["bad-1", "", "has no truth; add it"],
        ["bad-2", "", "has no truth; add it"],
        ["good-1", "10.0 ml", ""],
    ]
    tick = next(box for box in dialog.findChildren(QCheckBox) if box.text() == "Leave out the 2 that cannot be used")
    qtbot.mouseClick(tick, Qt.MouseButton.LeftButton, pos=QPoint(8, tick.height() // 2))
    assert dialog.problem() == ""
    assert dialog.plan.source.leave_out_bad


def test_synthetic_cases_need_no_folder_and_have_no_epochs(dialog: TrainDialog) -> None:
    dialog.choose_dataset(None)
    assert dialog.problem() == ""
    assert (dialog.plan.config.epochs, dialog.plan.config.steps) == (None, 3000)
    dialog.choose_preset("reference")
    assert dialog.plan.config.epochs is None


def test_a_preset_sets_everything(
    qtbot: QtBot, ready: TrainDialog, training: TrainingSession, trainer: FakeTrainer
) -> None:
    ready.edit("batch", 7)
    ready.choose_preset("reference")
    assert ready.plan.config == PRESETS["reference"]
    assert ready.plan.source.init is None
    qtbot.waitUntil(lambda: not training.checking.is_running)
    modalities = (Modality.T1C, Modality.T2W, Modality.T2F)
    assert [arguments[1] for name, arguments in trainer.asked if name == CHECK][-1] == modalities


@pytest.mark.parametrize(
    ("name", "typed", "problem"),
    [
        ("batch", "two", "Batch: two is not a whole number"),
        ("batch", "0", "Batch 0 must be a number from 1 to 4096"),
        ("width", "10", "Width 10 must be a multiple of 4"),
        ("epochs", "", "Epochs: nothing is not a number"),
    ],
)
def test_what_is_typed_wrongly_is_told_at_once(
    qtbot: QtBot, ready: TrainDialog, name: str, typed: str, problem: str
) -> None:
    ready.advanced.unfold()
    field(ready, name).clear()
    qtbot.keyClicks(field(ready, name), typed or " ")
    assert ready.problem() == problem
    assert not ready.start_button.isEnabled()
    field(ready, name).clear()
    qtbot.keyClicks(field(ready, name), "16")
    assert ready.problem() == ("" if name != "width" else ready.problem())


def test_what_was_measured_is_shown_until_a_setting_changes(
    qtbot: QtBot, ready: TrainDialog, training: TrainingSession
) -> None:
    measure = next(b for b in ready.findChildren(QPushButton) if b.text() == "Measure time and memory")
    measure.click()
    qtbot.waitUntil(lambda: training.estimated is not None)
    said = "About 1 min 6 s: 120 steps of 0.5 s. Needs 1.0 GB of the 4.0 GB that are free on CPU (2 threads)"
    assert said in visible_words(ready)
    ready.edit("batch", 3)
    assert said not in visible_words(ready)


def test_what_does_not_fit_is_refused(
    qtbot: QtBot, ready: TrainDialog, training: TrainingSession, trainer: FakeTrainer
) -> None:
    trainer.estimated = replace(ESTIMATED, problem="a step needs more memory than there is; choose a smaller batch")
    training.estimate(ready.plan.config, None, "cpu")
    qtbot.waitUntil(lambda: training.estimated is not None)
    assert ready.problem() == "a step needs more memory than there is; choose a smaller batch"


def test_weights_of_another_network_are_refused(ready: TrainDialog) -> None:
    starts = next(box for box in ready.findChildren(QComboBox) if box.findData("wide") >= 0)
    starts.setCurrentIndex(starts.findData("wide"))
    starts.activated.emit(starts.currentIndex())
    assert "another network (width 32, here 16)" in ready.problem()
    starts.setCurrentIndex(starts.findData(""))
    starts.activated.emit(starts.currentIndex())
    assert (ready.problem(), ready.plan.source.init) == ("", None)


def test_what_begins_from_random_weights_learns_in_larger_steps_unless_a_person_chose_others(
    ready: TrainDialog,
) -> None:
    starts = next(box for box in ready.findChildren(QComboBox) if box.findData("wide") >= 0)

    def start_from(name: str) -> float:
        starts.setCurrentIndex(starts.findData(name))
        starts.activated.emit(starts.currentIndex())
        return ready.plan.config.learning_rate

    gentle = PRESETS["default"].learning_rate
    assert [start_from(name) for name in ("", "wide")] == [RANDOM_RATE, gentle]
    assert gentle < RANDOM_RATE
    ready.edit("learning_rate", 7e-4)
    assert start_from("") == 7e-4


def test_a_name_that_is_taken_is_refused(qtbot: QtBot, ready: TrainDialog, tmp_path: Path) -> None:
    write_run(tmp_path / "taken")
    name = next(edit for edit in ready.findChildren(QLineEdit) if edit.accessibleName() == "Name")
    name.selectAll()
    qtbot.keyClick(name, Qt.Key.Key_Delete)
    assert ready.problem() == "Give the training a name"
    qtbot.keyClicks(name, "ta/")
    assert ready.problem() == "The name has /, which no folder can have in its name"
    qtbot.keyClick(name, Qt.Key.Key_Backspace)
    qtbot.keyClicks(name, "ken")
    assert ready.plan.folder == tmp_path / "taken"
    assert ready.problem() == "taken: exists already; choose another name, or resume that training"


def test_every_setting_says_what_it_means(dialog: TrainDialog) -> None:
    dialog.advanced.unfold()
    controls = [c for kind in (QLineEdit, QComboBox, QCheckBox) for c in dialog.findChildren(kind)]
    silent = [c.objectName() or c.accessibleName() for c in controls if not c.toolTip() or not c.accessibleName()]
    assert silent == []


def test_keys_alone_suffice(qtbot: QtBot, dialog: TrainDialog, training: TrainingSession, data: Path) -> None:
    dialog.activateWindow()
    qtbot.waitActive(dialog)
    folder = next(edit for edit in dialog.findChildren(QLineEdit) if edit.accessibleName() == "Folder of cases")
    seen = []
    for _ in range(40):
        focused = dialog.focusWidget()
        if focused is folder:
            break
        seen.append(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert dialog.focusWidget() is folder, seen
    qtbot.keyClicks(folder, str(data))
    qtbot.keyClick(folder, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: dialog.start_button.isEnabled())
    with qtbot.waitSignal(dialog.start_asked):
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)


def test_cancelling_stops_what_runs_for_it(
    qtbot: QtBot, dialog: TrainDialog, training: TrainingSession, trainer: FakeTrainer, data: Path
) -> None:
    trainer.gate.clear()
    dialog.choose_dataset(data)
    qtbot.waitUntil(lambda: training.checking.progress is not None and training.checking.progress.total == 10)
    dialog.reject()
    assert not training.checking.is_running


def test_results_are_listed_the_worst_first(qtbot: QtBot, tmp_path: Path) -> None:
    table = {"a": dict.fromkeys(Region, 0.9), "b": {Region.ET: 0.1, Region.TC: 0.2, Region.WT: 0.3}}
    dialog = TrainResults(look_at(write_run(tmp_path / "one")), table)
    qtbot.addWidget(dialog)
    rows = [[dialog.table.item(row, column).text() for column in range(5)] for row in range(3)]
    assert rows == [
        ["Mean", "0.500", "0.550", "0.600", "0.550"],
        ["b", "0.100", "0.200", "0.300", "0.200"],
        ["a", "0.900", "0.900", "0.900", "0.900"],
    ]
