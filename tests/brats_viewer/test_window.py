"""The whole window, with a fake engine in a real child process."""

import signal
from pathlib import Path

import nibabel as nib
import numpy as np
import psutil
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow, sample_case
from brats_viewer.dialogs.assign_dialog import AssignDialog
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.session import Overlay
from engine.data import Modality
from tests.brats_viewer.conftest import FakeEngine, WriteCase

CASE = "BraTS-GLI-00001-000"


def trigger(window: MainWindow, command: str) -> None:
    assert window.actions_by_id[command].isEnabled(), command
    window.actions_by_id[command].trigger()


def choose_model(window: MainWindow, name: str) -> None:
    window.session.set_plan(name, "auto", "flips")


def segment(qtbot: QtBot, window: MainWindow, model: str = "quick") -> None:
    """Segment and wait for the end, whichever it is."""
    choose_model(window, model)
    trigger(window, "segment")
    qtbot.waitUntil(lambda: not window.session.segmenting.is_running)


def begin_endless(qtbot: QtBot, window: MainWindow) -> None:
    choose_model(window, "endless")
    trigger(window, "segment")
    lane = window.session.segmenting
    qtbot.waitUntil(lambda: lane.progress is not None and lane.progress.done == 4)


def shown(window: MainWindow, name: str) -> str:
    """The text of the label of that name, empty where it is not to be seen."""
    label = window.findChild(QWidget, name)
    return label.text() if label and label.isVisible() else ""  # type: ignore[attr-defined]


def answer(window: MainWindow, button: str) -> None:
    """Press a button of the question that is open."""
    box = window.findChild(QMessageBox)
    assert box is not None
    choices = {choice.text().replace("&", ""): choice for choice in box.buttons()}
    choices[button].click()


def children() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if not any("resource_tracker" in a for a in c.cmdline())]


# Opening


def test_the_empty_window_says_what_to_do(window: MainWindow) -> None:
    assert window.start_page.isVisible()
    assert window.windowTitle() == "BraTS Viewer"
    for command in ("save", "save_as", "segment", "cancel", "reset", "overlay", "assign"):
        assert not window.actions_by_id[command].isEnabled(), command


def test_a_case_is_opened_by_the_dialog(
    qtbot: QtBot, window: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(case_folder))
    with qtbot.waitSignal(window.session.case_changed):
        trigger(window, "open")
    assert window.views.isVisible()
    assert window.windowTitle() == f"{CASE}[*] – BraTS Viewer"
    assert window.settings.last_folder == case_folder.parent
    assert window.settings.recent_cases == (case_folder,)


def test_a_case_is_opened_by_one_of_its_files(
    qtbot: QtBot, window: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = case_folder / f"{CASE}-t1c.nii.gz"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(image), ""))
    with qtbot.waitSignal(window.session.case_changed):
        trigger(window, "open_file")
    assert window.session.case is not None
    assert window.session.case.id == CASE


def test_a_dialog_that_is_dismissed_opens_nothing(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    trigger(window, "open")
    assert not window.session.opening.is_running


def drop(window: MainWindow, *urls: QUrl) -> None:
    data = QMimeData()
    data.setUrls(list(urls))
    no_keys, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(9, 9), Qt.DropAction.CopyAction, data, left, no_keys)
    window.dragEnterEvent(enter)
    if enter.isAccepted():
        window.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data, left, no_keys))


def test_a_case_is_opened_by_dropping_its_folder(qtbot: QtBot, window: MainWindow, case_folder: Path) -> None:
    with qtbot.waitSignal(window.session.case_changed):
        drop(window, QUrl.fromLocalFile(str(case_folder)))


def test_a_case_is_opened_by_dropping_a_file(qtbot: QtBot, window: MainWindow, case_folder: Path) -> None:
    with qtbot.waitSignal(window.session.case_changed):
        drop(window, QUrl.fromLocalFile(str(case_folder / f"{CASE}-t2w.nii.gz")))


def test_a_link_is_not_taken(window: MainWindow) -> None:
    drop(window, QUrl("https://example.org/case"))
    assert not window.session.opening.is_running


