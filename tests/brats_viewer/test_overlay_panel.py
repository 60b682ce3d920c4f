"""What the panel of the labels shows, what it asks of the session, and what it says of what cannot be shown."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer.controls import Swatch
from brats_viewer.display import DIFFERENCE_COLOURS, LABEL_COLOURS, Layer, Palette, Style
from brats_viewer.panels.legend import difference_ml
from brats_viewer.panels.overlay_panel import OverlayPanel
from brats_viewer.session import Overlay, Reading, Session
from engine.data import Case, Label, LabelMap, Region
from engine.data.segmentation import Uncertainty
from tests.brats_viewer.words import visible_words
from tests.phantoms import phantom_case, phantom_segmentation


@pytest.fixture
def panel(qtbot: QtBot, session: Session) -> OverlayPanel:
    panel = OverlayPanel(session)
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def case(session: Session, panel: OverlayPanel) -> Case:
    """A case with truth, open."""
    case = phantom_case()
    session.set_case(case)
    return case


def press(panel: OverlayPanel, name: str) -> QPushButton:
    """The visible button of that name."""
    (found,) = (one for one in panel.findChildren(QPushButton, name) if one.isVisibleTo(panel))
    return found


def swatches(panel: OverlayPanel) -> list[tuple[int, int, int]]:
    return [swatch.colour for swatch in panel.findChildren(Swatch) if swatch.isVisibleTo(panel)]


def test_it_steers_what_is_drawn(panel: OverlayPanel, session: Session, case: Case) -> None:
    assert press(panel, "truth").isChecked()
    assert not press(panel, "prediction").isEnabled()
    assert press(panel, "prediction").toolTip() == "There is no prediction"
    panel._labels._labels[Label.ED].click()
    assert Label.ED not in session.visible_labels
    panel._opacity.setValue(80)
    assert session.opacity == 0.8
    session.set_opacity(0.3)
    assert panel._opacity.value() == 30
    press(panel, "outline").click()
    assert session.display.style is Style.OUTLINE


def test_the_arrow_keys_go_from_choice_to_choice(
    qtbot: QtBot, panel: OverlayPanel, session: Session, case: Case
) -> None:
    panel.show()
    panel.activateWindow()
    qtbot.waitActive(panel)
    press(panel, "both").setFocus()
    qtbot.waitUntil(press(panel, "both").hasFocus)
    qtbot.keyClick(press(panel, "both"), Qt.Key.Key_Left)
    assert session.display.style is Style.OUTLINE
    qtbot.keyClick(press(panel, "outline"), Qt.Key.Key_Left)
    assert session.display.style is Style.FILL


def test_a_resection_cavity_is_in_the_legend_where_there_is_one(
    panel: OverlayPanel, session: Session, case: Case
) -> None:
    assert "0.00 ml" not in visible_words(panel)
    assert not panel._labels._labels[Label.RC].isVisibleTo(panel)
    assert case.truth is not None
    case.truth.data[0, 0, :20] = Label.RC
    session.set_case(case)
    assert panel._labels._labels[Label.RC].isVisibleTo(panel)
    assert "0.02 ml" in visible_words(panel)


def test_the_legend_is_of_labels_or_of_regions(panel: OverlayPanel, session: Session, case: Case) -> None:
    assert case.truth is not None
    case.truth.data[:] = 0
    case.truth.data[0, 0, :10] = Label.ET
    case.truth.data[0, 1, :20] = Label.NCR
    case.truth.data[0, 2, :30] = Label.ED
    session.set_case(case)
    colours = LABEL_COLOURS[Palette.STANDARD]
    assert [text for text in visible_words(panel) if text.endswith(" ml")] == ["0.02 ml", "0.03 ml", "0.01 ml"]
    assert swatches(panel) == [colours[Label.NCR], colours[Label.ED], colours[Label.ET]]
    press(panel, "region").click()
    assert session.display.by_region
    assert [text for text in visible_words(panel) if text.endswith(" ml")] == ["0.01 ml", "0.03 ml", "0.06 ml"]
    assert swatches(panel) == [colours[Label.ET], colours[Label.NCR], colours[Label.ED]]
    panel._labels._regions[Region.TC].click()
    assert session.visible_regions == {Region.ET, Region.WT}
    session.set_display(palette=Palette.COLOUR_BLIND)
    assert swatches(panel)[0] == LABEL_COLOURS[Palette.COLOUR_BLIND][Label.ET]


def test_more_masks_than_two_are_a_list(panel: OverlayPanel, session: Session, case: Case) -> None:
    assert not panel._many.isVisibleTo(panel)
    assert case.truth is not None
    session.add_reading(Reading("file", "second.nii.gz", case.truth))
    assert not panel._two.isVisibleTo(panel)
    assert [panel._many.itemText(row) for row in range(panel._many.count())] == ["Truth", "second.nii.gz"]
    assert panel._many.currentData() == "file"
    session.set_overlay_shown(False)
    assert "Hidden: S shows it again" in visible_words(panel)
    panel._many.setCurrentIndex(0)
    panel._many.activated.emit(0)
    assert session.overlay == Overlay.TRUTH
    assert session.overlay_shown


def test_a_case_without_a_mask(panel: OverlayPanel, session: Session) -> None:
    session.set_case(phantom_case(with_truth=False))
    assert "No mask yet: segment the case, or open one (Ctrl+Shift+M)" in visible_words(panel)
    assert [text for text in visible_words(panel) if text.endswith(" ml")] == []


def test_it_says_why_a_layer_cannot_be_shown(panel: OverlayPanel, session: Session, case: Case) -> None:
    alone = "It takes two masks: segment the case, or open another one (Ctrl+Shift+M)"
    assert press(panel, Layer.LABELS).isEnabled()
    for layer in (Layer.OUTLINED, Layer.DIFFERENCE):
        assert not press(panel, layer).isEnabled()
        assert press(panel, layer).toolTip() == alone
    assert press(panel, Layer.UNCERTAINTY).toolTip() == "Only a prediction has it: segment the case"
    session.set_display(layer=Layer.DIFFERENCE)  # as it was with the case before
    assert alone in visible_words(panel)
    assert swatches(panel) == []
    session.set_prediction(phantom_segmentation(case))
    assert press(panel, Layer.OUTLINED).isEnabled()
    assert alone not in visible_words(panel)
    assert press(panel, Layer.UNCERTAINTY).toolTip() == "The prediction came without uncertainty"


def test_the_legend_of_a_difference(qtbot: QtBot, panel: OverlayPanel, session: Session, case: Case) -> None:
    assert case.truth is not None
    predicted = np.zeros(case.native.shape, np.uint8)
    case.truth.data[:] = 0
    case.truth.data[5, 5, 0:30] = Label.ED
    predicted[5, 5, 10:34] = Label.ET  # 20 in both, 4 false, 10 missed
    session.set_case(case)
    session.set_prediction(replace(phantom_segmentation(case), labels=LabelMap(predicted, case.native)))
    press(panel, Layer.DIFFERENCE).click()
    assert session.display.layer is Layer.DIFFERENCE
    assert difference_ml(session, Region.WT) is None  # is still being compared
    with qtbot.waitSignal(session.comparison_changed):
        pass
    assert difference_ml(session, Region.WT) == pytest.approx((0.020, 0.004, 0.010))
    assert difference_ml(session, Region.ET) == pytest.approx((0.0, 0.024, 0.0))
    assert [text for text in visible_words(panel) if text.endswith(" ml")] == ["0.02 ml", "0.00 ml", "0.01 ml"]
    colours = DIFFERENCE_COLOURS[Palette.STANDARD]
    assert swatches(panel) == [colours.found, colours.false, colours.missed]
    press(panel, "ET").click()
    assert session.display.region is Region.ET
    assert [text for text in visible_words(panel) if text.endswith(" ml")] == ["0 ml", "0.02 ml", "0 ml"]


def test_the_legend_of_uncertainty(qtbot: QtBot, panel: OverlayPanel, session: Session, case: Case) -> None:
    unsure = Uncertainty(np.zeros(case.native.shape, np.float16), {})
    session.set_prediction(replace(phantom_segmentation(case), uncertainty=unsure))
    press(panel, Layer.UNCERTAINTY).click()
    assert session.display.layer is Layer.UNCERTAINTY
    assert {"0 bit: certain", "1 bit: even odds"} <= set(visible_words(panel))
    (link,) = (one for one in panel.findChildren(QPushButton) if one.text() == "Go to the most uncertain place")
    with qtbot.waitSignal(panel.uncertain_asked):
        link.click()
