"""The views of a layout together: linked zoom, room for one, and nothing kept of a case that is closed."""

import gc
import weakref
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.display import Crosshair, Layer, Layout, Plane
from brats_viewer.document import Document, Overlay, Reading
from brats_viewer.views import SliceGrid
from brats_viewer.views.geometry import Camera
from engine.data import Modality
from tests.phantoms import phantom_case

Grab = Callable[[QWidget], NDArray[np.uint8]]


def _camera(planes: SliceGrid, plane: Plane = Plane.AXIAL) -> Camera:
    camera = planes.view(plane).camera
    assert camera is not None
    return camera


def _shown(planes: SliceGrid) -> list[Plane]:
    return [plane for plane in Plane if planes.view(plane).isVisible()]


def _brain_corners_inside(planes: SliceGrid, plane: Plane) -> bool:
    """Whether the phantom's brain, 0.42 to 0.45 of 40 x 48 x 36 voxels around the middle, is within a view."""
    view = planes.view(plane)
    corners = [view.position_of((i, j, k)) for i in (3, 36) for j in (2, 45) for k in (3, 32)]
    return all(corner is not None and view.rect().contains(corner.toPoint()) for corner in corners)


@pytest.mark.parametrize("size", [(800, 600), (500, 900), (1400, 500), (260, 200)])
def test_brain_fits_into_every_view(qtbot: QtBot, document: Document, planes: SliceGrid, size: tuple[int, int]) -> None:
    planes.resize(*size)
    document.set_case(phantom_case())
    assert all(_brain_corners_inside(planes, plane) for plane in Plane)


