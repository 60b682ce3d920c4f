"""A slice of one validation case as the network marks it now, with the outline of the truth."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.display import LABEL_COLOURS, Colour, Palette
from engine.data import Label
from engine.runs.preview import Preview

_FILL = 0.55
_LINE_PX = 1.6
_HALO_PX = 3.2
_HALO = QColor(0, 0, 0, 150)
TIP = "Filled: what the network marks now. Lines: the truth. The patient's right is at the left."


class PreviewPicture(QWidget):
    """Draws a preview as large as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self._preview: Preview | None = None
        self._palette = Palette.STANDARD
        self._image = QImage()
        self._outlines: dict[Label, list[QLineF]] = {}
        self.setMinimumSize(160, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("A validation case as the network marks it now")
        self.setToolTip(TIP)

    def sizeHint(self) -> QSize:
        """Room for a slice."""
        return QSize(260, 280)

    def heightForWidth(self, width: int) -> int:
        """As high as the slice is at this width."""
        return round(width * 1.15)

    def show_preview(self, preview: Preview | None, palette: Palette) -> None:
        """Show another picture, or none."""
        self._preview, self._palette = preview, palette
        if preview is not None:
            colours = LABEL_COLOURS[palette]
            self._image = _to_image(blended(preview.image, preview.prediction, colours, _FILL))
            self._outlines = {label: borders(preview.truth, label) for label in colours}
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slice in the middle, on black."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.black)
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        if self._preview is None:
            painter.setPen(self.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.WindowText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "A validation case is\nshown here later")
            return
        rows, columns = self._preview.image.shape
        scale = min((self.width() - 8) / columns, (self.height() - 8) / rows)
        painter.translate((self.width() - columns * scale) / 2, (self.height() - rows * scale) / 2)
        painter.scale(scale, scale)
        painter.drawImage(QRectF(0, 0, columns, rows), self._image)
        for width, colours in ((_HALO_PX, None), (_LINE_PX, LABEL_COLOURS[self._palette])):
            for label, lines in self._outlines.items():
                pen = QPen(QColor(*colours[label]) if colours else _HALO, width, c=Qt.PenCapStyle.RoundCap)
                pen.setCosmetic(True)
                painter.setPen(pen)
                painter.drawLines(lines)


def blended(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], colours: Mapping[Label, Colour], share: float
) -> NDArray[np.uint8]:
    """A grey slice (rows, columns) uint8 as colours (rows, columns, 3), with its labels' over it at this share.

    >>> grey, labels = np.full((1, 2), 100, np.uint8), np.array([[0, 3]], np.uint8)
    >>> blended(grey, labels, {Label.ET: (200, 0, 100)}, 0.5).tolist()
    [[[100, 100, 100], [150, 50, 100]]]
    """
    made = np.repeat(image[..., None], 3, axis=2).astype(np.float32)  # (rows, columns, 3)
    for label, colour in colours.items():
        marked = labels == label
        made[marked] = (1 - share) * made[marked] + share * np.array(colour, np.float32)
    return made.round().astype(np.uint8)


def borders(labels: NDArray[np.uint8], label: Label) -> list[QLineF]:
    """The lines between the pixels (rows, columns) of a label and the others, in pixels from the corner.

    >>> len(borders(np.array([[0, 3, 3]], np.uint8), Label.ET))
    6
    """
    marked = np.pad(labels == label, 1)  # (rows + 2, columns + 2)
    below = np.argwhere(marked[1:] != marked[:-1]).tolist()  # between a row and the next
    beside = np.argwhere(marked[:, 1:] != marked[:, :-1]).tolist()
    return [
        *(QLineF(column - 1, row, column, row) for row, column in below),
        *(QLineF(column, row - 1, column, row) for row, column in beside),
    ]


def _to_image(colours: NDArray[np.uint8]) -> QImage:
    rows, columns, _ = colours.shape
    content = np.ascontiguousarray(colours)
    return QImage(content.tobytes(), columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
