"""A slice as pixels: intensities through the levels, labels through their colours, and what else may lie over them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSizeF
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from shiboken6 import wrapInstance

from brats_viewer.display import DIFFERENCE_COLOURS, ENTROPY_STOPS, Colour, Layer, Style
from brats_viewer.document import Document, Levels
from brats_viewer.views.geometry import SliceGeometry
from brats_viewer.views.pane import Pane
from engine.data import Label

OPAQUE = 0xFF000000
WIDTH_DRAG_PX = 250.0
"""A drag this long widens the window e-fold."""
CENTRE_DRAG_PX = 400.0
"""A drag this long moves the centre by one width."""
OUTLINE_PX = 1.5
REFERENCE_PX = 2.0


def draw_slice(painter: QPainter, area: QRectF, document: Document, geometry: SliceGeometry, pane: Pane) -> None:
    """The slice under the cursor in `area`, on black: the image, and over it what the pane shows."""
    modality = pane.modality or document.modality
    image = document.image(modality)
    number = document.cursor[geometry.plane.normal]
    if image is not None:
        levels = document.levels_of(modality)
        cut = geometry.take(image, number)
        box = _Box.around(cut > levels[0])
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, document.display.smooth)
        painter.drawImage(box.within(area, cut.shape), grey_image(cut[box.rows, box.columns], levels))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    if document.overlay_shown:
        _Over(painter, area, document, geometry, number).draw(pane)


@dataclass(frozen=True, slots=True)
class _Over:
    """What lies over one slice's image."""

    painter: QPainter
    area: QRectF
    document: Document
    geometry: SliceGeometry
    number: int

    def draw(self, pane: Pane) -> None:
        document = self.document
        shown = pane.reading_in(document)
        match pane.layer or document.layer:
            case Layer.LABELS:
                self._labels(shown, document.display.style)
            case Layer.OUTLINED:
                self._labels(shown, Style.FILL)
                other = pane.compared_in(document)
                if other:
                    self._labels(other, Style.OUTLINE, REFERENCE_PX)
            case Layer.DIFFERENCE:
                self._difference()
            case Layer.UNCERTAINTY:
                self._uncertainty()

    def _labels(self, key: str, style: Style, width_px: float = OUTLINE_PX) -> None:
        labels = self.document.labels_of(key)
        if labels is None:
            return
        colours = self.document.colours
        cut = self.geometry.take(labels, self.number)
        box = _Box.around(cut > 0)
        cut, where = cut[box.rows, box.columns], box.within(self.area, cut.shape)
        if style is not Style.OUTLINE:
            self.painter.drawImage(where, overlay_image(cut, colours, self.document.opacity))
        if style is not Style.FILL:
            draw_outlines(self.painter, where, cut, colours, width_px)

    def _difference(self) -> None:
        """Of the pair that is compared: what both have, what only one has, of one region."""
        document, region = self.document, self.document.display.region
        if document.pair is None:
            return
        judged, by = (document.labels_of(key) for key in document.pair)
        if judged is None or by is None:
            return
        predicted, true = (region.mask(self.geometry.take(labels, self.number)) for labels in (judged, by))
        kinds = predicted.view(np.uint8) + 2 * true.view(np.uint8)  # 1 false, 2 missed, 3 found
        box = _Box.around(kinds > 0)
        palette = DIFFERENCE_COLOURS[document.display.palette]
        colours = {1: palette.false, 2: palette.missed, 3: palette.found}
        kinds, where = kinds[box.rows, box.columns], box.within(self.area, kinds.shape)
        self.painter.drawImage(where, overlay_image(kinds, colours, max(document.opacity, 0.5)))

    def _uncertainty(self) -> None:
        entropy = self.document.entropy()
        if entropy is None:
            return
        cut = self.geometry.take(entropy, self.number)
        box = _Box.around(cut > 0.02)
        where = box.within(self.area, cut.shape)
        self.painter.drawImage(where, entropy_image(cut[box.rows, box.columns], self.document.opacity))


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


