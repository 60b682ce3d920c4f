"""What the panel of two masks shows of how they compare, and what it asks for."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer.display import Palette
from brats_viewer.panels.comparison_panel import ComparisonPanel
from brats_viewer.session import Overlay, Reading, Session
from engine.data import Case, Label, LabelMap, Region
from engine.errors import CaseError
from engine.progress import Progress, Work
from engine.score import Comparison
from tests.brats_viewer.words import visible_words
from tests.phantoms import phantom_case, phantom_segmentation

SHAPE = (24, 24, 24)


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> ComparisonPanel:
    """The panel on the screen, as wide as the window's column."""
    panel = ComparisonPanel(session)
    qtbot.addWidget(panel)
    panel.resize(332, 700)
    return panel


@pytest.fixture
def case(session: Session, panel: ComparisonPanel) -> Case:
    """Oedema of 4 x 4 x 4 voxels of 1 mm³, marked by the prediction one voxel farther up, with 2 x 2 x 2 elsewhere."""
    case = phantom_case("LPS", shape=SHAPE)
    assert case.truth is not None
    case.truth.data[:] = 0
    case.truth.data[4:8, 4:8, 4:8] = Label.ED
    session.set_case(case)
    return case


def predict(session: Session, case: Case) -> None:
    predicted = np.zeros(SHAPE, np.uint8)
    predicted[4:8, 4:8, 5:9] = Label.ED
    predicted[16:18, 16:18, 16:18] = Label.ED
    session.set_prediction(replace(phantom_segmentation(case), labels=LabelMap(predicted, case.native)))


@pytest.fixture
def compared(qtbot: QtBot, session: Session, panel: ComparisonPanel, case: Case) -> ComparisonPanel:
    """The panel with prediction and truth compared."""
    predict(session, case)
    qtbot.waitUntil(lambda: session.comparison is not None and not session.scoring.is_running)
    return panel


def link(panel: ComparisonPanel, text: str) -> QPushButton:
    (found,) = (one for one in panel.findChildren(QPushButton) if one.text() == text)
    return found


def rows(panel: ComparisonPanel) -> list[list[str]]:
    """The lesions that are listed."""
    table = panel._lesions
    cells = [[table.item(row, column) for column in range(table.columnCount())] for row in range(table.rowCount())]
    return [[cell.text() for cell in row if cell] for row in cells]


def test_it_hides_until_there_are_two_masks(qtbot: QtBot, panel: ComparisonPanel, session: Session, case: Case) -> None:
    assert panel.isHidden()
    predict(session, case)
    assert not panel.isHidden()
    assert "Comparing…" in visible_words(panel)
    assert not link(panel, "Worst slice").isEnabled()
    assert panel._figures.figure("dice", "WT") == ""
    qtbot.waitUntil(lambda: session.comparison is not None and not session.scoring.is_running)
    assert "Comparing…" not in visible_words(panel)
    assert link(panel, "Worst slice").isEnabled()
    session.set_case(None)
    assert panel.isHidden()


def test_the_measures(compared: ComparisonPanel) -> None:
    figures = {
        "dice": "0.706",  # 2 * 48 / (72 + 64)
        "sensitivity": "0.750",  # 48 / 64
        "specificity": "0.9983",  # 1 - 24 / (24³ - 64)
        "prediction_ml": "0.07",
        "truth_ml": "0.06",
        "lesion dice": "0.375",  # of 0.75 and 0
    }
    assert {row: compared._figures.figure(row, "WT") for row in figures} == figures
    assert [compared._figures.figure(row, "ET") for row in ("dice", "hd95_mm", "lesion hd95")] == [
        "1.000",
        "0.0",
        "0.0",
    ]
    assert {"Prediction, ml", "Truth, ml"} <= set(visible_words(compared))
    remarks = {compared._figures._cells["dice", region].toolTip() for region in (Region.ET, Region.TC)}
    assert remarks == {
        "Neither marks enhancing tumour, which counts as perfect",
        "Neither marks tumour core, which counts as perfect",
    }
    assert compared._figures._cells["dice", "WT"].toolTip() == ""


