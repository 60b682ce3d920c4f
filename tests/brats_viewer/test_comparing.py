"""Two masks of a case compared: another one opened, the way to what is wrong, the other one seen in its place."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QRadioButton
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.display import Layer, Plane
from brats_viewer.session import Overlay
from brats_viewer.views.slice_strip import SliceStrip
from engine.data import Label, Region
from tests.brats_viewer.conftest import SHAPE, WriteCase
from tests.brats_viewer.driving import PATIENT_MS, compared, trigger, write_mask
from tests.brats_viewer.inline import InlineEngine

BEGIN = (20, 24, 18)
"""The middle of the grid, where a case opens."""
WORST, HALF, LARGEST = 12, 15, 10
"""Axial slices: the candidate marks nothing there, marks half, and the truth is largest."""
FALSE = range(25, 29)
"""Axial slices where only the candidate marks something."""


def truth() -> NDArray[np.uint8]:
    """Oedema of 10 x 10 voxels in each axial slice from 8 to 17, and of 12 x 10 in one."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:20, 10:20, 8:18] = Label.ED
    labels[20:22, 10:20, LARGEST] = Label.ED
    return labels


def second_reading() -> NDArray[np.uint8]:
    """The truth without one slice and half of another, and 4 x 4 x 4 voxels elsewhere."""
    labels = truth()
    labels[:, :, WORST] = 0
    labels[15:, :, HALF] = 0
    labels[30:34, 30:34, FALSE.start : FALSE.stop] = Label.ED
    return labels


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


@pytest.fixture
def case_folder(write_case: WriteCase) -> Path:
    """A case with the truth above."""
    folder = write_case()
    write_mask(folder / f"{folder.name}-seg.nii.gz", folder / f"{folder.name}-t1c.nii.gz", truth())
    return folder


@pytest.fixture
def second(case_folder: Path, tmp_path: Path) -> Path:
    """A second reader's mask."""
    return write_mask(tmp_path / "second.nii.gz", case_folder / f"{case_folder.name}-t1c.nii.gz", second_reading())


@pytest.fixture
def comparing(qtbot: QtBot, open_case: MainWindow, second: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The window with a case, and the second mask opened and compared with the truth."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(second), ""))
    trigger(open_case, "open_labels")
    compared(qtbot, open_case)
    open_case.activateWindow()
    qtbot.waitActive(open_case)
    return open_case


def test_another_mask_is_opened_shown_and_compared_with_the_truth(comparing: MainWindow, second: Path) -> None:
    session = comparing.session
    assert [reading.title for reading in session.readings] == ["Truth", "second.nii.gz"]
    assert session.overlay == str(second)
    assert session.pair == (str(second), Overlay.TRUTH)
    assert session.comparison is not None
    # the truth has 1020 voxels of 1 mm³, of which 150 are missed; 64 are false
    assert session.comparison.scores[Region.WT].dice == pytest.approx(2 * 870 / (934 + 1020))
    assert comparing.comparison_panel.isVisibleTo(comparing)
    assert session.cursor == BEGIN
    assert comparing.actions_by_id["export_scores"].isEnabled()


def test_without_two_masks_nothing_can_be_compared(open_case: MainWindow) -> None:
    for command in ("swap", "flicker", "worst", "error", "largest", "export_scores", "uncertain"):
        assert not open_case.actions_by_id[command].isEnabled(), command
    assert open_case.actions_by_id["open_labels"].isEnabled()
    assert not open_case.comparison_panel.isVisibleTo(open_case)


def test_a_mask_of_another_grid_is_refused_in_one_line(
    qtbot: QtBot, open_case: MainWindow, tmp_path: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smaller = write_mask(tmp_path / "smaller.nii.gz", second, truth()[:-1])
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(smaller), ""))
    trigger(open_case, "open_labels")
    qtbot.waitUntil(lambda: open_case.notice.text() != "")
    assert open_case.notice.text().startswith(f"{smaller}: ")
    assert len(open_case.session.readings) == 1