def overlay_image(
    labels: NDArray[np.uint8], colours: Mapping[Label, Colour] | Mapping[int, Colour], opacity: float
) -> QImage:
    """Labels (H, W) in their colours, `opacity` in [0, 1]; those that have no colour are clear.

    >>> image = overlay_image(np.array([[1, 3]], dtype=np.uint8), {Label.ET: (250, 215, 50)}, 1.0)
    >>> image.pixelColor(0, 0).alpha(), image.pixelColor(1, 0).getRgb()
    (0, (250, 215, 50, 255))
    """
    table = np.zeros(256, dtype=np.uint32)
    for label, colour in colours.items():
        table[label] = _premultiplied(colour, opacity)
    return _image(table[labels], QImage.Format.Format_ARGB32_Premultiplied)


def entropy_image(bits: NDArray[np.float16], opacity: float) -> QImage:
    """Uncertainty (H, W) in bits, [0, 1], from clear where there is none to the lightest colour.

    >>> image = entropy_image(np.array([[0.0, 1.0]], dtype=np.float16), 1.0)
    >>> image.pixelColor(0, 0).alpha(), image.pixelColor(1, 0).getRgb()
    (0, (255, 240, 160, 255))
    """
    return _image(_entropy_table(opacity)[(bits * np.float16(255)).astype(np.uint8)], _PREMULTIPLIED)


@lru_cache(maxsize=4)
def _entropy_table(opacity: float) -> NDArray[np.uint32]:
    at = np.linspace(0, 1, 256)
    stops = [stop for stop, _ in ENTROPY_STOPS]
    channels = [np.interp(at, stops, [colour[channel] for _, colour in ENTROPY_STOPS]) for channel in range(3)]
    shades = np.stack(channels, axis=1).round().astype(int).tolist()
    clear = np.minimum(1, at / 0.3) * (opacity + (1 - opacity) * at)  # the surest stays faint, the least sure does not
    return np.array(
        [_premultiplied((r, g, b), alpha) for (r, g, b), alpha in zip(shades, clear.tolist(), strict=True)],
        dtype=np.uint32,
    )


def _premultiplied(colour: Colour, opacity: float) -> int:
    red, green, blue = (round(channel * opacity) for channel in colour)
    return round(255 * opacity) << 24 | red << 16 | green << 8 | blue


def draw_outlines(
    painter: QPainter, where: QRectF, labels: NDArray[np.uint8], colours: Mapping[Label, Colour], width_px: float
) -> None:
    """Draw the borders of each colour's labels (H, W), which fill `where`, along the edges of their voxels."""
    if not labels.size:
        return
    x_px, y_px = where.width() / labels.shape[1], where.height() / labels.shape[0]
    corner, scale = np.array([where.x(), where.y()] * 2), np.array([x_px, y_px] * 2)
    for colour in dict.fromkeys(colours.values()):
        alike = np.zeros(256, dtype=bool)
        alike[[label for label, own in colours.items() if own == colour]] = True
        mask = alike[labels]
        if mask.any():
            lines = np.ascontiguousarray(corner + edge_runs(mask) * scale)  # Qt reads row after row
            first = cast("QLineF", wrapInstance(lines.ctypes.data, QLineF))  # which is four doubles, as is each row
            painter.setPen(QPen(QColor(*colour), width_px))
            painter.drawLines(first, len(lines))


def edge_runs(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The border of `mask` (H, W) as straight runs x0, y0, x1, y1 (N, 4) between corners of voxels, columns first.

    >>> edge_runs(np.array([[True, True]])).tolist()
    [[0, 0, 0, 1], [2, 0, 2, 1], [0, 0, 2, 0], [0, 1, 2, 1]]
    """
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    columns, tops, bottoms = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    rows, lefts, rights = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    upright, level = (columns, tops, columns, bottoms), (lefts, rows, rights, rows)
    return np.concatenate([np.stack(upright, axis=1), np.stack(level, axis=1)])


def _runs(lines: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Where the rows of `lines` (L, N) are true without a break: row, begin and end of each run.

    >>> [column.tolist() for column in _runs(np.array([[True, False, True], [True, True, False]]))]
    [[0, 0, 1], [0, 2, 0], [1, 3, 2]]
    """
    apart = np.zeros((lines.shape[0] + 1, lines.shape[1] + 1), dtype=bool)  # no run goes on from row to row
    apart[:-1, 1:] = lines
    flat = apart.ravel()
    places, width = np.flatnonzero(flat[1:] != flat[:-1]), apart.shape[1]
    rows, begins = np.divmod(places[::2], width)
    return rows, begins, places[1::2] - rows * width


_PREMULTIPLIED = QImage.Format.Format_ARGB32_Premultiplied


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
