"""The agreement over slices as a picture: Dice of each region, and in grey how much tumour a slice holds."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from brats_viewer.display import LABEL_COLOURS, REGION_LABEL, Palette, Plane
from brats_viewer.report.pictures import paint_png
from brats_viewer.report.report import Picture
from brats_viewer.views.slice_strip import known_runs, tick_step
from engine.data import Region
from engine.score import SliceScores

CHART_HEIGHT_PX = 190
_AROUND = 4
"""Empty slices shown on each side of the tumour."""
_ORDER = (Region.WT, Region.TC, Region.ET)
_INK, _MUTED, _GRID, _AMOUNT = QColor("#1b1f27"), QColor("#5b6472"), QColor("#dfe3ea"), QColor("#e9ecf1")
_MOST_TICKS = 12


def dice_chart(slices: Mapping[Region, SliceScores], plane: Plane, palette: Palette, width_px: int) -> Picture:
    """The Dice of every region over the slices of `plane` that have tumour."""

    def paint(painter: QPainter) -> None:
        _Chart(painter, slices, plane, width_px).draw(palette)

    caption = f"Dice of each {plane} slice; in grey how much tumour it holds"
    return Picture(paint_png(width_px, CHART_HEIGHT_PX, paint), width_px, CHART_HEIGHT_PX, caption)


def shown_slices(whole: SliceScores) -> tuple[int, int]:
    """The first and the last slice (from 0) to be shown: those with tumour and some around; all where none has.

    >>> zeros = np.zeros(20, np.int64)
    >>> shown_slices(SliceScores(zeros, np.eye(20, dtype=np.int64)[9], zeros))
    (5, 13)
    """
    there = np.flatnonzero(whole.prediction + whole.truth)
    last = len(whole.truth) - 1
    if not there.size:
        return 0, last
    return max(int(there[0]) - _AROUND, 0), min(int(there[-1]) + _AROUND, last)


class _Chart:
    """One chart being painted."""

    def __init__(self, painter: QPainter, slices: Mapping[Region, SliceScores], plane: Plane, width_px: int) -> None:
        self._painter, self._slices, self._plane = painter, slices, plane
        self._plot = QRectF(34, 12, width_px - 46, CHART_HEIGHT_PX - 44)
        self._first, self._last = shown_slices(slices[Region.WT])

    def draw(self, palette: Palette) -> None:
        font = QFont()
        font.setPixelSize(10)
        self._painter.setFont(font)
        self._draw_amount(self._slices[Region.WT])
        self._draw_axes()
        for region in _ORDER:
            self._draw_curve(self._slices[region].dice, _on_white(region, palette))
        self._draw_names(palette)

    def _place(self, slice_number: float, share: float) -> QPointF:
        across = (slice_number - self._first + 0.5) / (self._last - self._first + 1)
        return QPointF(
            self._plot.left() + across * self._plot.width(), self._plot.bottom() - share * self._plot.height()
        )

    def _draw_amount(self, whole: SliceScores) -> None:
        """Grey columns: the larger of both label maps in each slice, to the largest of all."""
        amount = np.maximum(whole.prediction, whole.truth)
        top = max(int(amount.max()), 1)
        for number in range(self._first, self._last + 1):
            column = QRectF(self._place(number - 0.5, amount[number] / top), self._place(number + 0.5, 0))
            self._painter.fillRect(column, _AMOUNT)

    def _draw_axes(self) -> None:
        painter, right = self._painter, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = self._place(0, share).y()
            painter.setPen(QPen(_MUTED if share == 0 else _GRID, 0.8))
            painter.drawLine(QPointF(self._plot.left(), y), QPointF(self._plot.right(), y))
            painter.setPen(_MUTED)
            painter.drawText(QRectF(0, y - 8, self._plot.left() - 6, 16), right, f"{share:g}")
        step = tick_step((self._last - self._first) / _MOST_TICKS)
        for number in range(self._first + 1, self._last + 2):
            if number % step == 0:
                x = self._place(number - 1, 0).x()
                painter.drawLine(QPointF(x, self._plot.bottom()), QPointF(x, self._plot.bottom() + 3))
                below = QRectF(x - 20, self._plot.bottom() + 3, 40, 14)
                painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(number))
        under = QRectF(self._plot.left(), CHART_HEIGHT_PX - 15, self._plot.width(), 14)
        painter.drawText(under, Qt.AlignmentFlag.AlignVCenter, f"{self._plane.display_name} slice")

    def _draw_curve(self, dice: NDArray[np.float64], colour: QColor) -> None:
        """The Dice (N,) of the slices as a line with gaps where there is none; a slice alone is a dot."""
        painter = self._painter
        painter.setPen(QPen(colour, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        for begin, end in known_runs(dice):
            points = [self._place(number, float(dice[number])) for number in range(begin, end)]
            if len(points) == 1:
                painter.drawPoint(points[0])
            else:
                painter.drawPolyline(QPolygonF(points))

    def _draw_names(self, palette: Palette) -> None:
        """Which line is which, in a row under the plot at the right."""
        painter, x = self._painter, self._plot.right() - 46.0 * len(_ORDER)
        for region in _ORDER:
            y = CHART_HEIGHT_PX - 8.0
            painter.setPen(QPen(_on_white(region, palette), 2.4))
            painter.drawLine(QPointF(x, y), QPointF(x + 16, y))
            painter.setPen(_INK)
            painter.drawText(QRectF(x + 20, y - 7, 26, 14), Qt.AlignmentFlag.AlignVCenter, region)
            x += 46


def _on_white(region: Region, palette: Palette) -> QColor:
    """A region's colour, dark enough to be seen on white."""
    return QColor(*LABEL_COLOURS[palette][REGION_LABEL[region]]).darker(130)
