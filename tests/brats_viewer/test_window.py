"""The whole window, with a fake engine in a real child process."""

import signal
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.controls import RunningLine
from brats_viewer.session import Overlay
from engine.progress import Progress, Work
from tests.brats_viewer.conftest import FakeEngine, WriteCase
from tests.brats_viewer.driving import PATIENT_MS, answer, trigger

CASE = "BraTS-GLI-00001-000"


def choose_model(window: MainWindow, name: str) -> None:
    window.session.set_plan(name, "auto", "flips")


def segment(qtbot: QtBot, window: MainWindow, model: str = "quick") -> None:
    """Segment and wait for the end, whichever it is."""
    choose_model(window, model)
    trigger(window, "segment")
    qtbot.waitUntil(lambda: not window.session.segmenting.is_running, timeout=PATIENT_MS)


def begin_endless(qtbot: QtBot, window: MainWindow) -> None:
    choose_model(window, "endless")
    trigger(window, "segment")
    lane = window.session.segmenting
    qtbot.waitUntil(lambda: lane.progress is not None and lane.progress.done == 4, timeout=PATIENT_MS)


def shown(window: MainWindow, name: str) -> str:
    """The text of the label of that name that is to be seen, empty where none is."""
    visible = [label for label in window.findChildren(QLabel, name) if label.isVisible()]
    return visible[0].text() if visible else ""


def press(window: MainWindow, text: str) -> None:
    """Press the button of that text in the panel of the segmentation."""
    (found,) = (one for one in window.segment_panel.findChildren(QPushButton) if one.text() == text)
    found.click()


def children() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if not any("resource_tracker" in a for a in c.cmdline())]


# Exporting


def test_an_export_is_followed_in_the_status_bar(qtbot: QtBot, open_case: MainWindow) -> None:
    gate, report = threading.Event(), open_case.actions_by_id["export_report"]
    line = open_case.statusBar().findChild(RunningLine)

    def work() -> Work[None]:
        yield Progress(0, 2, "painting slices")
        assert gate.wait(10)

    assert not line.isVisible()
    assert report.isEnabled()
    open_case.session.exporting.start(work(), lambda _: None)
    assert line.isVisible()
    assert not report.isEnabled()
    qtbot.waitUntil(lambda: any(label.text().startswith("Painting") for label in line.findChildren(QLabel)))
    gate.set()
    qtbot.waitUntil(lambda: not line.isVisible())
    assert report.isEnabled()


# Segmenting and saving


def test_segment_save_and_find_the_mask_on_disk(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, seen = open_case, []
    for changed in (window.session.segmenting.changed, window.session.segmenting.progressed):
        changed.connect(lambda: seen.append(window.session.segmenting.progress))
    segment(qtbot, window)
    stages = [progress.stage for progress in seen if progress]
    assert stages[0] == "starting"
    assert stages[-1] == "segmenting"
    assert shown(window, "result") == "1.5 s on auto\nby Quick"
    assert window.isWindowModified()
    assert window.session.overlay is Overlay.PREDICTION

    target = case_folder / "mask.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    trigger(window, "save")
    qtbot.waitUntil(lambda: not window.isWindowModified())
    integers = np.asarray(nib.load(target).dataobj)
    assert np.count_nonzero(integers == 3) == np.count_nonzero(integers) == 120
    assert not window.actions_by_id["save"].isEnabled()


def test_a_name_without_ending_gets_one_and_never_replaces_a_file_unasked(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment(qtbot, open_case)
    target = case_folder / "mask.nii.gz"
    target.write_bytes(b"precious")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(case_folder / "mask"), ""))
    trigger(open_case, "save")
    answer(open_case, "Cancel")
    assert target.read_bytes() == b"precious"
    assert open_case.isWindowModified()


def test_the_running_segmentation_shows_stage_and_time_left(qtbot: QtBot, open_case: MainWindow) -> None:
    begin_endless(qtbot, open_case)
    panel = open_case.segment_panel._running
    assert panel._stage.text() == "Segmenting: 4 of 8"
    assert panel._left.text() == "about 12 s left"
    assert panel._bar.value() == 500
    assert not open_case.actions_by_id["segment"].isEnabled()
    trigger(open_case, "cancel")
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running, timeout=PATIENT_MS)


def test_what_happens_is_in_view_in_a_small_window(qtbot: QtBot, open_case: MainWindow) -> None:
    open_case.resize(720, 480)
    begin_endless(qtbot, open_case)
    column = open_case._column.viewport()

    def in_view(widget: QWidget) -> bool:
        return column.rect().contains(widget.mapTo(column, widget.rect().center()))

    qtbot.waitUntil(lambda: in_view(open_case.segment_panel._running))
    trigger(open_case, "cancel")
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running, timeout=PATIENT_MS)
    segment(qtbot, open_case)
    qtbot.waitUntil(lambda: in_view(open_case.result_panel._save))


def test_cancel_stops_and_the_next_segmentation_runs(qtbot: QtBot, open_case: MainWindow, engine: FakeEngine) -> None:
    begin_endless(qtbot, open_case)
    pid = engine.pid
    trigger(open_case, "cancel")
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running, timeout=PATIENT_MS)
    assert open_case.session.prediction is None
    assert shown(open_case, "failure") == ""
    assert engine.pid == pid  # the child stays warm
    segment(qtbot, open_case)
    assert open_case.session.prediction is not None