def test_a_case_is_opened_again_from_the_recent_ones(qtbot: QtBot, open_case: MainWindow, case_folder: Path) -> None:
    (entry, *_) = open_case._recent_menu.actions()
    assert entry.text() == CASE
    with qtbot.waitSignal(open_case.session.case_changed):
        entry.trigger()
    rows = [row for row in open_case.start_page.findChildren(QAbstractButton) if row.accessibleName() == CASE]
    with qtbot.waitSignal(open_case.session.case_changed):
        rows[0].click()


def test_a_recent_case_that_is_gone_is_not_offered(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    window.settings.add_recent_case(tmp_path / "gone")
    assert window.settings.recent_cases == ()


def test_one_of_several_cases_in_a_folder_is_remembered_by_its_file(
    qtbot: QtBot, window: MainWindow, write_case: WriteCase, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    both.mkdir()
    for number in (1, 2):
        for image in write_case(f"BraTS-GLI-0000{number}-000").iterdir():
            image.rename(both / image.name)
    path = both / "BraTS-GLI-00002-000-t1c.nii.gz"
    with qtbot.waitSignal(window.session.case_changed):
        window.session.open(path)
    assert window.session.case is not None
    assert window.session.case.id == "BraTS-GLI-00002-000"
    assert window.settings.recent_cases == (path,)


def test_the_sample_case_opens_without_a_question(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.session.case_changed, timeout=30_000):
        trigger(window, "open_sample")
    assert window.session.case is not None
    assert window.session.case.files.folder == sample_case()
    assert window.session.case.truth is not None
    assert window.settings.recent_cases == ()


@pytest.mark.parametrize("name", ["empty", "words"])
def test_a_folder_without_a_case_is_refused_in_one_line(
    qtbot: QtBot, open_case: MainWindow, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    if name == "words":
        (folder / "notes.txt").write_text("no image")
    before = open_case.session.case
    open_case.session.open(folder)
    qtbot.waitUntil(lambda: open_case.session.opening.failure is not None)
    assert str(folder) in open_case.notice.text()
    assert "\n" not in open_case.notice.text()
    assert open_case.session.case is before
    assert open_case.views.isVisible()


def test_the_notice_goes_with_the_next_attempt(qtbot: QtBot, window: MainWindow, case_folder: Path) -> None:
    window.session.open(case_folder / "nowhere")
    qtbot.waitUntil(lambda: window.notice.text() != "")
    with qtbot.waitSignal(window.session.case_changed):
        window.session.open(case_folder)
    assert window.notice.text() == ""


def test_files_that_the_names_do_not_decide_are_asked_about(
    qtbot: QtBot, window: MainWindow, write_case: WriteCase
) -> None:
    folder = write_case(truth=False)
    (folder / f"{CASE}-t2f.nii.gz").rename(folder / "scan.nii.gz")
    window.session.open(folder)
    qtbot.waitUntil(lambda: window.findChild(AssignDialog) is not None)
    dialog = window.findChild(AssignDialog)
    assert dialog is not None
    flair = dialog._pickers[str(Modality.T2F)]
    assert flair.currentText() == "none of them"
    flair.setCurrentIndex(flair.findText("scan.nii.gz"))
    with qtbot.waitSignal(window.session.case_changed):
        dialog.accept()
    assert window.session.case is not None
    assert window.session.case.files.images[Modality.T2F].path == folder / "scan.nii.gz"


def test_a_person_may_correct_which_file_is_what(qtbot: QtBot, open_case: MainWindow, case_folder: Path) -> None:
    trigger(open_case, "assign")
    dialog = open_case.findChild(AssignDialog)
    assert dialog is not None
    pickers = dialog._pickers
    t1, t2 = pickers[str(Modality.T1N)], pickers[str(Modality.T2W)]
    first, second = t1.currentIndex(), t2.currentIndex()
    t1.setCurrentIndex(second)
    assert dialog._complaint.text() == f"{CASE}-t2w.nii.gz is chosen twice"
    t2.setCurrentIndex(first)
    with qtbot.waitSignal(open_case.session.case_changed):
        dialog.accept()
    assert open_case.session.case is not None
    assert open_case.session.case.files.images[Modality.T1N].path.name == f"{CASE}-t2w.nii.gz"
    assert open_case.session.case.truth is not None


@pytest.mark.parametrize("without", [False, True])
def test_what_the_labels_mean_is_asked_where_nothing_says_it(
    qtbot: QtBot, window: MainWindow, write_case: WriteCase, without: bool
) -> None:
    window.session.open(write_case("patient"))
    qtbot.waitUntil(lambda: window.findChild(ConventionDialog) is not None)
    dialog = window.findChild(ConventionDialog)
    assert dialog is not None
    choices = {button.text().replace("&", ""): button for button in dialog.findChildren(QAbstractButton)}
    assert not choices["Open"].isEnabled()
    with qtbot.waitSignal(window.session.case_changed):
        if without:
            choices["Open without truth"].click()
        else:
            brats2023 = next(button for text, button in choices.items() if text.startswith("BraTS 2023"))
            brats2023.click()
            choices["Open"].click()
    assert window.session.case is not None
    assert (window.session.case.truth is None) is without


def test_resampling_is_offered_with_the_difference(qtbot: QtBot, window: MainWindow, case_folder: Path) -> None:
    path = case_folder / f"{CASE}-t1n.nii.gz"
    image = nib.load(path)
    moved = image.affine.copy()
    moved[2, 3] += 2.0
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), moved), path)
    window.session.open(case_folder)
    qtbot.waitUntil(lambda: window.findChild(QMessageBox) is not None)
    box = window.findChild(QMessageBox)
    assert box is not None
    assert "2.00 mm" in box.informativeText()
    with qtbot.waitSignal(window.session.case_changed):
        answer(window, "Resample")


