"""How a case is shown, as a person sets it: layouts, what lies over the images, colours, contrast, mouse, look."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.display import (
    DIFFERENCE_COLOURS,
    ENTROPY_STOPS,
    LABEL_COLOURS,
    Crosshair,
    Layer,
    Layout,
    Palette,
    Plane,
    Style,
)
from brats_viewer.session import Overlay, Session
from brats_viewer.settings import Settings
from brats_viewer.theme import DARK, LIGHT, Theme
from brats_viewer.view_commands import WINDOWS
from brats_viewer.views.pane import Side
from engine.data import Label, Modality, Region
from engine.data.segmentation import Uncertainty
from tests.brats_viewer.conftest import WriteCase
from tests.brats_viewer.driving import colour_at, place, trigger
from tests.brats_viewer.inline import InlineEngine
from tests.phantoms import phantom_segmentation

OEDEMA, ENHANCING, NECROSIS = (17, 32, 23), (8, 32, 23), (12, 32, 23)
"""Voxels of the phantom's tumour, whose middle is at (11.5, 32.1, 22.9): its radii are 2.4, 4.8 and 7.6 along R."""
FALSE, FOUND, MISSED = (5, 32, 23), (10, 32, 23), (19, 32, 23)
"""Along this line the truth goes from 6, where the brain ends, to 19, and the prediction from 5 to 18."""
CLEAR_OF_IT = (12, 20, 23)
STANDARD, COLOUR_BLIND = LABEL_COLOURS[Palette.STANDARD], LABEL_COLOURS[Palette.COLOUR_BLIND]


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


@pytest.fixture
def viewing(open_case: MainWindow) -> MainWindow:
    """The window with a case, its truth opaque, and no crosshair in the way."""
    session = open_case.session
    session.set_opacity(1.0)
    session.set_display(crosshair=Crosshair.NONE)
    session.set_cursor(CLEAR_OF_IT[:2] + NECROSIS[2:])
    open_case.activateWindow()
    return open_case


@pytest.fixture
def predicted(viewing: MainWindow) -> Iterator[MainWindow]:
    """The window with a prediction as well, the truth one voxel farther left, which is unsure in `MISSED`."""
    session = viewing.session
    assert session.case is not None
    entropy = np.zeros(session.case.native.shape, np.float16)
    entropy[39 - MISSED[0], 47 - MISSED[1], MISSED[2]] = 1.0  # stored in the order L, P, S
    made = phantom_segmentation(session.case)
    session.set_prediction(replace(made, uncertainty=Uncertainty(entropy, {})))
    session.set_cursor(CLEAR_OF_IT[:2] + NECROSIS[2:])
    yield viewing
    session.mark_prediction_saved(Path("mask.nii.gz"))


def panes(window: MainWindow) -> list[tuple[Plane, Modality | None, Layer | None, Side | None]]:
    return [(view.pane.plane, view.pane.modality, view.pane.layer, view.pane.side) for view in window.views.slice_views]


def checked(window: MainWindow, field: str) -> list[str]:
    """The commands of one field of the display that are checked."""
    return [
        name for name, action in window.actions_by_id.items() if name.startswith(f"{field}_") and action.isChecked()
    ]


# Layouts


def test_the_layouts_by_their_keys(qtbot: QtBot, predicted: MainWindow) -> None:
    window, axial = predicted, Plane.AXIAL
    qtbot.waitActive(window)
    three_planes = [(plane, None, None, None) for plane in Plane]
    assert panes(window) == three_planes
    assert window.views.surface_view is not None
    qtbot.keyClick(window, Qt.Key.Key_F3)
    assert panes(window) == [(axial, modality, None, None) for modality in Modality]
    assert window.views.surface_view is None
    assert checked(window, "layout") == ["layout_modalities"]
    qtbot.keyClick(window, Qt.Key.Key_F4)
    assert panes(window) == [
        (axial, None, Layer.LABELS, Side.CANDIDATE),
        (axial, None, Layer.LABELS, Side.REFERENCE),
        (axial, None, Layer.DIFFERENCE, None),
    ]
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert panes(window) == [(axial, None, Layer.OUTLINED, side) for side in Side]
    qtbot.keyClick(window, Qt.Key.Key_F2)
    assert panes(window) == three_planes


def test_layouts_of_two_masks_wait_for_the_second(qtbot: QtBot, viewing: MainWindow) -> None:
    for command in ("layout_comparison", "layout_side_by_side", "layer_outlined", "layer_difference"):
        assert not viewing.actions_by_id[command].isEnabled()
    viewing.session.set_display(layout=Layout.COMPARISON)  # as it was chosen with the case before
    assert viewing.views.surface_view is not None
    assert viewing.session.case is not None
    viewing.session.set_prediction(phantom_segmentation(viewing.session.case))
    assert len(panes(viewing)) == 3
    assert viewing.views.surface_view is None
    viewing.session.mark_prediction_saved(Path("mask.nii.gz"))


