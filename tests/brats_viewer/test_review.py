"""Going through a cohort in the window: a folder of cases, their scores, and each case where it is worst."""

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.session import Overlay
from brats_viewer.views.slice_grid import LEAST_PX
from engine.data import Label, Modality
from engine.data.mark import EVALUATION, PROGRAM
from tests.brats_viewer.cohorts import A, B, C, FakeEvaluation, result
from tests.brats_viewer.conftest import SHAPE, WriteCase
from tests.brats_viewer.driving import PATIENT_MS, compared, trigger, write_mask
from tests.brats_viewer.inline import InlineEngine
from tests.phantoms import phantom_segmentation

UNMARKED = {A: 20, B: 22, C: 25}
"""The axial slice of each case's tumour, which goes from 17 to 29, that its mask leaves out."""


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


@pytest.fixture
def dataset(tmp_path: Path, write_case: WriteCase, engine: InlineEngine) -> Path:
    """Three cases of which B is the worst and A the best, and inside their folder what an evaluation made of them."""
    folder, results = tmp_path / "data", tmp_path / "data" / "results"
    (results / "masks").mkdir(parents=True)
    for case, left_out in UNMARKED.items():
        write_case(case).rename(folder / case)
        labels = np.zeros(SHAPE, np.uint8)
        labels[6:18, 26:38, 17:30] = Label.ED
        labels[:, :, left_out] = 0
        write_mask(results / "masks" / f"{case}.nii.gz", folder / case / f"{case}-t1c.nii.gz", labels)
    summary = {"program": PROGRAM, "kind": EVALUATION, "dataset": str(folder), "written": "2026-01-02T00:00:00+00:00"}
    (results / "summary.json").write_text(json.dumps(summary))
    scored = result(A, 0.9, 0.9, 0.9), result(B, 0.3, 0.9, 0.9), result(C, 0.6, 0.9, 0.9)
    engine.evaluations[results] = FakeEvaluation(scored, folder=results)
    return folder


