"""The 3D view: what it shows of a document, how it is turned, and when its surfaces are built."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.display import Crosshair, Palette
from brats_viewer.document import Document
from brats_viewer.views.surface_image import Orbit, draw_surfaces
from brats_viewer.views.surface_view import SurfaceView
from brats_viewer.views.surfaces import Surfaces
from engine.data import Label
from engine.errors import ImageFileError
from engine.progress import Progress, Work
from tests.phantoms import phantom_case, phantom_segmentation

Grab = Callable[[QWidget], NDArray[np.uint8]]
LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
SIZE = 300
# The phantom is an ellipsoid of half axes 16.8, 21.6 and 15.1 mm around the origin, which fits into the view as a ball
# of 21.6 mm: about 6.9 px a millimetre. Its tumour is 8 mm to the left, 8.6 to the front and 5.4 up.
TUMOUR_PX = {Orbit(): (205, 113), Orbit(90.0): (210, 113), Orbit(180.0): (95, 113), Orbit(0.0, 90.0): (205, 210)}


@pytest.fixture
def view(qtbot: QtBot, document: Document) -> SurfaceView:
    """The 3D view, shown, without a case."""
    view = SurfaceView(document)
    qtbot.addWidget(view)
    view.resize(SIZE, SIZE)
    with qtbot.waitExposed(view):
        view.show()
    return view


@pytest.fixture
def phantom(qtbot: QtBot, document: Document, view: SurfaceView) -> SurfaceView:
    """The view with a phantom in it, at rest, without a crosshair."""
    document.set_display(crosshair=Crosshair.NONE)
    document.set_case(phantom_case())
    with qtbot.waitSignal(view.surfaces_changed):
        view.update()
    _until_at_rest(qtbot, view)
    return view


def _until_at_rest(qtbot: QtBot, view: SurfaceView) -> None:
    qtbot.waitUntil(lambda: view.is_fine and not view.is_moving)


def _yellow(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where enhancing tumour shows (H, W); the letters, which are paler, lie in the corner."""
    red, green, blue = (pixels[:, :, channel].astype(int) for channel in range(3))
    shown: NDArray[np.bool_] = (red > 100) & (green > 80) & (blue < 0.6 * green)
    shown[-90:, :90] = False
    return shown


def _centre(shown: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(shown)
    return float(columns.mean()), float(rows.mean())


def _wheel(view: QWidget, delta: int) -> None:
    middle = view.rect().center()
    event = QWheelEvent(
        QPointF(middle),
        QPointF(view.mapToGlobal(middle)),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view, event)


def _drag(qtbot: QtBot, view: QWidget, button: Qt.MouseButton, by: QPoint) -> None:
    start = view.rect().center()
    qtbot.mousePress(view, button, pos=start)
    qtbot.mouseMove(view, start + by)
    qtbot.mouseRelease(view, button, pos=start + by)


# What is shown


@pytest.mark.parametrize("orbit", list(TUMOUR_PX))
def test_tumour_is_where_the_patient_has_it(qtbot: QtBot, phantom: SurfaceView, grab: Grab, orbit: Orbit) -> None:
    phantom.set_orbit(orbit)
    _until_at_rest(qtbot, phantom)
    shown = _yellow(grab(phantom))
    # A ball of about 0.12 x 41 = 5 mm: 34 px across a quarter.
    assert shown.sum() > 1500
    assert np.abs(np.subtract(_centre(shown), TUMOUR_PX[orbit])).max() < 10


def test_moving_and_resting_pictures_agree(qtbot: QtBot, phantom: SurfaceView, grab: Grab) -> None:
    phantom.set_orbit(Orbit(30.0, 10.0))
    assert phantom.is_moving
    moving = grab(phantom).astype(int)
    _until_at_rest(qtbot, phantom)
    resting = grab(phantom).astype(int)
    assert (moving != resting).any()
    assert np.abs(moving - resting).mean() < 3


def test_only_coarse_pictures_are_drawn_by_the_window(
    qtbot: QtBot, phantom: SurfaceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, tuple[int, int]]] = []

    def draw(*arguments: Any) -> NDArray[np.uint32]:
        drawn.append((threading.current_thread().name, arguments[-1]))
        return draw_surfaces(*arguments)

    monkeypatch.setattr("brats_viewer.views.surface_view.draw_surfaces", draw)
    phantom.set_orbit(Orbit(30.0, 10.0))
    _until_at_rest(qtbot, phantom)
    assert drawn == [("MainThread", (SIZE, SIZE)), ("3D picture", (450, 450))]  # 1.5 times as many pixels
    phantom.repaint()
    assert len(drawn) == 2


