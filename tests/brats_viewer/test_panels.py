"""What the panels of the case, of segmenting, of the result and of the cursor show, and what they ask for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer.display import DIFFERENCE_COLOURS, Palette
from brats_viewer.panels.case_panel import CasePanel
from brats_viewer.panels.cursor_bar import cursor_line
from brats_viewer.panels.lesion_table import LesionTable
from brats_viewer.panels.result_panel import ResultPanel
from brats_viewer.panels.segment_panel import SegmentPanel
from brats_viewer.session import Reading, Session
from engine.data import Label, LabelMap, Modality, Region
from engine.data.segmentation import Uncertainty
from engine.score.lesions import Lesion, LesionKind
from tests.brats_viewer.words import visible_words
from tests.phantoms import phantom_case, phantom_segmentation


def test_the_case_panel_offers_the_images_that_there_are(qtbot: QtBot, session: Session) -> None:
    panel = CasePanel(session)
    qtbot.addWidget(panel)
    session.set_case(phantom_case(modalities=(Modality.T1C, Modality.T2F)))
    enabled = {modality for modality, choice in panel._modalities.items() if choice.isEnabled()}
    assert enabled == {Modality.T1C, Modality.T2F}
    assert panel._modalities[Modality.T1C].isChecked()
    panel._modalities[Modality.T2F].click()
    assert session.modality is Modality.T2F
    session.set_modality(Modality.T1C)
    assert panel._modalities[Modality.T1C].isChecked()
    assert panel._folded.isVisibleTo(panel)  # something is missing, so the files are shown


def test_the_case_panel_shows_warnings(qtbot: QtBot, session: Session) -> None:
    panel = CasePanel(session)
    qtbot.addWidget(panel)
    session.set_case(replace(phantom_case(), warnings=("T2: looks like T1",)))
    assert "T2: looks like T1" in visible_words(panel)
    assert "40×48×36 voxels, 1×1×1 mm, LPS" in visible_words(panel)


def test_the_segment_panel_says_what_a_model_lacks(qtbot: QtBot, session: Session) -> None:
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(session.engine_surveyed):
        session.survey()
    session.set_case(phantom_case(modalities=(Modality.T1C, Modality.T2W)))
    assert "This model needs T1, FLAIR, which this case does not have" in visible_words(panel)
    assert not panel._segment.isEnabled()
    panel._model.setCurrentIndex(panel._model.findData("lenient"))
    panel._model.activated.emit(panel._model.currentIndex())
    assert session.plan.model == "lenient"
    assert "Without T1, FLAIR the mask may be worse" in visible_words(panel)
    assert panel._segment.isEnabled()


def test_the_segment_panel_tells_why_and_offers_to_try_again(qtbot: QtBot, session: Session) -> None:
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(session.engine_surveyed):
        session.survey()
    session.set_plan("failing", "auto", "none")
    session.set_case(phantom_case())
    session.segment()
    assert "Cancel" in [one.text() for one in panel.findChildren(QPushButton) if one.isVisibleTo(panel)]
    qtbot.waitUntil(lambda: session.segmenting.failure is not None)
    assert "weights.safetensors: is damaged; install the model again" in visible_words(panel)
    links = {one.text(): one for one in panel.findChildren(QPushButton) if one.isVisibleTo(panel)}
    assert "Cancel" not in links
    assert "Try again" not in links  # that is for an engine that did not start
    links["Copy details"].click()
    assert QGuiApplication.clipboard().text().startswith("weights.safetensors: is damaged")


def test_the_table_of_lesions_is_filled_anew_only_where_it_changes(qtbot: QtBot) -> None:
    table, colours = LesionTable(), DIFFERENCE_COLOURS[Palette.STANDARD]
    qtbot.addWidget(table)
    lesions = (Lesion(1, LesionKind.MATCHED, (1, 2, 3), 2.0, 3.0, 0.8, 1.0),)
    table.show_lesions(lesions, "Prediction", "Truth", colours)
    cell = table.item(0, 4)
    assert cell.text() == "0.800"
    table.show_lesions(lesions, "Prediction", "Truth", colours)
    assert table.item(0, 4) is cell
    table.show_lesions(lesions, "Prediction", "Reader", colours)
    assert table.horizontalHeaderItem(3).text() == "Reader"
    table.show_lesions((), "Prediction", "Reader", colours)
    assert table.rowCount() == 0


def test_the_result_panel_shows_volumes_and_where_the_mask_was_saved(qtbot: QtBot, session: Session) -> None:
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    assert panel.isHidden()
    session.set_case(phantom_case(with_truth=False))
    prediction = phantom_segmentation(phantom_case())
    prediction.labels.data[:] = 0
    prediction.labels.data[0, 0, :10] = Label.ET
    prediction.labels.data[0, 1, :20] = Label.NCR
    prediction.labels.data[0, 2:5, :] = Label.ED  # 3 rows of 36
    session.set_prediction(replace(prediction, seconds=75.0, device="cuda:0", notes=("segmented without T1",)))
    shown = visible_words(panel)
    assert "1 min 15 s on cuda:0\nby phantom-model" in shown
    assert [text for text in shown if text.endswith(" ml")] == ["0.01 ml", "0.03 ml", "0.14 ml"]
    assert "segmented without T1" in shown
    assert "Expected Dice" not in shown  # nothing is known of it
    assert panel._save.isEnabled()
    session.mark_prediction_saved(Path("there/mask.nii.gz"))
    assert panel._save.text() == "Saved as mask.nii.gz"
    assert not panel._save.isEnabled()


def test_the_result_panel_says_how_sure_the_network_is(qtbot: QtBot, session: Session) -> None:
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    case = phantom_case()
    session.set_case(case)
    confidence = {Region.ET: None, Region.TC: 0.714, Region.WT: 0.9}
    unsure = Uncertainty(np.zeros(case.native.shape, np.float16), confidence)
    session.set_prediction(replace(phantom_segmentation(case), uncertainty=unsure))
    assert "Expected Dice" in visible_words(panel)
    assert [panel._figures.figure(region, "expected") for region in Region] == ["–", "0.71", "0.90"]
    session.mark_prediction_saved(Path("mask.nii.gz"))
    session.set_case(None)
    assert panel.isHidden()


def test_the_cursor_line(session: Session) -> None:
    case = phantom_case("LPS", shape=(5, 7, 9), spacing_mm=(1.0, 2.0, 3.0))
    for number, modality in enumerate(Modality):
        case.images[modality].data[:] = number + 0.25
    assert case.truth is not None
    case.truth.data[:] = 0
    case.truth.data[1, 6, 4] = Label.ED  # L and P are stored first: R = 4 - 1, A = 6 - 6
    session.set_case(case)
    session.set_cursor((3, 0, 4))
    line = cursor_line(session)
    assert line.split("     ") == [
        "Voxel 1, 6, 4",
        "R 1.0 P 6.0 S 0.0 mm",
        "T1 0.25  T1CE 1.25  T2 2.25  FLAIR 3.25",
        "Truth: Oedema (ED)",
    ]
    session.set_prediction(replace(phantom_segmentation(case), labels=case.truth))
    session.set_cursor((0, 0, 0))
    assert cursor_line(session).split("     ")[3:] == ["Prediction: background", "Truth: background"]
    session.set_case(None)
    assert cursor_line(session) == ""


def test_the_cursor_line_has_every_mask_and_the_uncertainty(session: Session) -> None:
    case = phantom_case("LPS")
    session.set_case(case)
    entropy = np.zeros(case.native.shape, np.float16)
    entropy[39, 47, 2] = 0.75  # of 40 and 48: R and A are 0
    second = np.zeros(case.native.shape, np.uint8)
    second[39, 47, 2] = Label.NCR
    session.set_prediction(replace(phantom_segmentation(case), uncertainty=Uncertainty(entropy, {})))
    session.add_reading(Reading("file", "second.nii.gz", LabelMap(second, case.native)))
    session.set_cursor((0, 0, 2))
    assert cursor_line(session).split("     ")[3:] == [
        "Prediction: background",
        "Truth: background",
        "second.nii.gz: Necrotic core (NCR)",
        "Uncertainty 0.75 bit",
    ]
