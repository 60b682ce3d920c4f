"""What a person sees, judged by the pixels: every storage order of one patient gives the same, right picture."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.display import DIFFERENCE_COLOURS, Crosshair, Layer, Palette, Plane, Style
from brats_viewer.document import Document, Overlay, Reading
from brats_viewer.views import SliceGrid, annotations
from brats_viewer.views.annotations import position_lines
from brats_viewer.views.geometry import Camera, SliceGeometry
from brats_viewer.views.pane import Pane, Side
from brats_viewer.views.slice_view import SliceView
from engine.data import (
    Case,
    CaseFiles,
    Grid,
    ImageSource,
    Label,
    LabelMap,
    Modality,
    Region,
    Volume,
    orient,
    read_volume,
)
from engine.data.segmentation import Uncertainty
from tests.phantoms import phantom_case, phantom_segmentation

Grab = Callable[[QWidget], NDArray[np.uint8]]
STORAGES = ["RAS", "LPS", "PIR", "SAL"]

SHAPE = (40, 48, 36)
SPACING_MM = (1.0, 1.0, 2.0)
BLOCK = (slice(5, 10), slice(35, 42), slice(25, 30))
"""In the order R, A, S: at the patient's left, front and top."""
CAMERA = Camera((19.5, 23.5, 17.5), 4.0)
"""On the middle of the grid; a picture of W x H mm spans 4 W x 4 H pixels around the middle of the view."""
# In a view of 320 x 320 pixels: left, right, top, bottom of the block.
# Axial: 160 x 192 px from (80, 64). From the left, voxels 30 to 34 of 40; from the top, 6 to 12 of 48.
# Coronal: 160 x 288 px from (80, 16), a voxel is 4 x 8 px. From the top, voxels 6 to 10 of 36.
# Sagittal: 192 x 288 px from (64, 16). From the left, which is the front, voxels 6 to 12 of 48.
BLOCK_PX = {
    Plane.AXIAL: (80 + 120, 80 + 140, 64 + 24, 64 + 52),
    Plane.CORONAL: (80 + 120, 80 + 140, 16 + 48, 16 + 88),
    Plane.SAGITTAL: (64 + 24, 64 + 52, 16 + 48, 16 + 88),
}


def _case(axis_codes: str, data: NDArray[np.float32], labels: NDArray[np.uint8], tilt_deg: float = 0.0) -> Case:
    """A case of T1C `data` and truth `labels`, both in the order R, A, S, stored in the order `axis_codes`."""
    tilt = np.radians(tilt_deg)
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]] @ affine[:3, :3]
    there = orient(Grid(SHAPE, affine), axis_codes)
    return Case(
        id="block",
        files=CaseFiles(id="block", folder=Path("block"), images={}),
        images={Modality.T1C: Volume(np.ascontiguousarray(there.forward(data)), there.canonical)},
        truth=LabelMap(np.ascontiguousarray(there.forward(labels)), there.canonical),
        native=there.canonical,
    )


def _block_case(axis_codes: str, tilt_deg: float = 0.0) -> Case:
    data = np.zeros(SHAPE, dtype=np.float32)
    data[BLOCK] = 100.0
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[BLOCK] = Label.ET
    return _case(axis_codes, data, labels, tilt_deg)


def _view(qtbot: QtBot, document: Document, plane: Plane, size: int = 320) -> SliceView:
    view = SliceView(document, Pane(plane))
    qtbot.addWidget(view)
    view.resize(size, size)
    document.set_display(crosshair=Crosshair.NONE, scale_bar=False)
    view.set_camera(CAMERA)
    return view


