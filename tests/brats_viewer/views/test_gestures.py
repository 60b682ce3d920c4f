"""Mouse and keys on a view, and what they ask of the document."""

import math

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.display import Mouse, Plane
from brats_viewer.document import Document
from brats_viewer.views import SliceGrid
from brats_viewer.views.slice_image import CENTRE_DRAG_PX, WIDTH_DRAG_PX
from brats_viewer.views.slice_view import ZOOM_DRAG_PX, SliceView
from engine.data import Modality
from tests.phantoms import phantom_case

NONE = Qt.KeyboardModifier.NoModifier
LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
START = (20, 24, 18)


@pytest.fixture
def axial(document: Document, planes: SliceGrid) -> SliceView:
    """The axial view of a phantom of 40 x 48 x 36 mm, with the crosshair in its middle."""
    document.set_case(phantom_case())
    document.set_cursor(START)
    return planes.view(Plane.AXIAL)


def _at(view: SliceView, point: tuple[float, float, float]) -> QPoint:
    position = view.position_of(point)
    assert position is not None
    return position.toPoint()


def _wheel(
    view: QWidget, position: QPoint, delta: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    where = QPointF(position)
    event = QWheelEvent(
        where,
        QPointF(view.mapToGlobal(position)),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def _drag(qtbot: QtBot, view: QWidget, button: Qt.MouseButton, start: QPoint, *way: QPoint) -> None:
    qtbot.mousePress(view, button, pos=start)
    for position in way:
        qtbot.mouseMove(view, position)
    qtbot.mouseRelease(view, button, pos=way[-1])


@pytest.mark.parametrize(
    ("plane", "target", "expected"),
    [
        (Plane.AXIAL, (10, 30, 0), (10, 30, 18)),
        (Plane.CORONAL, (10, 0, 25), (10, 24, 25)),
        (Plane.SAGITTAL, (0, 30, 25), (20, 30, 25)),
    ],
)
def test_click_sets_the_crosshair_within_the_plane(
    qtbot: QtBot,
    document: Document,
    planes: SliceGrid,
    axial: SliceView,
    plane: Plane,
    target: tuple[int, int, int],
    expected: tuple[int, int, int],
) -> None:
    view = planes.view(plane)
    with qtbot.waitSignal(document.cursor_changed):
        qtbot.mouseClick(view, LEFT, pos=_at(view, target))
    assert document.cursor == expected


def test_right_half_of_the_screen_is_the_patients_left(
    qtbot: QtBot, document: Document, planes: SliceGrid, axial: SliceView
) -> None:
    middle = _at(axial, START)
    qtbot.mouseClick(axial, LEFT, pos=middle + QPoint(50, 0))
    assert document.cursor[0] < 20
    assert document.cursor_mm[0] < 0
    document.set_display(radiological=False)
    qtbot.mouseClick(axial, LEFT, pos=_at(axial, START) + QPoint(50, 0))
    assert document.cursor[0] > 20


def test_dragged_crosshair_follows_and_stops_at_the_edge(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    start = _at(axial, START)
    _drag(qtbot, axial, LEFT, start, _at(axial, (15, 20, 18)), _at(axial, (12, 40, 18)))
    assert document.cursor == (12, 40, 18)
    _drag(qtbot, axial, LEFT, start, QPoint(-500, -500))
    # To the left of the picture is the patient's right, above it the front.
    assert document.cursor == (39, 47, 18)


def test_press_beside_the_picture_leaves_the_crosshair(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    axial.zoom_requested.emit(0.5, START)
    outside = _at(axial, (20, -3, 18))
    assert axial.rect().contains(outside)
    _drag(qtbot, axial, LEFT, outside, _at(axial, (10, 10, 18)))
    assert document.cursor == START


@pytest.mark.parametrize(
    ("plane", "expected"),
    [(Plane.AXIAL, (20, 24, 20)), (Plane.CORONAL, (20, 26, 18)), (Plane.SAGITTAL, (22, 24, 18))],
)
def test_wheel_moves_slices(
    document: Document, planes: SliceGrid, axial: SliceView, plane: Plane, expected: tuple[int, int, int]
) -> None:
    view = planes.view(plane)
    _wheel(view, view.rect().center(), 240)
    assert document.cursor == expected
    _wheel(view, view.rect().center(), -240)
    assert document.cursor == START


def test_fine_wheel_adds_up_to_a_slice(document: Document, axial: SliceView) -> None:
    for _ in range(7):
        _wheel(axial, QPoint(100, 100), 15)
    assert document.cursor == START
    _wheel(axial, QPoint(100, 100), 15)
    assert document.cursor == (20, 24, 19)


def test_control_wheel_zooms_every_plane_at_the_pointer(
    document: Document, planes: SliceGrid, axial: SliceView
) -> None:
    position = _at(axial, (12, 34, 18))
    before = axial.point_at(QPointF(position))
    scales = {plane: planes.view(plane).camera.pixels_per_mm for plane in Plane}  # type: ignore[union-attr]
    _wheel(axial, position, 240, CONTROL)
    after = axial.point_at(QPointF(position))
    assert before is not None
    assert after == pytest.approx(before)
    assert document.cursor == START
    for plane in Plane:
        camera = planes.view(plane).camera
        assert camera is not None
        assert camera.pixels_per_mm == pytest.approx(scales[plane] * 1.44)


def test_middle_drag_pans_the_planes_together(qtbot: QtBot, planes: SliceGrid, axial: SliceView) -> None:
    coronal = planes.view(Plane.CORONAL)
    here, there = axial.position_of(START), coronal.position_of(START)
    _drag(qtbot, axial, MIDDLE, QPoint(100, 100), QPoint(110, 105), QPoint(130, 120))
    moved, coronal_moved = axial.position_of(START), coronal.position_of(START)
    assert None not in (here, there, moved, coronal_moved)
    assert (moved - here).toTuple() == pytest.approx((30, 20))
    # The coronal plane shares left and right with it, not front and back.
    ratio = coronal.camera.pixels_per_mm / axial.camera.pixels_per_mm  # type: ignore[union-attr]
    assert (coronal_moved - there).toTuple() == pytest.approx((30 * ratio, 0))


def test_right_drag_sets_the_levels_in_proportion(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    document.set_levels((100.0, 500.0))
    start = QPoint(100, 100)
    _drag(qtbot, axial, RIGHT, start, start + QPoint(20, 0), start + QPoint(100, 0))
    black, white = document.levels
    assert white - black == pytest.approx(400 * math.exp(100 / WIDTH_DRAG_PX))
    assert (black + white) / 2 == pytest.approx(300)
    document.set_levels((100.0, 500.0))
    _drag(qtbot, axial, RIGHT, start, start + QPoint(0, -80))
    # Up is brighter: the centre falls by a fifth of the width.
    assert document.levels == pytest.approx((100 - 400 * 80 / CENTRE_DRAG_PX, 500 - 400 * 80 / CENTRE_DRAG_PX))
    assert document.cursor == START


@pytest.mark.parametrize(
    ("habit", "modifiers"), [(Mouse.LEVELS, CONTROL), (Mouse.ZOOM, Qt.KeyboardModifier.NoModifier)]
)
def test_right_drag_zooms_with_control_or_by_habit(
    qtbot: QtBot, document: Document, axial: SliceView, habit: Mouse, modifiers: Qt.KeyboardModifier
) -> None:
    document.set_display(mouse=habit)
    levels, start = document.levels, QPoint(100, 100)
    before, place = axial.camera, axial.point_at(QPointF(start))
    qtbot.mousePress(axial, RIGHT, modifiers, start)
    qtbot.mouseMove(axial, QPoint(100, 80))
    qtbot.mouseMove(axial, QPoint(100, 50))
    qtbot.mouseRelease(axial, RIGHT, modifiers, QPoint(100, 50))
    assert before is not None
    assert axial.camera is not None
    assert axial.camera.pixels_per_mm == pytest.approx(before.pixels_per_mm * math.exp(50 / ZOOM_DRAG_PX))
    assert axial.point_at(QPointF(start)) == pytest.approx(place)
    assert document.levels == levels


def test_the_view_with_the_keys_makes_its_plane_active(document: Document, planes: SliceGrid, axial: SliceView) -> None:
    planes.view(Plane.CORONAL).setFocus()
    assert document.plane is Plane.CORONAL
    document.go_to_slice(30)
    assert document.cursor == (20, 30, 18)


def test_a_quick_second_drag_counts(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    document.set_levels((100.0, 500.0))
    # The toolkit reports the second press of two quick ones as a double click.
    qtbot.mouseDClick(axial, RIGHT, pos=QPoint(100, 100))
    qtbot.mousePress(axial, RIGHT, pos=QPoint(100, 100))
    qtbot.mouseMove(axial, QPoint(100, 180))
    qtbot.mouseRelease(axial, RIGHT, pos=QPoint(100, 180))
    assert document.levels == pytest.approx((100 + 400 * 80 / CENTRE_DRAG_PX, 500 + 400 * 80 / CENTRE_DRAG_PX))


def test_a_drag_ends_when_another_modality_is_shown(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    qtbot.mousePress(axial, RIGHT, pos=QPoint(100, 100))
    document.set_modality(Modality.T2F)
    levels = document.levels
    qtbot.mouseMove(axial, QPoint(150, 150))
    qtbot.mouseRelease(axial, RIGHT, pos=QPoint(150, 150))
    assert document.levels == levels


@pytest.mark.parametrize(
    ("plane", "key", "expected"),
    [
        # In radiological pictures right is the patient's left, where the index falls.
        (Plane.AXIAL, Qt.Key.Key_Right, (19, 24, 18)),
        (Plane.AXIAL, Qt.Key.Key_Left, (21, 24, 18)),
        (Plane.AXIAL, Qt.Key.Key_Up, (20, 25, 18)),
        (Plane.AXIAL, Qt.Key.Key_PageUp, (20, 24, 19)),
        (Plane.CORONAL, Qt.Key.Key_Down, (20, 24, 17)),
        (Plane.CORONAL, Qt.Key.Key_PageDown, (20, 23, 18)),
        (Plane.SAGITTAL, Qt.Key.Key_Right, (20, 23, 18)),
        (Plane.SAGITTAL, Qt.Key.Key_PageUp, (21, 24, 18)),
    ],
)
def test_keys_move_a_voxel(
    qtbot: QtBot,
    document: Document,
    planes: SliceGrid,
    axial: SliceView,
    plane: Plane,
    key: Qt.Key,
    expected: tuple[int, int, int],
) -> None:
    qtbot.keyClick(planes.view(plane), key)
    assert document.cursor == expected


def test_shift_moves_five(qtbot: QtBot, document: Document, axial: SliceView) -> None:
    qtbot.keyClick(axial, Qt.Key.Key_Up, SHIFT)
    assert document.cursor == (20, 29, 18)


def test_plus_and_minus_zoom_at_the_crosshair(
    qtbot: QtBot, document: Document, planes: SliceGrid, axial: SliceView
) -> None:
    document.set_cursor((12, 34, 18))
    fitted, place = axial.camera, axial.position_of((12, 34, 18))
    qtbot.keyClick(axial, Qt.Key.Key_Plus)
    enlarged, same_place = axial.camera, axial.position_of((12, 34, 18))
    assert fitted is not None
    assert enlarged is not None
    assert enlarged.pixels_per_mm == pytest.approx(1.2 * fitted.pixels_per_mm)
    assert place is not None
    assert same_place is not None
    assert same_place.toTuple() == pytest.approx(place.toTuple())
    qtbot.keyClick(axial, Qt.Key.Key_Minus)
    assert axial.camera.pixels_per_mm == pytest.approx(fitted.pixels_per_mm)


def test_keys_of_others_pass_through(qtbot: QtBot, planes: SliceGrid, axial: SliceView) -> None:
    received = []
    planes.keyPressEvent = lambda event: received.append(event.key())  # type: ignore[method-assign]
    qtbot.keyClick(axial, Qt.Key.Key_Up)
    qtbot.keyClick(axial, Qt.Key.Key_S)
    assert received == [Qt.Key.Key_S]


def test_gestures_without_a_case_do_nothing(qtbot: QtBot, document: Document, planes: SliceGrid) -> None:
    view = planes.view(Plane.AXIAL)
    for button in (LEFT, MIDDLE, RIGHT):
        _drag(qtbot, view, button, QPoint(50, 50), QPoint(90, 90))
    qtbot.mouseDClick(view, LEFT, pos=QPoint(50, 50))
    _wheel(view, QPoint(50, 50), 120)
    _wheel(view, QPoint(50, 50), 120, CONTROL)
    for key in (Qt.Key.Key_Up, Qt.Key.Key_PageUp, Qt.Key.Key_Return):
        qtbot.keyClick(view, key)
    assert document.cursor == (0, 0, 0)
    assert planes.maximised is None


def test_right_click_opens_no_menu(qtbot: QtBot, axial: SliceView) -> None:
    assert axial.contextMenuPolicy() is Qt.ContextMenuPolicy.PreventContextMenu
    qtbot.mouseClick(axial, RIGHT, pos=QPoint(50, 50))
    assert QApplication.activePopupWidget() is None