def test_window_of_another_size_fits_again(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    small = _camera(planes).pixels_per_mm
    planes.resize(1600, 1200)
    assert _camera(planes).pixels_per_mm > 1.9 * small
    assert all(_brain_corners_inside(planes, plane) for plane in Plane)


def test_reset_undoes_zoom_and_pan(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    fitted = _camera(planes)
    planes.view(Plane.SAGITTAL).zoom_requested.emit(3.0, (10.0, 12.0, 20.0))
    assert _camera(planes).pixels_per_mm == pytest.approx(3 * fitted.pixels_per_mm)
    planes.reset_view()
    assert _camera(planes) == fitted


def test_zoom_and_pan_have_ends(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    fitted = _camera(planes)
    view = planes.view(Plane.AXIAL)
    view.zoom_requested.emit(1000.0, fitted.centre)
    assert _camera(planes).pixels_per_mm == pytest.approx(40 * fitted.pixels_per_mm)
    view.zoom_requested.emit(0.00001, fitted.centre)
    assert _camera(planes).pixels_per_mm == pytest.approx(0.5 * fitted.pixels_per_mm)
    view.centre_requested.emit((-50.0, 20.0, 99.0))
    assert _camera(planes).centre == (0.0, 20.0, 35.0)


def test_double_click_gives_a_plane_all_the_room_and_back(qtbot: QtBot, document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    before = _camera(planes)
    coronal = planes.view(Plane.CORONAL)
    qtbot.mouseDClick(coronal, Qt.MouseButton.LeftButton, pos=coronal.rect().center())
    assert planes.maximised is coronal
    assert _shown(planes) == [Plane.CORONAL]
    qtbot.waitUntil(lambda: coronal.size() == planes.size())
    assert _camera(planes, Plane.CORONAL).pixels_per_mm > before.pixels_per_mm
    assert _brain_corners_inside(planes, Plane.CORONAL)

    qtbot.mouseDClick(coronal, Qt.MouseButton.LeftButton, pos=coronal.rect().center())
    assert planes.maximised is None
    assert _shown(planes) == list(Plane)
    qtbot.waitUntil(lambda: _camera(planes) == before)


def test_return_maximises_the_view_with_the_keys(qtbot: QtBot, document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    qtbot.keyClick(planes.view(Plane.SAGITTAL), Qt.Key.Key_Return)
    assert planes.maximised is planes.view(Plane.SAGITTAL)
    qtbot.keyClick(planes.view(Plane.SAGITTAL), Qt.Key.Key_Return)
    assert planes.maximised is None


def test_views_follow_each_change_of_the_document(
    qtbot: QtBot, document: Document, planes: SliceGrid, grab: Grab
) -> None:
    document.set_case(phantom_case())
    pictures = [grab(planes)]
    for change in (
        lambda: document.set_cursor((11, 32, 23)),
        lambda: document.set_opacity(0.9),
        lambda: document.set_overlay(Overlay.PREDICTION),
        lambda: document.set_levels((0.0, 300.0)),
        lambda: document.set_modality(tuple(document.case.images)[3] if document.case else None),
        lambda: document.set_display(crosshair=Crosshair.NONE),
        lambda: document.set_display(radiological=False),
        lambda: document.set_display(smooth=False),
        lambda: document.set_display(scale_bar=False),
    ):
        change()
        pictures.append(grab(planes))
    for earlier, later in pairwise(pictures):
        assert (earlier != later).any()


def test_looking_elsewhere_changes_nothing_in_the_document(qtbot: QtBot, document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    signals = [document.case_changed, document.cursor_changed, document.levels_changed, document.overlay_changed]
    received: list[str] = []
    for signal in signals:
        signal.connect(lambda: received.append("changed"))
    planes.set_maximised(planes.view(Plane.AXIAL))
    planes.set_maximised(None)
    planes.reset_view()
    assert received == []


def test_a_closed_case_is_freed(qtbot: QtBot, document: Document, planes: SliceGrid, grab: Grab) -> None:
    arrays: list[weakref.ref[NDArray[np.generic]]] = []

    def freed() -> list[bool]:
        gc.collect()
        return [array() is None for array in arrays]

    for storage in ("LPS", "PIR"):
        case = phantom_case(storage)
        assert case.truth is not None
        arrays += [weakref.ref(volume.data) for volume in case.images.values()] + [weakref.ref(case.truth.data)]
        document.set_case(case)
        document.set_overlay(Overlay.TRUTH)
        grab(planes)
        del case
    qtbot.waitUntil(lambda: freed() == [True] * 5 + [False] * 5)  # when the building of its surfaces has stopped
    document.set_case(None)
    qtbot.waitUntil(lambda: all(freed()))


def test_another_case_is_shown_whole(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    planes.view(Plane.AXIAL).zoom_requested.emit(8.0, (3.0, 3.0, 3.0))
    document.set_case(phantom_case(shape=(60, 70, 50)))
    assert _camera(planes).centre == pytest.approx((29.5, 34.5, 24.5), abs=1.0)


def test_every_view_has_a_name_and_takes_the_keys(document: Document, planes: SliceGrid) -> None:
    for plane, name in zip(Plane, ("Axial view", "Coronal view", "Sagittal view"), strict=True):
        view = planes.view(plane)
        assert view.accessibleName() == name
        assert view.accessibleDescription()
        assert view.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_position_and_point_are_inverse(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case("SAL", spacing_mm=(0.5, 1.0, 3.0)))
    document.set_cursor((5, 6, 7))
    for plane in Plane:
        view = planes.view(plane)
        point = view.point_at(QPointF(QPoint(37, 61)))
        assert point is not None
        assert point[plane.normal] == (5, 6, 7)[plane.normal]
        position = view.position_of(point)
        assert position is not None
        assert position.toTuple() == pytest.approx((37, 61))


def test_the_images_of_one_plane_stand_side_by_side(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    document.set_display(layout=Layout.MODALITIES)
    assert [view.pane.modality for view in planes.slice_views] == list(Modality)
    assert {view.plane for view in planes.slice_views} == {Plane.AXIAL}
    document.set_plane(Plane.SAGITTAL)
    assert {view.plane for view in planes.slice_views} == {Plane.SAGITTAL}
    assert planes.surface_view is None


@pytest.mark.parametrize("layout", [Layout.COMPARISON, Layout.SIDE_BY_SIDE])
def test_layouts_that_compare_wait_for_two_label_maps(document: Document, planes: SliceGrid, layout: Layout) -> None:
    case = phantom_case()
    document.set_case(case)
    document.set_display(layout=layout)
    assert [view.pane.plane for view in planes.slice_views] == list(Plane)
    assert case.truth
    document.add_reading(Reading("second", "Second reader", case.truth))
    assert document.pair == ("second", Overlay.TRUTH)
    assert [view.pane.title_in(document) for view in planes.slice_views][:2] == ["Second reader", "Truth"]
    assert {view.plane for view in planes.slice_views} == {Plane.AXIAL}


def test_a_layout_that_does_not_change_keeps_its_views(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    before = planes.slice_views
    document.set_display(layer=Layer.OUTLINED)
    document.set_plane(Plane.CORONAL)
    assert planes.slice_views == before


def test_another_layout_leaves_the_image_and_the_plane(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    document.set_modality(Modality.T2F)
    planes.view(Plane.CORONAL).setFocus()
    for layout in (Layout.MODALITIES, Layout.PLANES):
        document.set_display(layout=layout)
        assert document.modality is Modality.T2F
        assert document.plane is Plane.CORONAL


def test_the_image_with_the_keys_is_the_one_whose_levels_change(document: Document, planes: SliceGrid) -> None:
    document.set_case(phantom_case())
    document.set_display(layout=Layout.MODALITIES)
    planes.slice_views[3].setFocus()
    assert document.modality is Modality.T2F