def _grey_box(pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of the pixels brighter than half, but for those of coloured text."""
    grey = (pixels[:, :, 0] == pixels[:, :, 1]) & (pixels[:, :, 1] == pixels[:, :, 2]) & (pixels[:, :, 0] >= 128)
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1


@pytest.mark.parametrize("tilt_deg", [0.0, 12.0])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("plane", list(Plane))
def test_block_appears_at_the_patients_left_front_top(
    qtbot: QtBot, document: Document, grab: Grab, plane: Plane, storage: str, tilt_deg: float
) -> None:
    document.set_case(_block_case(storage, tilt_deg))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 100.0))
    document.set_overlay_shown(False)
    view = _view(qtbot, document, plane)

    assert np.abs(np.subtract(_grey_box(grab(view)), BLOCK_PX[plane])).max() <= 1


def test_neurological_puts_the_left_on_the_left(qtbot: QtBot, document: Document, grab: Grab) -> None:
    document.set_case(_block_case("LPS"))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 100.0))
    document.set_overlay_shown(False)
    for plane, expected in {
        Plane.AXIAL: (80 + 20, 80 + 40, 64 + 24, 64 + 52),
        Plane.SAGITTAL: BLOCK_PX[Plane.SAGITTAL],
    }.items():
        view = _view(qtbot, document, plane)
        document.set_display(radiological=False)
        assert np.abs(np.subtract(_grey_box(grab(view)), expected)).max() <= 1


@pytest.mark.parametrize("storage", STORAGES)
def test_labels_lie_on_the_voxels_they_name(qtbot: QtBot, document: Document, grab: Grab, storage: str) -> None:
    document.set_case(_block_case(storage))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 1e9))
    document.set_overlay(Overlay.TRUTH)
    document.set_opacity(1.0)
    document.set_display(style=Style.FILL)
    pixels = grab(_view(qtbot, document, Plane.CORONAL))
    enhancing = (pixels == (250, 215, 50)).all(axis=2)
    rows, columns = np.nonzero(enhancing)
    found = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    assert np.abs(np.subtract(found, BLOCK_PX[Plane.CORONAL])).max() <= 1
    assert abs(int(enhancing.sum()) - 20 * 40) <= 60


def test_hidden_labels_and_opacity(qtbot: QtBot, document: Document, grab: Grab) -> None:
    document.set_case(_block_case("RAS"))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 100.0))
    document.set_overlay(Overlay.TRUTH)
    view = _view(qtbot, document, Plane.AXIAL)
    x, y = 210, 102
    document.set_opacity(0.5)
    # half of white and half of (250, 215, 50)
    np.testing.assert_allclose(grab(view)[y, x], (252, 235, 152), atol=2)
    document.set_label_visible(Label.ET, False)
    assert grab(view)[y, x].tolist() == [255, 255, 255]
    document.set_label_visible(Label.ET, True)
    document.set_overlay_shown(False)
    assert grab(view)[y, x].tolist() == [255, 255, 255]


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.0, 0.8, 2.5)])
def test_every_storage_of_a_phantom_gives_the_same_picture(
    document: Document, planes: SliceGrid, grab: Grab, spacing_mm: tuple[float, float, float]
) -> None:
    pictures = []
    for storage in STORAGES:
        document.set_case(phantom_case(storage, spacing_mm=spacing_mm, tilt_deg=15.0))
        document.set_overlay(Overlay.TRUTH)
        document.set_cursor((11, 32, 23))
        pictures.append(grab(planes))
    assert pictures[0].std() > 20
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])


def test_millimetres_are_square_on_anisotropic_voxels(qtbot: QtBot, document: Document, grab: Grab) -> None:
    data = np.zeros(SHAPE, dtype=np.float32)
    data[10:30, 20:28, 12:22] = 100.0  # 20 x 8 x 20 mm
    document.set_case(_case("SAL", data, np.zeros(SHAPE, dtype=np.uint8)))
    document.set_levels((0.0, 100.0))
    left, right, top, bottom = _grey_box(grab(_view(qtbot, document, Plane.CORONAL)))
    assert abs((right - left) - 80) <= 1
    assert abs((bottom - top) - 80) <= 1


def test_crosshair_meets_on_the_voxel_and_leaves_it_uncovered(qtbot: QtBot, document: Document, grab: Grab) -> None:
    document.set_case(_case("LPS", np.zeros(SHAPE, dtype=np.float32), np.zeros(SHAPE, dtype=np.uint8)))
    document.set_cursor((7, 38, 27))
    view = _view(qtbot, document, Plane.AXIAL)
    without = grab(view).astype(int)
    document.set_display(crosshair=Crosshair.THIN)
    drawn = (grab(view) != without).any(axis=2)
    # The centre of voxel 32 of 40 from the left is at 80 + 4 * 32.5, of voxel 9 of 48 from the top at 64 + 4 * 9.5.
    assert set(np.flatnonzero(drawn.sum(axis=0) > 200)) == {210}
    assert set(np.flatnonzero(drawn.sum(axis=1) > 200)) == {102}
    assert not drawn[102 - 7 : 102 + 8, 210 - 7 : 210 + 8].any()


def test_letters_stand_at_all_four_edges(qtbot: QtBot, document: Document, grab: Grab) -> None:
    document.set_case(_case("LPS", np.zeros(SHAPE, dtype=np.float32), np.zeros(SHAPE, dtype=np.uint8)))
    amber = (grab(_view(qtbot, document, Plane.SAGITTAL)) == (245, 200, 110)).all(axis=2)
    middle = slice(145, 175)
    for edge in (amber[middle, :28], amber[middle, -28:], amber[:28, middle], amber[-28:, middle]):
        assert edge.any()
    assert not amber[30:-30, 30:-30].any()


def test_position_is_told_in_words(document: Document) -> None:
    document.set_case(phantom_case("LPS", spacing_mm=(1.0, 1.0, 2.0)))
    assert document.orientation is not None
    document.set_cursor((0, 47, 30))
    lines = {
        plane: [text for text, _ in position_lines(document, SliceGeometry(document.orientation.canonical, plane))]
        for plane in Plane
    }
    # The world's origin is the middle of 40 x 48 x 36 voxels: 19.5, 23.5 and 17.5 * 2 mm from the first centre.
    assert lines == {
        Plane.AXIAL: ["Axial", "31 / 36", "S 25.0 mm"],
        Plane.CORONAL: ["Coronal", "48 / 48", "A 23.5 mm"],
        Plane.SAGITTAL: ["Sagittal", "1 / 40", "L 19.5 mm"],
    }


@pytest.mark.parametrize(("tilt_deg", "notice"), [(0.9, []), (12.0, ["oblique, 12° off"])])
def test_oblique_planes_say_so(document: Document, tilt_deg: float, notice: list[str]) -> None:
    document.set_case(phantom_case("PIR", tilt_deg=tilt_deg))
    assert document.orientation is not None
    grid = document.orientation.canonical
    for plane in (Plane.AXIAL, Plane.CORONAL):
        assert [text for text, _ in position_lines(document, SliceGeometry(grid, plane))][3:] == notice
    assert len(position_lines(document, SliceGeometry(grid, Plane.SAGITTAL))) == 3


def test_nothing_is_drawn_without_a_case(document: Document, planes: SliceGrid, grab: Grab) -> None:
    empty = grab(planes)
    document.set_case(phantom_case())
    assert (grab(planes) != empty).any()
    document.set_case(None)
    assert not grab(planes.view(Plane.CORONAL)).any()


@pytest.mark.parametrize(("height", "lines"), [(92, 2), (160, 3)])
def test_lines_beside_the_middle_letter_are_left_out(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, height: int, lines: int
) -> None:
    written: list[str] = []
    monkeypatch.setattr(annotations, "_write", lambda _painter, _area, _alignment, line: written.append(line[0]))
    image = QImage(124, height, QImage.Format.Format_RGB32)
    painter, font = QPainter(image), QFont()
    font.setPixelSize(13)
    corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
    words = [("Coronal", annotations.TEXT), ("1 / 240", annotations.TEXT), ("A 1 mm", annotations.TEXT)]
    annotations.draw_corner(painter, font, QRectF(image.rect()), corner, words)
    painter.end()
    assert len(written) == lines


def test_two_device_pixels_per_pixel_draw_the_same_picture_finer(qtbot: QtBot, document: Document) -> None:
    document.set_case(_block_case("LPS"))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 100.0))
    document.set_overlay_shown(False)
    view = _view(qtbot, document, Plane.AXIAL)
    pixmap = QPixmap(640, 640)
    pixmap.setDevicePixelRatio(2.0)
    view.render(pixmap)
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(640, 640, 4)[:, :, 2::-1]
    assert np.abs(np.subtract(_grey_box(pixels), [2 * edge for edge in BLOCK_PX[Plane.AXIAL]])).max() <= 1


def test_real_image_in_six_storages_gives_one_picture(
    document: Document, planes: SliceGrid, grab: Grab, real_data: Path
) -> None:
    pictures = {}
    for path in sorted((real_data / "awkward").glob("orientation_*.nii.gz")):
        volume, _ = read_volume(ImageSource(path))
        files = CaseFiles(id=path.name, folder=path.parent, images={Modality.T1N: ImageSource(path)})
        document.set_case(Case(path.name, files, {Modality.T1N: volume}, None, volume.grid))
        document.set_cursor((20, 50, 40))
        pictures[volume.grid.axis_codes] = grab(planes)
    assert set(pictures) == {"ASR", "IRP", "LPS", "PIR", "RAS", "SAL"}
    for picture in pictures.values():
        # Voxel sizes in the headers differ in the last digits, so an edge may fall on the next pixel.
        assert (np.abs(picture.astype(int) - pictures["RAS"]) > 8).mean() < 0.002


def _two_readings(document: Document) -> None:
    """The block as truth (5..9 from the left) and, one voxel to the right of it, as another reading."""
    case = _block_case("RAS")
    document.set_case(case)
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 1e9))
    assert case.truth
    moved = np.roll(case.truth.data, 1, axis=0)
    document.add_reading(Reading("second", "Second reader", LabelMap(moved, case.native)))
    document.set_opacity(1.0)


def _columns(pixels: NDArray[np.uint8], colour: tuple[int, int, int], row: int = 102) -> list[int]:
    """The columns of a row that have a colour."""
    return np.flatnonzero((pixels[row] == colour).all(axis=1)).tolist()


def test_the_difference_tells_found_false_and_missed(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    document.set_display(layer=Layer.DIFFERENCE)
    pixels = grab(_view(qtbot, document, Plane.AXIAL))
    colours = DIFFERENCE_COLOURS[Palette.STANDARD]
    # Radiological, 4 px a voxel: index i of 40 begins at 80 + 4 * (39 - i). The truth has 5..9, the other 6..10.
    assert _columns(pixels, colours.missed) == list(range(80 + 4 * 34, 80 + 4 * 35))
    assert _columns(pixels, colours.found) == list(range(80 + 4 * 30, 80 + 4 * 34))
    assert _columns(pixels, colours.false) == list(range(80 + 4 * 29, 80 + 4 * 30))


def test_outlines_leave_the_inside_free(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    document.set_display(style=Style.OUTLINE)
    yellow = _columns(grab(_view(qtbot, document, Plane.AXIAL)), (250, 215, 50))
    left, right = 80 + 4 * 29, 80 + 4 * 34  # of voxels 10 down to 6
    assert yellow
    assert all(min(abs(column - left), abs(column - right)) <= 2 for column in yellow)
    assert {min((left, right), key=lambda edge: abs(column - edge)) for column in yellow} == {left, right}


def test_the_other_reading_is_outlined_over_the_one_shown(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    view = _view(qtbot, document, Plane.AXIAL)
    document.set_display(style=Style.FILL)
    alone = grab(view)
    document.set_display(layer=Layer.OUTLINED)
    changed = np.flatnonzero((grab(view)[102] != alone[102]).any(axis=1))
    # The truth's left edge lies one voxel outside of the filled reading; its other edge is yellow on yellow.
    assert changed.size
    assert np.abs(changed - (80 + 4 * 35)).max() <= 2


def test_a_pane_may_show_one_side_of_the_comparison(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    document.set_display(style=Style.FILL, crosshair=Crosshair.NONE)
    for side, first in ((Side.CANDIDATE, 29), (Side.REFERENCE, 30)):
        view = SliceView(document, Pane(Plane.AXIAL, layer=Layer.LABELS, side=side))
        qtbot.addWidget(view)
        view.resize(320, 320)
        view.set_camera(CAMERA)
        assert _columns(grab(view), (250, 215, 50))[0] == 80 + 4 * first


def test_by_region_a_hidden_inner_region_shows_the_outer_one(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    document.set_display(style=Style.FILL, by_region=True)
    view = _view(qtbot, document, Plane.AXIAL)
    inside = 80 + 4 * 32
    assert grab(view)[102, inside].tolist() == [250, 215, 50]
    document.set_region_visible(Region.ET, False)
    assert grab(view)[102, inside].tolist() == [230, 60, 60]
    document.set_region_visible(Region.TC, False)
    assert grab(view)[102, inside].tolist() == [70, 200, 90]
    document.set_region_visible(Region.WT, False)
    assert grab(view)[102, inside].tolist() == [0, 0, 0]


def test_another_palette_recolours_the_labels(qtbot: QtBot, document: Document, grab: Grab) -> None:
    _two_readings(document)
    document.set_display(style=Style.FILL, palette=Palette.COLOUR_BLIND)
    assert _columns(grab(_view(qtbot, document, Plane.AXIAL)), (240, 228, 66))


def test_uncertainty_is_drawn_where_it_is(qtbot: QtBot, document: Document, grab: Grab) -> None:
    case = _block_case("RAS")
    document.set_case(case)
    made = phantom_segmentation(case)
    entropy = np.zeros(SHAPE, np.float16)
    entropy[20:24, 38, 27] = 1.0
    document.set_prediction(replace(made, uncertainty=Uncertainty(entropy, {})))
    document.set_cursor((7, 38, 27))
    document.set_levels((0.0, 1e9))
    document.set_display(layer=Layer.UNCERTAINTY)
    document.set_opacity(1.0)
    assert _columns(grab(_view(qtbot, document, Plane.AXIAL)), (255, 240, 160)) == list(range(80 + 64, 80 + 80))
