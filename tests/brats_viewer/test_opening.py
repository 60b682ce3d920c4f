"""How a case comes into the window, what is asked about it, and what is exported of it."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow, sample_case
from brats_viewer.dialogs.assign_dialog import AssignDialog
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.session import Overlay
from engine.data import Modality
from tests.brats_viewer.conftest import WriteCase
from tests.brats_viewer.driving import PATIENT_MS, answer, trigger
from tests.brats_viewer.inline import InlineEngine
from tests.phantoms import phantom_segmentation

CASE = "BraTS-GLI-00001-000"


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


def test_the_empty_window_says_what_to_do(window: MainWindow) -> None:
    assert window.start_page.isVisible()
    assert window.windowTitle() == "BraTS Viewer"
    for command in ("save", "save_as", "segment", "cancel", "reset", "overlay", "assign", "layout_modalities"):
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


def test_a_mask_dropped_on_its_case_is_compared(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, tmp_path: Path
) -> None:
    session, case = open_case.session, open_case.session.case
    mask = tmp_path / "second reader.nii.gz"
    shutil.copy(case_folder / f"{CASE}-seg.nii.gz", mask)
    with qtbot.waitSignal(session.readings_changed):
        drop(open_case, QUrl.fromLocalFile(str(mask)))
    assert session.case is case
    assert [reading.title for reading in session.readings] == ["Truth", "second reader.nii.gz"]
    assert session.pair == (str(mask), Overlay.TRUTH)


def test_an_image_dropped_on_a_case_is_opened(qtbot: QtBot, open_case: MainWindow, write_case: WriteCase) -> None:
    other = write_case("BraTS-GLI-00002-000")
    with qtbot.waitSignal(open_case.session.case_changed):
        drop(open_case, QUrl.fromLocalFile(str(other / "BraTS-GLI-00002-000-t1c.nii.gz")))
    assert open_case.session.case is not None
    assert open_case.session.case.id == "BraTS-GLI-00002-000"


def test_a_mask_of_another_grid_is_not_taken_for_the_cases(qtbot: QtBot, open_case: MainWindow, tmp_path: Path) -> None:
    mask = tmp_path / "mask.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), mask)
    with qtbot.waitSignal(open_case.session.files_found):  # and a person is asked which image it is
        drop(open_case, QUrl.fromLocalFile(str(mask)))
    assert [reading.title for reading in open_case.session.readings] == ["Truth"]


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
    with qtbot.waitSignal(window.session.case_changed, timeout=PATIENT_MS):
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


# Closing


def test_a_closed_case_leaves_the_start_page(open_case: MainWindow) -> None:
    trigger(open_case, "close_case")
    assert open_case.session.case is None
    assert open_case.start_page.isVisible()
    assert open_case.windowTitle() == "BraTS Viewer"
    assert not open_case.actions_by_id["close_case"].isEnabled()


def test_an_unsaved_mask_is_asked_about_before_its_case_is_closed(open_case: MainWindow) -> None:
    session = open_case.session
    assert session.case is not None
    session.set_prediction(phantom_segmentation(session.case))
    trigger(open_case, "close_case")
    assert session.case is not None
    answer(open_case, "Discard")
    assert session.case is None


# Exporting


def test_what_is_exported_is_told(
    qtbot: QtBot, open_case: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "view.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(picture), ""))
    trigger(open_case, "export_view")
    assert QImage(str(picture)).size() == open_case.views.size()
    assert open_case.statusBar().currentMessage() == f"Saved {picture}"


def test_what_cannot_be_exported_is_told_in_one_line(
    open_case: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "gone" / "view.png"), ""))
    trigger(open_case, "export_view")
    assert str(tmp_path / "gone") in open_case.notice.text()
    assert "\n" not in open_case.notice.text()
