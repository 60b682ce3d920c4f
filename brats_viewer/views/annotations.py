"""What is written over a slice: orientation letters, its name and number, notices and the crosshair."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetricsF, QPainter

from brats_viewer.document import Document
from brats_viewer.views.geometry import EdgeLetters, SliceGeometry

CROSSHAIR = QColor(110, 190, 255, 190)
FOCUS = QColor(110, 190, 255, 140)
LETTERS = QColor(245, 200, 110)
TEXT = QColor(235, 237, 240)
FAINT_TEXT = QColor(160, 166, 175)
NOTICE = QColor(255, 165, 60)
SHADOW = QColor(0, 0, 0, 220)

MARGIN_PX = 8.0
LETTER_BAND_PX = 24.0
"""Room that the letters take at each edge; a fitted picture stays clear of it."""
SCALE_BAR_PX = 110.0
CROSSHAIR_GAP_PX = 8.0
"""The crosshair leaves the place that it points at uncovered."""

NOTICE_FROM_DEG = 1.0

Line = tuple[str, QColor]


def draw_crosshair(painter: QPainter, area: QRectF, centre: QPointF, width: int = 1) -> None:
    """Two lines of `width` pixels across `area` that would meet at `centre`, but for a gap."""
    x, y, gap = round(centre.x() - width / 2), round(centre.y() - width / 2), CROSSHAIR_GAP_PX
    for line in (
        QRectF(area.left(), y, x - gap - area.left(), width),
        QRectF(x + gap + width, y, area.right() - x - gap, width),
        QRectF(x, area.top(), width, y - gap - area.top()),
        QRectF(x, y + gap + width, width, area.bottom() - y - gap),
    ):
        painter.fillRect(line & area, CROSSHAIR)


def scale_bar_mm(pixels_per_mm: float, longest_px: float) -> float:
    """The longest of 1, 2, 5, 10, ... mm that is at most `longest_px` wide.

    >>> scale_bar_mm(3.0, 100.0), scale_bar_mm(40.0, 100.0)
    (20.0, 2.0)
    """
    longest_mm = longest_px / pixels_per_mm
    decade = 10.0 ** math.floor(math.log10(longest_mm))
    return next(step * decade for step in (5.0, 2.0, 1.0) if step * decade <= longest_mm)


def draw_scale_bar(painter: QPainter, font: QFont, area: QRectF, pixels_per_mm: float) -> None:
    """A bar with its length in the bottom right corner; nothing where there is no room beside the edge's letter."""
    longest = min(SCALE_BAR_PX, area.width() / 2 - LETTER_BAND_PX)
    if longest < SCALE_BAR_PX / 3:
        return
    length_mm = scale_bar_mm(pixels_per_mm, longest)
    width = round(length_mm * pixels_per_mm)
    bar = QRectF(area.right() - MARGIN_PX - width, area.bottom() - MARGIN_PX - 2, width, 2)
    painter.fillRect(bar.translated(1, 1), SHADOW)
    painter.fillRect(bar, FAINT_TEXT)
    text = f"{length_mm / 10:g} cm" if length_mm >= 10 else f"{length_mm:g} mm"
    above = area.adjusted(0, 0, 0, -5)
    draw_corner(painter, font, above, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight, [(text, FAINT_TEXT)])


def draw_letters(painter: QPainter, font: QFont, area: QRectF, letters: EdgeLetters) -> None:
    """The patient's sides, at the middle of each edge of `area`."""
    painter.setFont(_scaled(font, 1.1, QFont.Weight.DemiBold))
    inner = area.adjusted(MARGIN_PX, MARGIN_PX - 2, -MARGIN_PX, -MARGIN_PX + 2)
    across, along = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
    _write(painter, inner, across | Qt.AlignmentFlag.AlignLeft, (letters.left, LETTERS))
    _write(painter, inner, across | Qt.AlignmentFlag.AlignRight, (letters.right, LETTERS))
    _write(painter, inner, along | Qt.AlignmentFlag.AlignTop, (letters.top, LETTERS))
    _write(painter, inner, along | Qt.AlignmentFlag.AlignBottom, (letters.bottom, LETTERS))


def draw_corner(painter: QPainter, font: QFont, area: QRectF, corner: Qt.AlignmentFlag, lines: Sequence[Line]) -> None:
    """Small lines of text in a corner of `area`; one that would run into the letter of an edge is left out."""
    painter.setFont(_scaled(font, 0.92))
    metrics = QFontMetricsF(painter.font(), painter.device())
    height = metrics.lineSpacing()
    inner = area.adjusted(MARGIN_PX, MARGIN_PX - 2, -MARGIN_PX, -MARGIN_PX + 2)
    middle = QRectF(inner.left(), inner.center().y() - LETTER_BAND_PX / 2, inner.width(), LETTER_BAND_PX)
    at_top = bool(corner & Qt.AlignmentFlag.AlignTop)
    top = inner.top() if at_top else inner.bottom() - height * len(lines)
    beside_letter = 0 if at_top else len(lines) - 1
    side = corner & Qt.AlignmentFlag.AlignHorizontal_Mask
    for number, line in enumerate(lines):
        room = (inner.width() - LETTER_BAND_PX / 2) / 2 if number == beside_letter else inner.width()
        row = QRectF(inner.left(), top + number * height, inner.width(), height)
        if metrics.horizontalAdvance(line[0]) <= room and not row.intersects(middle):
            _write(painter, row, side | Qt.AlignmentFlag.AlignVCenter, line)


def position_lines(document: Document, geometry: SliceGeometry) -> list[Line]:
    """Which slice is shown: plane, number from 1, place in the world, and what is not as it looks."""
    normal = geometry.plane.normal
    mm = document.cursor_mm[normal]
    side = ("LR", "PA", "IS")[normal][mm >= 0]
    lines = [
        (geometry.plane.display_name, TEXT),
        (f"{document.cursor[normal] + 1} / {geometry.slices}", FAINT_TEXT),
        (f"{side} {abs(mm):.1f} mm", FAINT_TEXT),
    ]
    if geometry.oblique_deg > NOTICE_FROM_DEG:
        lines.append((f"oblique, {geometry.oblique_deg:.0f}° off", NOTICE))
    if geometry.shear_deg > NOTICE_FROM_DEG:
        lines.append((f"sheared, {geometry.shear_deg:.0f}°", NOTICE))
    return lines


def draw_focus(painter: QPainter, area: QRectF) -> None:
    """A thin frame around the view that the keys go to."""
    for edge in (
        QRectF(area.left(), area.top(), area.width(), 1),
        QRectF(area.left(), area.bottom() - 1, area.width(), 1),
        QRectF(area.left(), area.top() + 1, 1, area.height() - 2),
        QRectF(area.right() - 1, area.top() + 1, 1, area.height() - 2),
    ):
        painter.fillRect(edge, FOCUS)


def _scaled(font: QFont, factor: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    scaled = QFont(font)
    scaled.setPixelSize(round(QFontInfo(font).pixelSize() * factor))
    scaled.setWeight(weight)
    return scaled


def _write(painter: QPainter, area: QRectF, alignment: Qt.AlignmentFlag, line: Line) -> None:
    """Text with a shadow, legible on white as on black."""
    text, colour = line
    painter.setPen(SHADOW)
    painter.drawText(area.translated(1, 1), alignment, text)
    painter.setPen(colour)
    painter.drawText(area, alignment, text)