@pytest.fixture
def reviewing(qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The window with the table of the cases and their scores, and no case open."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(dataset))
    trigger(window, "open_cohort")
    qtbot.waitUntil(lambda: len(window.cohort.scored) == 3, timeout=PATIENT_MS)
    window.activateWindow()
    qtbot.waitActive(window)
    return window


def click_row(qtbot: QtBot, window: MainWindow, row: int) -> None:
    view = window.cohort_panel.view
    where = view.visualRect(view.model().index(row, 0)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=where)


def at_worst_slice(qtbot: QtBot, window: MainWindow, case: str) -> None:
    """Wait until the case is open with its mask, and the crosshair where the mask has nothing."""
    session = window.session
    qtbot.waitUntil(lambda: session.case is not None and session.case.id == case, timeout=PATIENT_MS)
    compared(qtbot, window)
    assert session.case is not None
    assert session.cursor[2] == UNMARKED[case]
    mask = str(window.cohort.folder / "results" / "masks" / f"{case}.nii.gz") if window.cohort.folder else ""
    assert session.overlay == mask
    assert session.pair == (mask, Overlay.TRUTH)


def test_a_folder_of_cases_is_a_table_with_the_worst_first(reviewing: MainWindow, dataset: Path) -> None:
    assert reviewing.cohort_panel.isVisible()
    assert reviewing.actions_by_id["cohort"].isChecked()
    assert reviewing.start_page.isVisible()
    assert reviewing.cohort.folder == dataset
    assert [entry.id for entry in reviewing.cohort.shown] == [B, C, A]
    assert reviewing.settings.last_folder == dataset.parent


def test_a_folder_of_cases_that_is_opened_as_a_case_becomes_the_table(
    qtbot: QtBot, window: MainWindow, dataset: Path
) -> None:
    window.session.open(dataset)
    qtbot.waitUntil(lambda: len(window.cohort.scored) == 3, timeout=PATIENT_MS)
    assert window.cohort_panel.isVisible()
    assert window.notice.text() == ""
    assert window.session.case is None


def test_the_start_page_leads_to_a_folder_of_cases(
    qtbot: QtBot, window: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(dataset))
    (choose,) = (b for b in window.start_page.findChildren(QPushButton) if b.text() == "Open folder of cases…")
    choose.click()
    qtbot.waitUntil(lambda: len(window.cohort.scored) == 3, timeout=PATIENT_MS)
    assert window.cohort_panel.isVisible()


def test_the_table_is_hidden_and_shown(qtbot: QtBot, window: MainWindow) -> None:
    assert not window.cohort_panel.isVisible()
    for command in ("previous_case", "next_case"):
        assert not window.actions_by_id[command].isEnabled()
    for shown in (True, False):
        trigger(window, "cohort")
        assert window.cohort_panel.isVisible() is shown
        assert window.actions_by_id["cohort"].isChecked() is shown


def test_a_click_opens_the_case_with_its_mask_at_its_worst_slice(qtbot: QtBot, reviewing: MainWindow) -> None:
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    assert reviewing.cohort.current is not None
    assert reviewing.cohort.current.id == B
    assert reviewing.windowTitle() == f"{B}[*] – BraTS Viewer"


def test_the_keys_go_through_the_table(qtbot: QtBot, reviewing: MainWindow) -> None:
    for key, case in ((Qt.Key.Key_BracketRight, B), (Qt.Key.Key_BracketRight, C), (Qt.Key.Key_BracketLeft, B)):
        qtbot.keyClick(reviewing, key)
        at_worst_slice(qtbot, reviewing, case)


def test_the_cases_beside_the_open_one_are_ready_before_they_are_asked_for(
    qtbot: QtBot, reviewing: MainWindow, dataset: Path
) -> None:
    session = reviewing.session
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    qtbot.waitUntil(lambda: not session.preloading.is_running, timeout=PATIENT_MS)
    for case in (B, C):
        for modality in Modality:
            (dataset / case / f"{case}-{modality.lower()}.nii.gz").unlink()
    for command, case in (("next_case", C), ("previous_case", B)):
        trigger(reviewing, command)
        assert session.case is not None
        assert session.case.id == case  # at once, and from nowhere else than memory
        at_worst_slice(qtbot, reviewing, case)


def test_a_mask_is_never_laid_over_another_case_of_the_same_folder(
    qtbot: QtBot, reviewing: MainWindow, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in UNMARKED:
        for path in (dataset / case).iterdir():
            path.rename(dataset / path.name)
        (dataset / case).rmdir()
    session = reviewing.session
    trigger(reviewing, "open_cohort")
    qtbot.waitUntil(lambda: len(reviewing.cohort.scored) == 3 and reviewing.cohort.shown[0].files.folder == dataset)
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    assert session.case is not None
    session.set_prediction(phantom_segmentation(session.case))
    trigger(reviewing, "next_case")
    question = reviewing.findChild(QMessageBox)
    assert question is not None
    question.reject()
    session.mark_prediction_saved(Path("mask.nii.gz"))
    with qtbot.waitSignal(session.case_changed, timeout=PATIENT_MS):
        session.open(dataset / f"{A}-t1c.nii.gz")
    assert session.case.id == A
    assert not session.reading_in.is_running


def test_a_case_that_was_kept_without_a_mask_opens_with_its_truth(
    qtbot: QtBot, reviewing: MainWindow, dataset: Path
) -> None:
    (dataset / "results" / "masks" / f"{B}.nii.gz").unlink()
    with qtbot.waitSignal(reviewing.session.case_changed, timeout=PATIENT_MS):
        click_row(qtbot, reviewing, 0)
    assert not reviewing.session.reading_in.is_running
    assert reviewing.session.overlay == Overlay.TRUTH


def test_a_case_of_the_folder_that_is_opened_by_itself_stays_where_it_is(
    qtbot: QtBot, reviewing: MainWindow, dataset: Path
) -> None:
    with qtbot.waitSignal(reviewing.session.case_changed, timeout=PATIENT_MS):
        reviewing.session.open(dataset / C)
    assert reviewing.cohort.current is not None
    assert reviewing.cohort.current.id == C
    assert not reviewing.session.reading_in.is_running
    assert reviewing.session.cursor == (20, 24, 18)


def test_an_unsaved_mask_is_asked_about_before_the_next_case(qtbot: QtBot, reviewing: MainWindow) -> None:
    session = reviewing.session
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    assert session.case is not None
    session.set_prediction(phantom_segmentation(session.case))
    trigger(reviewing, "next_case")
    box = reviewing.findChild(QMessageBox)
    assert box is not None
    box.reject()
    assert session.case.id == B
    session.mark_prediction_saved(Path("mask.nii.gz"))
    click_row(qtbot, reviewing, 1)
    at_worst_slice(qtbot, reviewing, C)


def test_the_folder_is_remembered_in_place_of_its_cases(
    qtbot: QtBot, reviewing: MainWindow, dataset: Path, case_folder: Path
) -> None:
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    assert reviewing.settings.recent_cases == (dataset,)
    with qtbot.waitSignal(reviewing.session.case_changed, timeout=PATIENT_MS):
        reviewing.session.open(case_folder)
    assert reviewing.settings.recent_cases == (case_folder, dataset)
    (_, folder, *_) = reviewing._recent_menu.actions()
    with qtbot.waitSignal(reviewing.cohort.cohort_changed, timeout=PATIENT_MS):
        folder.trigger()


def test_the_table_leaves_room_for_the_images(qtbot: QtBot, reviewing: MainWindow) -> None:
    click_row(qtbot, reviewing, 0)
    at_worst_slice(qtbot, reviewing, B)
    reviewing.resize(720, 480)
    qtbot.waitUntil(lambda: reviewing.views.height() >= LEAST_PX[1])
    assert reviewing.cohort_panel.isVisible()