def test_a_failing_model_is_told_in_one_line(qtbot: QtBot, open_case: MainWindow) -> None:
    segment(qtbot, open_case, "failing")
    assert shown(open_case, "failure") == "weights.safetensors: is damaged; install the model again"
    segment(qtbot, open_case)
    assert shown(open_case, "failure") == ""


def test_a_bug_in_the_engine_is_told_with_its_traceback_to_copy(qtbot: QtBot, open_case: MainWindow) -> None:
    segment(qtbot, open_case, "buggy")
    assert "ZeroDivisionError" in shown(open_case, "failure")
    press(open_case, "Copy details")
    assert "fake_work.py" in QGuiApplication.clipboard().text()


def test_a_child_that_dies_is_told_and_the_next_run_works(qtbot: QtBot, open_case: MainWindow) -> None:
    segment(qtbot, open_case, "dying")
    assert "ended" in shown(open_case, "failure")
    segment(qtbot, open_case)
    assert open_case.session.prediction is not None


def test_a_child_that_is_killed_is_told_and_the_next_run_works(
    qtbot: QtBot, open_case: MainWindow, engine: FakeEngine
) -> None:
    begin_endless(qtbot, open_case)
    psutil.Process(engine.pid).send_signal(signal.SIGTERM if not hasattr(signal, "SIGKILL") else signal.SIGKILL)
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running, timeout=PATIENT_MS)
    assert shown(open_case, "failure") != ""
    assert "\n" not in shown(open_case, "failure")
    segment(qtbot, open_case)
    assert open_case.session.prediction is not None


def test_opening_another_case_stops_the_segmentation_and_drops_it(
    qtbot: QtBot, open_case: MainWindow, write_case: WriteCase
) -> None:
    begin_endless(qtbot, open_case)
    with qtbot.waitSignal(open_case.session.case_changed):
        open_case.session.open(write_case("BraTS-GLI-00002-000"))
    assert open_case.session.case is not None
    assert open_case.session.case.id == "BraTS-GLI-00002-000"
    assert open_case.session.prediction is None
    assert not open_case.session.segmenting.is_running
    segment(qtbot, open_case)
    assert open_case.session.prediction is not None


# Leaving


def test_closing_while_segmenting_leaves_no_process(qtbot: QtBot, open_case: MainWindow) -> None:
    begin_endless(qtbot, open_case)
    assert len(children()) == 1
    assert open_case.close()
    assert not open_case.isVisible()
    assert children() == []


def test_closing_while_loading_is_quiet(qtbot: QtBot, window: MainWindow, case_folder: Path) -> None:
    window.session.open(case_folder)
    assert window.close()
    assert children() == []


def test_an_unsaved_mask_is_asked_about_on_closing(qtbot: QtBot, open_case: MainWindow) -> None:
    segment(qtbot, open_case)
    assert not open_case.close()
    answer(open_case, "Cancel")
    assert open_case.isVisible()
    assert not open_case.close()
    answer(open_case, "Discard")
    assert not open_case.isVisible()


def test_an_unsaved_mask_is_saved_before_closing(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = case_folder / "mask.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    segment(qtbot, open_case)
    open_case.close()
    answer(open_case, "Save")
    qtbot.waitUntil(lambda: not open_case.isVisible())
    assert target.is_file()


def test_a_mask_that_cannot_be_saved_keeps_the_window_open(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = case_folder / "gone" / "mask.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    segment(qtbot, open_case)
    open_case.close()
    answer(open_case, "Save")
    qtbot.waitUntil(lambda: open_case.notice.text() != "")
    assert open_case.isVisible()
    assert open_case.session.has_unsaved_prediction


def test_an_unsaved_mask_is_asked_about_before_another_case(
    qtbot: QtBot, open_case: MainWindow, write_case: WriteCase
) -> None:
    segment(qtbot, open_case)
    other = write_case("BraTS-GLI-00002-000")
    open_case.session.open(other)
    qtbot.waitUntil(lambda: open_case.findChild(QMessageBox) is not None)
    answer(open_case, "Cancel")
    assert open_case.session.case is not None
    assert open_case.session.case.id == CASE
    qtbot.waitUntil(lambda: open_case.findChild(QMessageBox) is None)
    open_case.session.open(other)
    qtbot.waitUntil(lambda: open_case.findChild(QMessageBox) is not None)
    with qtbot.waitSignal(open_case.session.case_changed):
        answer(open_case, "Discard")
    assert open_case.session.case.id == "BraTS-GLI-00002-000"


def test_an_unsaved_mask_is_asked_about_before_it_is_computed_anew(qtbot: QtBot, open_case: MainWindow) -> None:
    segment(qtbot, open_case)
    before = open_case.session.prediction
    trigger(open_case, "segment")
    answer(open_case, "Discard")
    qtbot.waitUntil(lambda: open_case.session.prediction is not before, timeout=PATIENT_MS)
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running, timeout=PATIENT_MS)


def test_an_engine_that_cannot_start_is_told_and_may_be_tried_again(
    qtbot: QtBot, open_case: MainWindow, engine: FakeEngine
) -> None:
    engine.module = "tests.brats_viewer.no_such_module"
    open_case.session.survey()
    qtbot.waitUntil(lambda: open_case.session.surveying.failure is not None, timeout=PATIENT_MS)
    assert "no_such_module" in shown(open_case, "failure")
    engine.module = "tests.brats_viewer.fake_work"
    with qtbot.waitSignal(open_case.session.engine_surveyed, timeout=PATIENT_MS):
        press(open_case, "Try again")
    assert shown(open_case, "failure") == ""