def test_z_turns_a_layout_of_one_plane(qtbot: QtBot, viewing: MainWindow) -> None:
    qtbot.waitActive(viewing)
    trigger(viewing, "layout_modalities")
    for plane in (Plane.CORONAL, Plane.SAGITTAL, Plane.AXIAL):
        qtbot.keyClick(viewing, Qt.Key.Key_Z)
        assert viewing.session.plane is plane
        assert panes(viewing) == [(plane, modality, None, None) for modality in Modality]


def test_a_case_without_an_image_has_no_view_of_it(qtbot: QtBot, window: MainWindow, write_case: WriteCase) -> None:
    window.session.set_display(layout=Layout.MODALITIES)
    with qtbot.waitSignal(window.session.case_changed):
        window.session.open(write_case(without=(Modality.T1N,)))
    shown = [pane[1] for pane in panes(window)]
    assert shown == [Modality.T1C, Modality.T2W, Modality.T2F]
    assert not window.actions_by_id["show_t1n"].isEnabled()


# Layers


def test_the_layers_by_their_keys(qtbot: QtBot, predicted: MainWindow) -> None:
    session, axial = predicted.session, predicted.views.view(Plane.AXIAL)
    qtbot.waitActive(predicted)
    assert colour_at(qtbot, axial, FALSE) == STANDARD[Label.ED]
    kinds = DIFFERENCE_COLOURS[Palette.STANDARD]
    qtbot.keyClick(predicted, Qt.Key.Key_M)
    assert [colour_at(qtbot, axial, at) for at in (FOUND, FALSE, MISSED)] == [kinds.found, kinds.false, kinds.missed]
    qtbot.keyClick(predicted, Qt.Key.Key_U)
    assert checked(predicted, "layer") == ["layer_uncertainty"]
    assert colour_at(qtbot, axial, MISSED) == ENTROPY_STOPS[-1][1]  # one bit
    qtbot.keyClick(predicted, Qt.Key.Key_U)
    assert session.display.layer is Layer.LABELS
    assert checked(predicted, "layer") == ["layer_labels"]


def test_the_other_mask_is_outlined(qtbot: QtBot, predicted: MainWindow) -> None:
    session, axial = predicted.session, predicted.views.view(Plane.AXIAL)
    session.set_opacity(0.0)
    edge_of_truth, edge_of_prediction = (19.5, 32, 23), (18.5, 32, 23)
    trigger(predicted, "layer_outlined")
    assert colour_at(qtbot, axial, edge_of_truth) == STANDARD[Label.ED]
    assert colour_at(qtbot, axial, edge_of_prediction) != STANDARD[Label.ED]
    trigger(predicted, "swap")
    assert session.overlay == Overlay.TRUTH
    assert colour_at(qtbot, axial, edge_of_truth) != STANDARD[Label.ED]
    assert colour_at(qtbot, axial, edge_of_prediction) == STANDARD[Label.ED]


def test_uncertainty_is_only_of_a_prediction_that_has_it(viewing: MainWindow) -> None:
    session, layer = viewing.session, viewing.actions_by_id["layer_uncertainty"]
    assert not layer.isEnabled()
    assert session.case is not None
    session.set_prediction(phantom_segmentation(session.case))
    assert not layer.isEnabled()
    assert not viewing.actions_by_id["uncertain"].isEnabled()
    session.mark_prediction_saved(Path("mask.nii.gz"))


# Colours


def test_palettes_and_styles(qtbot: QtBot, viewing: MainWindow) -> None:
    axial, parts = viewing.views.view(Plane.AXIAL), {Label.ED: OEDEMA, Label.ET: ENHANCING, Label.NCR: NECROSIS}
    for command, colours in (("palette_standard", STANDARD), ("palette_colour_blind", COLOUR_BLIND)):
        trigger(viewing, command)
        assert {label: colour_at(qtbot, axial, at) for label, at in parts.items()} == {
            label: colours[label] for label in parts
        }
    trigger(viewing, "style_outline")
    assert viewing.session.display.style is Style.OUTLINE
    red, green, blue = colour_at(qtbot, axial, NECROSIS)
    assert red == green == blue
    across_the_edge = [colour_at(qtbot, axial, (x, 32, 23)) for x in (19.45, 19.5, 19.55)]
    assert COLOUR_BLIND[Label.ED] in across_the_edge


def test_regions_are_nested_and_may_be_hidden(qtbot: QtBot, viewing: MainWindow) -> None:
    session, axial = viewing.session, viewing.views.view(Plane.AXIAL)
    qtbot.waitActive(viewing)
    qtbot.keyClick(viewing, Qt.Key.Key_V)
    assert colour_at(qtbot, axial, NECROSIS) == STANDARD[Label.NCR]
    session.set_region_visible(Region.TC, False)
    assert colour_at(qtbot, axial, NECROSIS) == STANDARD[Label.ED]  # still in the whole tumour
    assert colour_at(qtbot, axial, ENHANCING) == STANDARD[Label.ET]
    qtbot.keyClick(viewing, Qt.Key.Key_V)
    assert not session.display.by_region
    assert colour_at(qtbot, axial, NECROSIS) == STANDARD[Label.NCR]


