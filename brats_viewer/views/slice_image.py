"""A slice as pixels: intensities through the levels, labels through their colours."""

import math
from collections.abc import Collection

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
    """The slice under the cursor in `area`: the image smoothed, the labels over it as the voxels they are."""
    image, labels = document.image(), document.overlay_labels()
    number = document.cursor[geometry.plane.normal]
    if image is not None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(area, grey_image(geometry.take(image, number), document.levels))
    if labels is not None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        _draw_overlay(painter, area, geometry.take(labels, number), document)


def _draw_overlay(painter: QPainter, area: QRectF, labels: NDArray[np.uint8], document: Document) -> None:
    """Only the box around the labels (H, W): most of a slice has none, and blending nothing takes time too."""
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    if rows.size == 0:
        return
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    colours = overlay_image(labels[top:bottom, left:right], document.visible_labels, document.opacity)
    width, height = area.width() / labels.shape[1], area.height() / labels.shape[0]
    corner = area.topLeft() + QPointF(left * width, top * height)
    painter.drawImage(QRectF(corner, QSizeF((right - left) * width, (bottom - top) * height)), colours)


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
