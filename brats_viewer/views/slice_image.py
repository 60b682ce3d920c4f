"""A slice as pixels: intensities through the levels, labels through their colours."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QImage, QPainter

from brats_viewer.document import LABEL_COLOURS, Document, Levels
from brats_viewer.views.geometry import SliceGeometry
from engine.data import Label

OPAQUE = 0xFF000000
WIDTH_DRAG_PX = 250.0
"""A drag this long widens the window e-fold."""
CENTRE_DRAG_PX = 400.0
"""A drag this long moves the centre by one width."""


def draw_slice(painter: QPainter, area: QRectF, document: Document, geometry: SliceGeometry) -> None:
    """The slice under the cursor in `area`, on black: the image smoothed, the labels over it as the voxels they are."""
    image, labels = document.image(), document.overlay_labels()
    number = document.cursor[geometry.plane.normal]
    if image is not None:
        cut = geometry.take(image, number)
        box = _Box.around(cut > document.levels[0])
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(box.within(area, cut.shape), grey_image(cut[box.rows, box.columns], document.levels))
    if labels is not None:
        named = geometry.take(labels, number)
        box = _Box.around(named > 0)
        colours = overlay_image(named[box.rows, box.columns], document.visible_labels, document.opacity)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(box.within(area, named.shape), colours)


@dataclass(frozen=True, slots=True)
class _Box:
    """The part of a slice that is drawn: most of one is empty, and to draw nothing takes as long as to draw."""

    rows: slice
    columns: slice

    @classmethod
    def around(cls, shown: NDArray[np.bool_]) -> "_Box":
        """What is `shown` (H, W), with a pixel more on each side, from which the edge is smoothed."""
        ends = []
        for axis in (1, 0):
            found = np.flatnonzero(shown.any(axis=axis))
            ends.append(slice(max(int(found[0]) - 1, 0), int(found[-1]) + 2) if found.size else slice(0, 0))
        return cls(*ends)

    def within(self, area: QRectF, shape: tuple[int, ...]) -> QRectF:
        """Where this part lies if the whole slice of that `shape` (H, W) fills `area`."""
        height, width = area.height() / shape[0], area.width() / shape[1]
        top, bottom = self.rows.start, min(self.rows.stop, shape[0])
        left, right = self.columns.start, min(self.columns.stop, shape[1])
        corner = area.topLeft() + QPointF(left * width, top * height)
        return QRectF(corner, QSizeF((right - left) * width, (bottom - top) * height))


def grey_image(intensities: NDArray[np.float32], levels: Levels) -> QImage:
    """Intensities (H, W) as grey: black at and below the lower level, white at and above the upper one.

    >>> image = grey_image(np.array([[0.0, 50.0, 100.0, 300.0]], dtype=np.float32), (0.0, 200.0))
    >>> [image.pixelColor(x, 0).red() for x in range(4)]
    [0, 63, 127, 255]
    """
    black, white = levels
    scaled = (intensities - np.float32(black)) * np.float32(255.0 / (white - black))
    grey = np.clip(scaled, 0.0, 255.0, out=scaled).astype(np.uint32)
    return _image(grey * 0x010101 + OPAQUE, QImage.Format.Format_RGB32)


def overlay_image(labels: NDArray[np.uint8], visible: Collection[Label], opacity: float) -> QImage:
    """Labels (H, W) in their colours, `opacity` in [0, 1]; those that are not `visible` are clear.

    >>> image = overlay_image(np.array([[1, 3]], dtype=np.uint8), [Label.ET], 1.0)
    >>> image.pixelColor(0, 0).alpha(), image.pixelColor(1, 0).getRgb()
    (0, (250, 215, 50, 255))
    """
    table = np.zeros(256, dtype=np.uint32)
    for label in visible:
        red, green, blue = (round(channel * opacity) for channel in LABEL_COLOURS[label])
        table[label] = round(255 * opacity) << 24 | red << 16 | green << 8 | blue
    return _image(table[labels], QImage.Format.Format_ARGB32_Premultiplied)


def _image(pixels: NDArray[np.uint32], pixel_format: QImage.Format) -> QImage:
    """An image with its own memory of `pixels` (H, W)."""
    height, width = pixels.shape
    return QImage(np.ascontiguousarray(pixels).data, width, height, 4 * width, pixel_format).copy()


def dragged_levels(levels: Levels, right_px: float, down_px: float) -> Levels:
    """The levels after a drag: to the right widens the window (less contrast), up lowers its centre (brighter).

    Both go in proportion to the width at the start, so that one gesture suits any scanner's range.

    >>> dragged_levels((0.0, 200.0), 0.0, -CENTRE_DRAG_PX / 2)
    (-100.0, 100.0)
    """
    black, white = levels
    width = (white - black) * math.exp(right_px / WIDTH_DRAG_PX)
    centre = (black + white) / 2 + (white - black) * down_px / CENTRE_DRAG_PX
    return centre - width / 2, centre + width / 2
