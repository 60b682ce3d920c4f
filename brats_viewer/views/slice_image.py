"""A slice as pixels: intensities through the levels, labels through their colours."""

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from brats_viewer.session import LABEL_COLOURS, Levels
from engine.data import Label

OPAQUE = 0xFF000000
WIDTH_DRAG_PX = 250.0
"""A drag this long widens the window e-fold."""
CENTRE_DRAG_PX = 400.0
"""A drag this long moves the centre by one width."""


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


def overlay_image(labels: NDArray[np.uint8], visible: Collection[Label], opacity: float) -> QImage | None:
    """Labels (H, W) in their colours, `opacity` in [0, 1]; None where none of the `visible` ones is in the slice.

    >>> image = overlay_image(np.array([[0, 3]], dtype=np.uint8), [Label.ET], 1.0)
    >>> image.pixelColor(0, 0).alpha(), image.pixelColor(1, 0).getRgb()
    (0, (250, 215, 50, 255))
    """
    table = np.zeros(256, dtype=np.uint32)
    alpha = round(255 * opacity)
    for label in visible:
        red, green, blue = (round(channel * opacity) for channel in LABEL_COLOURS[label])
        table[label] = alpha << 24 | red << 16 | green << 8 | blue
    colours = table[labels]
    return _image(colours, QImage.Format.Format_ARGB32_Premultiplied) if colours.any() else None


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
