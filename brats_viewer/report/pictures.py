"""The slices on the page: where most tumour is in each plane, and where two label maps differ most."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QIODevice, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QFont, QImage, QPainter

from brats_viewer.display import Display, Layer, Plane, Style
from brats_viewer.document import Document, Levels, Reading
from brats_viewer.report.report import Picture
from brats_viewer.views.annotations import TEXT, draw_corner, draw_letters, draw_scale_bar, position_lines
from brats_viewer.views.geometry import SliceGeometry
from brats_viewer.views.pane import Pane
from brats_viewer.views.slice_image import draw_slice
from engine.data import Case, Modality, foreground
from engine.score import SliceScores

PAGE_PX = 688
"""Width of the page between its margins, in pixels of 1/96 inch: 182 mm."""
GAP_PX = 6
"""Between two pictures."""
SCALE = 3.0
"""Pixels of a picture for each of the page: 288 per inch, as print wants."""

_TALLEST_PX = 236
_OPACITY = 0.45
_MARGIN_MM = 8.0
_ASPECTS = (0.6, 1.6)
"""The narrowest and the widest picture, width to height."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice to be shown: `number` counts from 0 along the plane's normal."""

    plane: Plane
    number: int
    layer: Layer
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What of a session the pictures show, as it was when the report was asked for: by then another case may be open.

    judged, by: the label map that is judged and the one that it is judged by, where there are any.
    """

    case: Case
    judged: Reading | None
    by: Reading | None
    plane: Plane
    modality: Modality
    windows: Mapping[Modality, Levels]
    display: Display

    def document(self) -> Document:
        """A document of its own, to be moved from slice to slice, in which all labels are seen."""
        document, display = Document(), self.display
        document.set_case(self.case)
        document.set_windows(self.windows)
        document.set_modality(self.modality)
        document.set_display(
            style=Style.FILL, palette=display.palette, region=display.region, radiological=display.radiological
        )
        document.set_opacity(_OPACITY)
        for reading in (self.by, self.judged):
            if reading:
                document.add_reading(reading)
        if self.judged and self.by:
            document.set_pair(self.judged.key, self.by.key)
        return document


class SlicePainter:
    """Paints slices of a case with the label map that is judged and the outline of the one that it is judged by.

    It may be used in any thread, but in one only.
    """

    def __init__(self, shown: Shown) -> None:
        self.document = shown.document()
        image = self.document.image()
        if image is None:
            raise RuntimeError("there is no case to show")
        self._head = _box(foreground(image))

    def row(self, slices: Sequence[Slice]) -> tuple[Picture, ...]:
        """Slices of one height that fill the page's width together, if they do not get too tall."""
        views = [self._view(wanted.plane) for wanted in slices]
        room_px = PAGE_PX - GAP_PX * (len(slices) - 1)
        height_px = min(_TALLEST_PX, int(room_px / sum(view.aspect for view in views)))
        return tuple(view.picture(self.document, wanted, height_px) for view, wanted in zip(views, slices, strict=True))

    def picture(self, wanted: Slice, height_px: int) -> Picture:
        """One slice of that height."""
        return self._view(wanted.plane).picture(self.document, wanted, height_px)

    def _view(self, plane: Plane) -> "_View":
        orientation = self.document.orientation
        if orientation is None:
            raise RuntimeError("there is no case to show")
        return _View.of(SliceGeometry(orientation.canonical, plane, self.document.display.radiological), self._head)


def paint_png(width_px: int, height_px: int, paint: Callable[[QPainter], None]) -> bytes:
    """What `paint` paints on white of that size, as a PNG of `SCALE` times as many pixels."""
    image = QImage(round(width_px * SCALE), round(height_px * SCALE), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(SCALE)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    paint(painter)
    painter.end()
    return encode_png(image)


def encode_png(image: QImage) -> bytes:
    """A picture as the content of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):  # type: ignore[call-overload]  # the stubs want bytes, which Qt refuses
        raise RuntimeError("Qt cannot encode PNG")
    return bytes(buffer.data().data())


@dataclass(frozen=True, slots=True)
class _View:
    """The part of a plane's picture that is shown, in mm: the head, with black added where it is very long."""

    geometry: SliceGeometry
    head_mm: QRectF

    @classmethod
    def of(cls, geometry: SliceGeometry, head: NDArray[np.intp]) -> "_View":
        """The part of a plane that shows the voxels from the first to the last of `head` (2, 3), and some around."""
        ends = [QPointF(*geometry.to_picture((i, j, k))) for i, j, k in head.tolist()]
        shown = QRectF(*ends).normalized().adjusted(-_MARGIN_MM, -_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
        narrowest, widest = _ASPECTS
        size = QSizeF(max(shown.width(), narrowest * shown.height()), max(shown.height(), shown.width() / widest))
        corner = shown.center() - QPointF(size.width() / 2, size.height() / 2)
        return cls(geometry, QRectF(corner, size))

    @property
    def aspect(self) -> float:
        return self.head_mm.width() / self.head_mm.height()

    def picture(self, document: Document, wanted: Slice, height_px: int) -> Picture:
        place = list(document.cursor)
        place[wanted.plane.normal] = wanted.number
        document.set_cursor((place[0], place[1], place[2]))
        width_px, pixels_per_mm = int(height_px * self.aspect), height_px / self.head_mm.height()
        whole = QRectF(-self.head_mm.topLeft() * pixels_per_mm, QSizeF(*self.geometry.size_mm) * pixels_per_mm)
        area, pane = QRectF(0, 0, width_px, height_px), Pane(wanted.plane, layer=wanted.layer)
        font, region = _font(), document.display.region
        corner = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        title = f"{region} errors" if wanted.layer is Layer.DIFFERENCE else document.modality.display_name

        def paint(painter: QPainter) -> None:
            painter.fillRect(area, Qt.GlobalColor.black)
            draw_slice(painter, whole, document, self.geometry, pane)
            draw_letters(painter, font, area, self.geometry.letters)
            draw_scale_bar(painter, font, area, pixels_per_mm)
            draw_corner(painter, font, area, corner, [(title, TEXT), *position_lines(document, self.geometry)[1:]])

        return Picture(paint_png(width_px, height_px, paint), width_px, height_px, wanted.caption)


def key_slices(marked: NDArray[np.bool_]) -> dict[Plane, int]:
    """For each plane the slice (from 0) in which most is `marked` (X, Y, Z); the middle one where nothing is.

    >>> marked = np.zeros((4, 4, 4), bool)
    >>> marked[1, 2:, 3] = marked[2, 2, 3] = True
    >>> {plane.value: number for plane, number in key_slices(marked).items()}
    {'axial': 3, 'coronal': 2, 'sagittal': 1}
    """
    if not marked.any():
        return {plane: marked.shape[plane.normal] // 2 for plane in Plane}
    sums = {axis: marked.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)}
    return {plane: int(sums[plane.normal].argmax()) for plane in Plane}


def most_wrong_slice(slices: SliceScores) -> int | None:
    """The slice (from 0) in which most voxels are wrong; None where none are.

    That of the lowest Dice would mostly be an end of the tumour, with a few voxels and nothing to be seen.
    """
    wrong = slices.wrong
    return int(wrong.argmax()) if wrong.any() else None


def _box(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """First and last index along each axis of what is in `mask` (X, Y, Z), (2, 3); of all of it where nothing is."""
    ends = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        ends.append((found[0], found[-1]) if found.size else (0, mask.shape[axis] - 1))
    return np.array(ends).T


def _font() -> QFont:
    font = QFont()
    font.setPixelSize(10)
    return font