def test_a_region_that_only_one_marks_is_remarked(
    qtbot: QtBot, compared: ComparisonPanel, session: Session, case: Case
) -> None:
    predicted = np.zeros(SHAPE, np.uint8)
    session.set_prediction(replace(phantom_segmentation(case), labels=LabelMap(predicted, case.native)))
    qtbot.waitUntil(lambda: session.comparison is not None)
    assert [compared._figures.figure(row, "WT") for row in ("dice", "hd95_mm", "lesion hd95")] == [
        "0.000",
        "373.1",
        "374.0",
    ]
    only = "Only Truth marks whole tumour: these are the numbers that BraTS gives then"
    assert compared._figures._cells["dice", "WT"].toolTip() == only
    assert rows(compared) == [["1", "missed", "–", "0.06", "0.000"]]


def test_the_lesions_are_listed_and_lead_to_their_places(qtbot: QtBot, compared: ComparisonPanel) -> None:
    assert rows(compared) == [["1", "found", "0.06", "0.06", "0.750"], ["2", "false", "0.01", "–", "0.000"]]
    assert "Lesions of WT: 1 found, 1 false" in visible_words(compared)
    table = compared._lesions
    second = table.item(1, 3)
    assert second is not None
    compared.show()
    with qtbot.waitSignal(compared.place_asked) as asked:
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(second).center())
    assert asked.args == [(6, 6, 16)]  # stored at 16 and 17 of 24 to L and P: 7 and 6 to R and A
    qtbot.keyClick(table, Qt.Key.Key_Up)
    with qtbot.waitSignal(compared.place_asked) as asked:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert asked.args == [(17, 17, 5)]  # stored from 4 to 7


def test_the_region_is_that_of_the_difference(compared: ComparisonPanel, session: Session) -> None:
    compared.findChild(QPushButton, "TC").click()
    assert session.display.region is Region.TC
    assert "Lesions of TC: neither mask has any" in visible_words(compared)
    assert not compared._lesions.isVisibleTo(compared)
    session.set_display(region=Region.WT, palette=Palette.COLOUR_BLIND)
    assert compared._lesions.isVisibleTo(compared)


def test_any_two_masks_are_compared(compared: ComparisonPanel, session: Session, case: Case) -> None:
    assert case.truth is not None
    session.add_reading(Reading("file", "second.nii.gz", case.truth))
    assert session.pair == ("file", Overlay.TRUTH)
    judged, reference = compared._judged, compared._reference
    assert [judged.itemText(row) for row in range(judged.count())] == ["Prediction", "Truth", "second.nii.gz"]
    judged.setCurrentIndex(judged.findData(Overlay.PREDICTION))
    judged.activated.emit(judged.currentIndex())
    assert session.pair == (Overlay.PREDICTION, Overlay.TRUTH)
    judged.setCurrentIndex(judged.findData("file"))
    judged.activated.emit(judged.currentIndex())
    judged.setCurrentIndex(judged.findData(Overlay.TRUTH))  # which is on the other side
    judged.activated.emit(judged.currentIndex())
    assert session.pair == (Overlay.TRUTH, "file")
    assert reference.currentText() == "second.nii.gz"


def test_what_it_asks_for(qtbot: QtBot, compared: ComparisonPanel) -> None:
    for text, asked in (
        ("Open another mask…", compared.open_labels_asked),
        ("Worst slice", compared.worst_asked),
        ("Next error", compared.error_asked),
        ("Largest slice", compared.largest_asked),
    ):
        with qtbot.waitSignal(asked):
            link(compared, text).click()


def failing() -> Work[Comparison]:
    yield Progress(0, 3, "comparing slices")
    raise CaseError("the masks do not lie on one grid")


def test_a_failure_is_told_with_its_details(qtbot: QtBot, compared: ComparisonPanel, session: Session) -> None:
    session.scoring.start(failing(), print)
    qtbot.waitUntil(lambda: session.scoring.failure is not None)
    assert "the masks do not lie on one grid" in visible_words(compared)
    assert not compared._figures.isVisibleTo(compared)
    link(compared, "Copy details").click()
    assert QGuiApplication.clipboard().text().startswith("the masks do not lie on one grid\n\nTraceback")