def test_what_the_integers_of_another_mask_mean_is_asked_where_nothing_says_it(
    qtbot: QtBot, window: MainWindow, write_case: WriteCase, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with qtbot.waitSignal(window.session.case_changed):
        window.session.open(write_case("patient", truth=False))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(second), ""))
    trigger(window, "open_labels")
    qtbot.waitUntil(lambda: window.findChild(ConventionDialog) is not None)
    dialog = window.findChild(ConventionDialog)
    assert dialog is not None
    choices = {choice.text(): choice for choice in dialog.findChildren(QRadioButton)}
    next(choice for text, choice in choices.items() if text.startswith("BraTS 2023")).click()
    dialog.accept()
    qtbot.waitUntil(lambda: window.session.readings != ())
    labels = window.session.labels_of(str(second))
    assert labels is not None
    assert np.array_equal(labels, second_reading())


# Where to go


def test_the_worst_slice(qtbot: QtBot, comparing: MainWindow) -> None:
    qtbot.keyClick(comparing, Qt.Key.Key_W)
    assert comparing.session.cursor == (14, 14, WORST)  # the middle of what is missed there
    qtbot.keyClick(comparing, Qt.Key.Key_Z)
    assert comparing.session.plane is Plane.CORONAL
    qtbot.keyClick(comparing, Qt.Key.Key_W)
    assert comparing.session.cursor == (31, 30, 26)  # of those that only the candidate marks, the first


def test_one_error_after_the_other(qtbot: QtBot, comparing: MainWindow) -> None:
    places = []
    for _ in range(7):
        qtbot.keyClick(comparing, Qt.Key.Key_N)
        places.append(comparing.session.cursor)
    assert [place[2] for place in places] == [*FALSE, WORST, HALF, FALSE.start]
    assert places[5] == (17, 14, HALF)  # the middle of the half that is missed


def test_the_largest_slice(qtbot: QtBot, comparing: MainWindow) -> None:
    qtbot.keyClick(comparing, Qt.Key.Key_B)
    assert comparing.session.cursor[2] == LARGEST


def test_a_region_that_neither_mask_marks_has_no_worst_slice(qtbot: QtBot, comparing: MainWindow) -> None:
    comparing.session.set_display(region=Region.ET)
    for key in (Qt.Key.Key_W, Qt.Key.Key_N, Qt.Key.Key_B):
        qtbot.keyClick(comparing, key)
    assert comparing.session.cursor == BEGIN


def test_a_click_on_a_lesion_leads_to_it(qtbot: QtBot, comparing: MainWindow) -> None:
    table = comparing.comparison_panel._lesions
    kinds = [table.model().index(row, 1) for row in range(table.rowCount())]
    assert [kind.data() for kind in kinds] == ["found", "false"]
    comparing._column.ensureWidgetVisible(table)
    where = table.visualRect(kinds[1]).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert comparing.session.cursor == (31, 31, 26)


# The other mask in place of the one shown


def test_t_shows_the_other_mask_and_back(qtbot: QtBot, comparing: MainWindow, second: Path) -> None:
    shown = []
    for _ in range(2):
        qtbot.keyClick(comparing, Qt.Key.Key_T)
        shown.append(comparing.session.overlay)
    assert shown == [Overlay.TRUTH, str(second)]


def test_f_shows_the_other_mask_while_it_is_held(qtbot: QtBot, comparing: MainWindow, second: Path) -> None:
    session = comparing.session
    qtbot.keyPress(comparing, Qt.Key.Key_F)
    assert session.overlay == Overlay.TRUTH
    qtbot.keyRelease(comparing, Qt.Key.Key_F)
    assert session.overlay == str(second)
    comparing.views.view(Plane.AXIAL).setFocus()
    qtbot.keyPress(comparing.views.view(Plane.AXIAL), Qt.Key.Key_F)
    assert session.overlay == Overlay.TRUTH
    QApplication.sendEvent(comparing, QEvent(QEvent.Type.WindowDeactivate))  # and the release goes elsewhere
    assert session.overlay == str(second)
    qtbot.keyRelease(comparing, Qt.Key.Key_F)
    assert session.overlay == str(second)


# Any two of more