# Contrast


def test_a_contrast_is_kept_from_case_to_case(
    qtbot: QtBot, viewing: MainWindow, case_folder: Path, write_case: WriteCase
) -> None:
    session = viewing.session
    black, white = session.levels
    trigger(viewing, "narrow_window")
    narrow = black + 0.2 * (white - black), black + 0.75 * (white - black)
    assert session.levels == pytest.approx(narrow)
    brighter = write_case("BraTS-GLI-00002-000")
    for path in brighter.glob("*-t1c.nii.gz"):
        image = nib.load(path)
        nib.save(nib.Nifti1Image(2 * np.asarray(image.dataobj), image.affine), path)
    with qtbot.waitSignal(session.case_changed):
        session.open(brighter)
    assert session.levels == pytest.approx((2 * narrow[0], 2 * narrow[1]))
    session.set_modality(Modality.T2F)
    assert session.windows == {Modality.T1C: WINDOWS["narrow_window"]}
    session.set_modality(Modality.T1C)
    trigger(viewing, "usual_window")
    assert session.windows == {}
    assert session.levels == pytest.approx((2 * black, 2 * white))


def test_reset_leads_back_to_the_usual_contrast_and_scale(viewing: MainWindow) -> None:
    session, axial = viewing.session, viewing.views.view(Plane.AXIAL)
    levels, camera = session.levels, axial.camera
    trigger(viewing, "bright_window")
    axial.zoom_requested.emit(3.0, (12, 30, 23))
    assert session.levels != levels
    assert axial.camera != camera
    trigger(viewing, "reset")
    assert session.levels == levels
    assert axial.camera == camera


# Crosshair, smoothness, sides


def test_the_crosshair_comes_back_as_it_was(qtbot: QtBot, viewing: MainWindow) -> None:
    session = viewing.session
    qtbot.waitActive(viewing)
    assert not viewing.actions_by_id["crosshair"].isChecked()
    qtbot.keyClick(viewing, Qt.Key.Key_X)
    assert session.display.crosshair is Crosshair.THIN
    trigger(viewing, "crosshair_thick")
    for shown in (Crosshair.NONE, Crosshair.THICK):
        qtbot.keyClick(viewing, Qt.Key.Key_X)
        assert session.display.crosshair is shown
        assert checked(viewing, "crosshair") == [f"crosshair_{shown.name.lower()}"]


def test_what_is_turned_on_and_off(qtbot: QtBot, viewing: MainWindow) -> None:
    for command in ("smooth", "scale_bar", "radiological"):
        action, before = viewing.actions_by_id[command], viewing.views.grab().toImage()
        assert action.isChecked()
        trigger(viewing, command)
        assert not action.isChecked()
        assert viewing.views.grab().toImage() != before
        trigger(viewing, command)
        assert viewing.views.grab().toImage() == before


# Mouse


def drag_right_button(qtbot: QtBot, window: MainWindow, modifier: Qt.KeyboardModifier) -> None:
    view = window.views.view(Plane.AXIAL)
    start, button = place(view, CLEAR_OF_IT), Qt.MouseButton.RightButton
    qtbot.mousePress(view, button, modifier, start)
    qtbot.mouseMove(view, start - QPoint(0, 60))
    qtbot.mouseRelease(view, button, modifier, start - QPoint(0, 60))


def test_the_right_button_has_two_habits(qtbot: QtBot, viewing: MainWindow) -> None:
    session, axial = viewing.session, viewing.views.view(Plane.AXIAL)
    plain, with_ctrl = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    for habit, zooming, levelling in (("mouse_levels", with_ctrl, plain), ("mouse_zoom", plain, with_ctrl)):
        trigger(viewing, habit)
        trigger(viewing, "reset")
        levels, camera = session.levels, axial.camera
        drag_right_button(qtbot, viewing, zooming)
        assert session.levels == levels
        assert axial.camera != camera
        camera = axial.camera
        drag_right_button(qtbot, viewing, levelling)
        assert session.levels != levels
        assert axial.camera == camera


# Look


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    style, palette, sheet = qapp.style().name(), qapp.palette(), qapp.styleSheet()
    theme = Theme(qapp)
    yield theme
    theme.setParent(None)
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setStyle(style)


def test_the_look_is_chosen_without_a_case(qtbot: QtBot, theme: Theme, session: Session, settings: Settings) -> None:
    window = MainWindow(session, settings, theme)
    qtbot.addWidget(window)
    for command, colours in (("look_light", LIGHT), ("look_dark", DARK), ("look_light", LIGHT)):
        trigger(window, command)
        assert checked(window, "look") == [command]
        assert window.palette().color(QPalette.ColorRole.Window).name() == colours.window