def test_a_place_left_and_come_back_to_is_drawn_finely_again(qtbot: QtBot, phantom: SurfaceView) -> None:
    phantom.set_orbit(Orbit(30.0, 10.0))
    phantom.repaint()
    assert not phantom.is_fine
    phantom.set_orbit(Orbit())
    _until_at_rest(qtbot, phantom)


def test_a_fine_picture_that_fails_is_told(qtbot: QtBot, phantom: SurfaceView, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(*arguments: Any) -> NDArray[np.uint32]:
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError
        return draw_surfaces(*arguments)

    monkeypatch.setattr("brats_viewer.views.surface_view.draw_surfaces", draw)
    phantom.set_orbit(Orbit(30.0, 10.0))
    qtbot.waitUntil(lambda: [text for text, _ in phantom.lines] == ["3D", "Surfaces failed; see the log"])


def test_hidden_labels_are_not_drawn_but_the_brain_is(document: Document, phantom: SurfaceView, grab: Grab) -> None:
    document.set_overlay_shown(False)
    pixels = grab(phantom)
    assert not _yellow(pixels).any()
    assert (pixels[100:200, 100:200].max(axis=2) > 10).mean() > 0.9


def test_labels_are_hidden_one_by_one(document: Document, phantom: SurfaceView, grab: Grab) -> None:
    x, y = TUMOUR_PX[Orbit()]
    document.set_label_visible(Label.ET, False)
    red, green, _ = grab(phantom)[y, x].astype(int)
    assert red > 1.4 * green
    document.set_label_visible(Label.NCR, False)
    red, green, _ = grab(phantom)[y, x].astype(int)
    assert green > 1.5 * red
    document.set_label_visible(Label.ED, False)
    assert np.ptp(grab(phantom)[y, x].astype(int)) < 20


def test_colours_are_those_of_the_palette(document: Document, phantom: SurfaceView, grab: Grab) -> None:
    before, surfaces = grab(phantom), phantom.surfaces
    document.set_display(palette=Palette.COLOUR_BLIND)
    after = grab(phantom)
    # Oedema is green, or sky blue.
    rim = (before[:, :, 1] > before[:, :, 2] + 25) & (before[:, :, 1] > before[:, :, 0] + 25)
    assert rim.sum() > 300
    assert (after[rim][:, 2] > after[rim][:, 0]).mean() > 0.9
    assert phantom.surfaces is surfaces


def test_no_labels_is_said_and_the_brain_drawn(qtbot: QtBot, document: Document, view: SurfaceView, grab: Grab) -> None:
    document.set_case(phantom_case(with_truth=False))
    with qtbot.waitSignal(view.surfaces_changed):
        view.update()
    assert [text for text, _ in view.lines] == ["3D", "No labels to show"]
    assert (grab(view)[100:200, 100:200].max(axis=2) > 10).mean() > 0.9


def test_crosshair_is_a_cross_at_its_place(qtbot: QtBot, document: Document, phantom: SurfaceView, grab: Grab) -> None:
    document.set_overlay_shown(False)
    document.set_cursor((10, 24, 18))
    without = grab(phantom).astype(int)
    document.set_display(crosshair=Crosshair.THIN)
    rows, columns = np.nonzero((np.abs(grab(phantom).astype(int) - without) > 20).any(axis=2))
    # 9.5 mm to the left of the origin and 0.5 up, at 6.9 px a millimetre.
    assert abs(columns.mean() - (150 + 9.5 * 6.9)) < 4
    assert abs(rows.mean() - (150 - 0.5 * 6.9)) < 4
    assert 12 <= np.ptp(columns) <= 20


def test_two_device_pixels_per_pixel_draw_the_same_picture_finer(phantom: SurfaceView) -> None:
    pixmap = QPixmap(2 * SIZE, 2 * SIZE)
    pixmap.setDevicePixelRatio(2.0)
    phantom.render(pixmap)
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(2 * SIZE, 2 * SIZE, 4)[:, :, 2::-1]
    shown = _yellow(pixels)
    shown[-180:, :180] = False
    assert np.abs(np.subtract(_centre(shown), np.multiply(TUMOUR_PX[Orbit()], 2))).max() < 20


@pytest.mark.parametrize("size", [(90, 90), (110, 400), (600, 90)])
def test_small_and_narrow_views_show_the_tumour(phantom: SurfaceView, grab: Grab, size: tuple[int, int]) -> None:
    phantom.resize(*size)
    red, green, blue = grab(phantom).astype(int).transpose(2, 0, 1)
    across, down = size[0] / 2 + 55 / 300 * min(size), size[1] / 2 - 37 / 300 * min(size)
    around = (slice(round(down) - 3, round(down) + 4), slice(round(across) - 3, round(across) + 4))
    assert (red[around] > blue[around] + 50).mean() > 0.7
    assert (green[around] > blue[around] + 30).mean() > 0.7


# Turning, zooming, panning


def test_drag_turns_the_near_side_along(qtbot: QtBot, phantom: SurfaceView) -> None:
    _drag(qtbot, phantom, LEFT, QPoint(90, 0))
    assert phantom.orbit == Orbit(45.0, 0.0)
    _drag(qtbot, phantom, LEFT, QPoint(0, 60))
    assert phantom.orbit == Orbit(45.0, 30.0)
    _drag(qtbot, phantom, LEFT, QPoint(0, 2000))
    assert phantom.orbit == Orbit(45.0, 90.0)


def test_arrows_turn_and_home_resets(qtbot: QtBot, phantom: SurfaceView) -> None:
    qtbot.keyClick(phantom, Qt.Key.Key_Right)
    qtbot.keyClick(phantom, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert phantom.orbit == Orbit(10.0, 45.0)
    qtbot.keyClick(phantom, Qt.Key.Key_Left)
    qtbot.keyClick(phantom, Qt.Key.Key_Up)
    assert phantom.orbit == Orbit(0.0, 35.0)
    qtbot.keyClick(phantom, Qt.Key.Key_Home)
    assert phantom.orbit == Orbit()


def test_wheel_zooms(qtbot: QtBot, phantom: SurfaceView, grab: Grab) -> None:
    before = _yellow(grab(phantom)).sum()
    _wheel(phantom, 120)
    _until_at_rest(qtbot, phantom)
    assert _yellow(grab(phantom)).sum() / before == pytest.approx(1.2**2, rel=0.05)
    phantom.reset_view()
    _until_at_rest(qtbot, phantom)
    assert _yellow(grab(phantom)).sum() == before


def test_middle_button_pans(qtbot: QtBot, phantom: SurfaceView, grab: Grab) -> None:
    _drag(qtbot, phantom, MIDDLE, QPoint(-50, 30))
    _until_at_rest(qtbot, phantom)
    x, y = _centre(_yellow(grab(phantom)))
    assert (x, y) == pytest.approx((TUMOUR_PX[Orbit()][0] - 50, TUMOUR_PX[Orbit()][1] + 30), abs=10)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_asks_for_all_the_room(qtbot: QtBot, phantom: SurfaceView, key: Qt.Key) -> None:
    with qtbot.waitSignal(phantom.maximise_requested):
        qtbot.mouseDClick(phantom, LEFT)
    with qtbot.waitSignal(phantom.maximise_requested):
        qtbot.keyClick(phantom, key)


def test_view_says_what_it_is(view: SurfaceView) -> None:
    assert view.accessibleName() == "3D view"
    for word in ("turn", "zoom", "Arrows", "all the room"):
        assert word in view.accessibleDescription()


# Building


def test_nothing_is_built_for_a_view_that_is_not_seen(qtbot: QtBot, document: Document) -> None:
    view = SurfaceView(document)
    qtbot.addWidget(view)
    document.set_case(phantom_case())
    QApplication.processEvents()
    assert view.surfaces is None
    assert not view.is_building
    with qtbot.waitSignal(view.surfaces_changed):
        view.show()
    assert view.surfaces is not None


def test_another_label_map_keeps_the_brain(qtbot: QtBot, document: Document, phantom: SurfaceView) -> None:
    before = phantom.surfaces
    assert before is not None
    assert document.case is not None
    with qtbot.waitSignal(phantom.surfaces_changed):
        document.set_prediction(phantom_segmentation(document.case))
    after = phantom.surfaces
    assert after is not None
    assert after.brain is before.brain
    # Stored as L, P, S, the prediction is moved by one voxel to the patient's left.
    moved = after.labels[Label.ET].vertices.mean(axis=0) - before.labels[Label.ET].vertices.mean(axis=0)
    np.testing.assert_allclose(moved, (-1.0, 0.0, 0.0), atol=0.05)


def test_what_does_not_change_the_labels_builds_nothing(document: Document, phantom: SurfaceView) -> None:
    document.set_opacity(0.9)
    document.set_cursor((3, 3, 3))
    document.set_overlay_shown(False)
    document.set_overlay_shown(True)
    QApplication.processEvents()
    assert not phantom.is_building


def test_surfaces_of_a_case_that_was_left_are_dropped(qtbot: QtBot, document: Document, view: SurfaceView) -> None:
    document.set_case(phantom_case())
    view.repaint()
    assert view.is_building
    document.set_case(phantom_case(spacing_mm=(2.0, 2.0, 2.0)))
    with qtbot.waitSignal(view.surfaces_changed):
        view.update()
    assert view.surfaces is not None
    assert view.surfaces.ball is not None
    assert view.surfaces.ball.radius_mm == pytest.approx(2 * 21.6, abs=2.0)


def test_hidden_view_stops_and_builds_again_when_it_is_seen(
    qtbot: QtBot, document: Document, view: SurfaceView
) -> None:
    document.set_case(phantom_case())
    view.repaint()
    view.hide()
    assert not view.is_building
    assert [thread.name for thread in threading.enumerate() if thread.name == "surfaces"] == []
    with qtbot.waitSignal(view.surfaces_changed):
        view.show()
    assert view.surfaces is not None


def test_failure_is_told_once(
    qtbot: QtBot, document: Document, view: SurfaceView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Work[Surfaces]:
        yield Progress(0, 0, "brain surface")
        raise ImageFileError("no surface")

    monkeypatch.setattr("brats_viewer.views.surface_view.build_surfaces", broken)
    document.set_case(phantom_case())
    qtbot.waitUntil(lambda: [text for text, _ in view.lines] == ["3D", "Surfaces failed; see the log"])
    view.repaint()
    assert not view.is_building


def test_closed_case_leaves_nothing(document: Document, phantom: SurfaceView, grab: Grab) -> None:
    document.set_case(None)
    assert phantom.surfaces is None
    assert not grab(phantom)[1:-1, 1:-1].any()  # but for the frame of the focus