# Segmenting and saving


def test_segment_save_and_find_the_mask_on_disk(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, seen = open_case, []
    window.session.segmenting.changed.connect(lambda: seen.append(window.session.segmenting.progress))
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
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running)


def test_what_happens_is_in_view_in_a_small_window(qtbot: QtBot, open_case: MainWindow) -> None:
    open_case.resize(720, 480)
    begin_endless(qtbot, open_case)
    column = open_case._column.viewport()

    def in_view(widget: QWidget) -> bool:
        return column.rect().contains(widget.mapTo(column, widget.rect().center()))

    qtbot.waitUntil(lambda: in_view(open_case.segment_panel._running))
    trigger(open_case, "cancel")
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running)
    segment(qtbot, open_case)
    qtbot.waitUntil(lambda: in_view(open_case.result_panel._save))


def test_cancel_stops_and_the_next_segmentation_runs(qtbot: QtBot, open_case: MainWindow, engine: FakeEngine) -> None:
    begin_endless(qtbot, open_case)
    pid = engine.pid
    trigger(open_case, "cancel")
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running)
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
    open_case.segment_panel._failed._copy.click()
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
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running)
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
    qtbot.waitUntil(lambda: open_case.session.prediction is not before)
    qtbot.waitUntil(lambda: not open_case.session.segmenting.is_running)


def test_what_was_chosen_is_remembered(qtbot: QtBot, open_case: MainWindow) -> None:
    open_case.session.set_plan("lenient", "cpu", "none")
    open_case.session.set_opacity(0.25)
    trigger(open_case, "crosshair")
    trigger(open_case, "radiological")
    open_case.close()
    settings = open_case.settings
    assert (settings.model, settings.device, settings.tta) == ("lenient", "cpu", "none")
    assert settings.opacity == 0.25
    assert not settings.crosshair
    assert not settings.radiological
    assert not settings.geometry.isEmpty()


def test_an_engine_that_cannot_start_is_told_and_may_be_tried_again(
    qtbot: QtBot, open_case: MainWindow, engine: FakeEngine
) -> None:
    engine.module = "tests.brats_viewer.no_such_module"
    open_case.session.survey()
    qtbot.waitUntil(lambda: open_case.session.surveying.failure is not None)
    assert "no_such_module" in shown(open_case, "failure")
    engine.module = "tests.brats_viewer.fake_work"
    with qtbot.waitSignal(open_case.session.engine_surveyed):
        open_case.segment_panel._failed.retry.click()
    assert shown(open_case, "failure") == ""
