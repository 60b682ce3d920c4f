"""What the window remembers: how things were, what was open and where, and the recent cases with their pictures."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.display import Crosshair, Display, Layout, Palette, Plane
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from brats_viewer.thumbnails import SIZE, thumbnail_path
from engine.data import Modality
from tests.brats_viewer.conftest import WriteCase
from tests.brats_viewer.driving import PATIENT_MS, trigger
from tests.brats_viewer.inline import InlineEngine

PLACE = (12, 30, 23)


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


NextRun = Callable[[], MainWindow]


@pytest.fixture
def next_run(qtbot: QtBot, qapp: QApplication, settings: Settings) -> Iterator[NextRun]:
    """Makes the window of the next start of the program, which reads the same settings file, and shows it."""
    sessions = []

    def start() -> MainWindow:
        settings._store.sync()
        session = Session(InlineEngine())
        sessions.append(session)
        window = MainWindow(session, Settings(Path(settings._store.fileName())))
        qtbot.addWidget(window)
        with qtbot.waitSignal(session.engine_surveyed, timeout=PATIENT_MS):
            window.show()
        return window

    yield start
    for session in sessions:
        session.close()


def reopened(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """The window after it has opened what was open before."""
    with qtbot.waitSignal(window.session.case_changed, timeout=PATIENT_MS):
        window.reopen()
    return window


# How things were


def test_how_things_were_shown_is_remembered(open_case: MainWindow, next_run: NextRun) -> None:
    for command in ("layout_modalities", "palette_colour_blind", "crosshair_thick", "radiological", "narrow_window"):
        trigger(open_case, command)
    trigger(open_case, "more_opacity")
    open_case.session.set_plan("lenient", "cpu", "none")
    open_case.resize(760, 600)
    assert open_case.close()
    window = next_run()
    session = window.session
    assert (window.width(), window.height()) == (760, 600)
    assert session.display == Display(
        layout=Layout.MODALITIES, palette=Palette.COLOUR_BLIND, crosshair=Crosshair.THICK, radiological=False
    )
    assert session.windows == {Modality.T1C: (0.2, 0.75)}
    assert session.opacity == pytest.approx(0.45)
    assert (session.plan.model, session.plan.device, session.plan.tta) == ("lenient", "cpu", "none")


@pytest.mark.parametrize(
    "text",
    [
        '[view]\nopacity=much\ndisplay="{\\"layout\\": \\"circles\\", \\"smooth\\": 7}"\nwindows="[1]"\n',
        "[session]\ncase=[\nreopens=perhaps\n[window]\ngeometry=7\nparts=7\n[cases]\nrecent=7\n",
        "no ini file at all \x00\x01",
    ],
)
def test_a_window_opens_on_damaged_settings(settings: Settings, next_run: NextRun, text: str) -> None:
    Path(settings._store.fileName()).write_text(text)
    window = next_run()
    window.reopen()
    assert window.start_page.isVisible()
    assert not window.session.opening.is_running
    assert window.session.display == Display()
    assert window.session.windows == {}
    assert window.notice.text() == ""


# What was open


def test_the_case_is_reopened_where_it_was_left(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, next_run: NextRun
) -> None:
    open_case.session.set_cursor(PLACE)
    for command in ("plane", "show_t2f"):
        trigger(open_case, command)
    assert open_case.actions_by_id["reopen"].isChecked()
    assert open_case.close()
    session = reopened(qtbot, next_run()).session
    assert session.case is not None
    assert session.case.files.folder == case_folder
    assert session.cursor == PLACE
    assert session.plane is Plane.CORONAL
    assert session.modality is Modality.T2F


def test_it_is_not_reopened_if_a_person_does_not_want_that(open_case: MainWindow, next_run: NextRun) -> None:
    trigger(open_case, "reopen")
    assert open_case.close()
    window = next_run()
    window.reopen()
    assert not window.actions_by_id["reopen"].isChecked()
    assert not window.session.opening.is_running
    assert window.start_page.isVisible()


def test_a_case_that_ended_the_program_is_not_opened_again(
    qtbot: QtBot, open_case: MainWindow, next_run: NextRun
) -> None:
    assert open_case.close()
    reopened(qtbot, next_run())  # which never comes to store its settings
    third = next_run()
    third.reopen()
    assert not third.session.opening.is_running


def test_a_case_that_is_gone_is_not_missed(open_case: MainWindow, case_folder: Path, next_run: NextRun) -> None:
    assert open_case.close()
    shutil.rmtree(case_folder)
    window = next_run()
    window.reopen()
    assert not window.session.opening.is_running
    assert window.notice.text() == ""


def test_the_place_is_of_that_case_alone(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, write_case: WriteCase, next_run: NextRun
) -> None:
    open_case.session.set_cursor(PLACE)
    assert open_case.close()
    for path in case_folder.iterdir():
        path.unlink()
    window = next_run()
    window.reopen()
    qtbot.waitUntil(lambda: window.notice.text() != "", timeout=PATIENT_MS)
    with qtbot.waitSignal(window.session.case_changed, timeout=PATIENT_MS):
        window.session.open(write_case("BraTS-GLI-00002-000"))
    assert window.session.cursor == (20, 24, 18)


def test_closing_without_a_case_leaves_nothing_to_reopen(window: MainWindow, next_run: NextRun) -> None:
    assert window.close()
    second = next_run()
    second.reopen()
    assert not second.session.opening.is_running


# The recent cases


def picture_in(window: MainWindow, case: Path) -> QImage:
    """The small picture in a recent case's row of the start page."""
    rows = {row.toolTip(): row for row in window.start_page.findChildren(QAbstractButton)}
    return rows[str(case)].findChild(QLabel, "thumbnail").pixmap().toImage()


def test_recent_cases_have_pictures_in_the_next_run(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, next_run: NextRun
) -> None:
    open_case.session.set_cursor(PLACE)
    assert open_case.close()
    kept = QImage(str(thumbnail_path(case_folder)))
    assert kept.size() == SIZE
    window = next_run()
    assert not picture_in(window, case_folder).isNull()
    assert [entry.text() for entry in window._recent_menu.actions()] == [case_folder.name, "", "Forget these"]


def test_the_pictures_are_forgotten_with_the_list(qtbot: QtBot, open_case: MainWindow, case_folder: Path) -> None:
    qtbot.waitUntil(thumbnail_path(case_folder).is_file, timeout=PATIENT_MS)
    open_case._recent_menu.actions()[-1].trigger()
    assert not thumbnail_path(case_folder).exists()
    assert open_case.settings.recent_cases == ()
    assert not open_case._recent_menu.isEnabled()
    assert open_case.close()
    assert not thumbnail_path(case_folder).exists()


def test_a_picture_goes_when_its_case_is_no_longer_among_the_recent_ones(
    qtbot: QtBot, open_case: MainWindow, case_folder: Path, write_case: WriteCase
) -> None:
    qtbot.waitUntil(thumbnail_path(case_folder).is_file, timeout=PATIENT_MS)
    open_case.settings.clear_recent_cases()
    other = write_case("BraTS-GLI-00002-000")
    with qtbot.waitSignal(open_case.session.case_changed, timeout=PATIENT_MS):
        open_case.session.open(other)
    qtbot.waitUntil(thumbnail_path(other).is_file, timeout=PATIENT_MS)
    assert not thumbnail_path(case_folder).exists()