def test_the_newest_mask_is_judged_until_another_is_chosen(qtbot: QtBot, comparing: MainWindow, second: Path) -> None:
    session, judged = comparing.session, comparing.comparison_panel._judged
    session.set_plan("quick", "auto", "flips")
    trigger(comparing, "segment")
    qtbot.waitUntil(lambda: session.prediction is not None, timeout=PATIENT_MS)
    assert session.pair == (Overlay.PREDICTION, Overlay.TRUTH)
    assert session.overlay == Overlay.PREDICTION
    judged.setCurrentIndex(judged.findData(str(second)))
    judged.activated.emit(judged.currentIndex())
    assert session.pair == (str(second), Overlay.TRUTH)
    session.set_pair(Overlay.PREDICTION, Overlay.TRUTH)
    compared(qtbot, comparing)
    assert session.comparison is not None
    # stored at 10-15, 10-14 and 10-13 to L, P and S: 24-29, 33-37 and 10-13 to R, A and S, beside the truth
    assert session.comparison.scores[Region.WT].dice == 0.0
    session.mark_prediction_saved(second)


def test_the_way_to_the_most_uncertain_place(qtbot: QtBot, comparing: MainWindow, second: Path) -> None:
    session = comparing.session
    session.set_plan("quick", "auto", "flips")
    trigger(comparing, "segment")
    qtbot.waitUntil(lambda: session.prediction is not None, timeout=PATIENT_MS)
    trigger(comparing, "layer_uncertainty")
    assert session.display.layer is Layer.UNCERTAINTY
    qtbot.keyClick(comparing, Qt.Key.Key_U, Qt.KeyboardModifier.ShiftModifier)
    assert session.cursor == (39 - 16, 47 - 22, 10)  # the middle of 14-18, 20-24 and 8-12 to L, P and S
    session.mark_prediction_saved(second)


# The curve over slices


@pytest.fixture
def strip(qtbot: QtBot, comparing: MainWindow) -> SliceStrip:
    """The curve, with its room in the window."""
    qtbot.waitUntil(lambda: comparing.strip.width() > comparing.strip.sizeHint().width())
    return comparing.strip


def at_slice(strip: SliceStrip, number: int) -> QPoint:
    return strip.position(number, 0.5).toPoint()


def test_the_curve_is_the_dice_of_each_slice(strip: SliceStrip) -> None:
    picture = strip.grab().toImage()

    def is_green(number: int, dice: float) -> bool:
        at = strip.position(number, dice).toPoint()
        colours = [picture.pixelColor(at + QPoint(0, below)) for below in (-2, -1, 0, 1, 2)]
        return any(colour.green() - colour.red() > 60 for colour in colours)

    assert is_green(9, 1.0)
    assert is_green(HALF, 2 * 50 / 150)
    assert not is_green(HALF, 1.0)
    assert is_green(FALSE[1], 0.0)
    assert not is_green(22, 0.0)  # which neither mask marks


def test_a_click_on_the_curve_leads_to_the_slice(qtbot: QtBot, comparing: MainWindow, strip: SliceStrip) -> None:
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at_slice(strip, WORST))
    assert comparing.session.cursor == (20, 24, WORST)
    trigger(comparing, "plane")
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at_slice(strip, 40))
    assert comparing.session.cursor == (20, 40, WORST)


def test_the_slice_is_dragged_along_the_curve(qtbot: QtBot, comparing: MainWindow, strip: SliceStrip) -> None:
    seen = []
    comparing.session.cursor_changed.connect(lambda: seen.append(comparing.session.cursor[2]))
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=at_slice(strip, BEGIN[2]))
    for number in (22, 30, 60):
        qtbot.mouseMove(strip, at_slice(strip, number))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=at_slice(strip, 60))
    assert seen == [22, 30, SHAPE[2] - 1]


def test_the_curve_is_there_as_long_as_there_is_a_mask(
    qtbot: QtBot, comparing: MainWindow, strip: SliceStrip, write_case: WriteCase
) -> None:
    with qtbot.waitSignal(comparing.session.case_changed):
        comparing.session.open(write_case("BraTS-GLI-00002-000", truth=False))
    assert not strip.isVisible()
