"""The cohort's Dice as a box plot with a dot for each case: hovered, a dot names its case; clicked, it opens it."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.cohort import DICE_COLUMNS, dice
from brats_viewer.cohort_session import CohortSession
from engine.score import Box, box

DOT_PX = 3.2
_MANY = 120
"""Of more cases than this the dots are smaller and fainter, so that they do not run together."""
_NEAR_PX = 7.0
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BOX_SHARE = 0.5
"""Of the room of a column that its box takes; the dots stray over as much."""
_CAP_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Column:
    """One of `DICE_COLUMNS` over the cases."""

    title: str
    box: Box
    mean: float


class BoxPlot(QWidget):
    """Box plots of ET, TC, WT and their average over the cohort's scored cases."""

    def __init__(self, cohort: CohortSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cohort = cohort
        self._cases: tuple[str, ...] = ()
        self._values = np.empty((len(DICE_COLUMNS), 0))
        self._columns: tuple[_Column, ...] = ()
        self._hovered: str | None = None
        self._mouse: QPointF | None = None
        self.setMouseTracking(True)
        self.setMinimumSize(270, 140)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Box plot of the Dice scores")
        cohort.results_changed.connect(self._measure)
        cohort.current_changed.connect(self.update)
        self._measure()

    def sizeHint(self) -> QSize:
        """Room for four boxes side by side."""
        return QSize(300, 200)

    @property
    def hovered(self) -> str | None:
        """The id of the case under the mouse."""
        return self._hovered

    def position(self, case: str, column: str) -> QPointF:
        """Where the dot of a case is in one of `DICE_COLUMNS`."""
        return QPointF(*self._dots()[DICE_COLUMNS.index(column), self._cases.index(case)])

    def case_at(self, point: QPointF) -> str | None:
        """The id of the case whose dot is nearest to `point`; None where none is near."""
        if not self._cases:
            return None
        distances = np.hypot(*np.moveaxis(self._dots() - point.toTuple(), -1, 0)).min(axis=0)  # (cases,)
        nearest = int(distances.argmin())
        return self._cases[nearest] if distances[nearest] <= _NEAR_PX else None

    def _measure(self) -> None:
        """Take the scores as they are now."""
        scores = {entry.id: entry.scores for entry in self._cohort.scored if entry.scores}
        self._cases, self._hovered = tuple(scores), None
        self._values = np.array([[dice(of_case, title) for of_case in scores.values()] for title in DICE_COLUMNS])
        self._columns = tuple(map(_column, DICE_COLUMNS, self._values)) if scores else ()
        self.update()

    # Geometry

    def _area(self) -> QRectF:
        """Where Dice 0 to 1 is drawn."""
        letters = QFontMetricsF(self.font())
        left, below = letters.horizontalAdvance("0.00") + 10, letters.height() + 6
        return QRectF(self.rect()).adjusted(left, letters.height() / 2 + DOT_PX, -4, -below)

    def _y(self, value: float) -> float:
        area = self._area()
        return area.bottom() - value * area.height()

    def _x(self, place: int) -> float:
        area = self._area()
        return area.left() + (place + 0.5) * area.width() / len(DICE_COLUMNS)

    def _half_width(self) -> float:
        return min(_BOX_SHARE * self._area().width() / len(DICE_COLUMNS), 64.0) / 2

    def _dots(self) -> NDArray[np.float64]:
        """The centres of the dots (columns, cases, 2), each set off to the side by what its case always has."""
        area = self._area()
        beside = np.array([jitter(case) for case in self._cases]) * self._half_width()  # (cases,)
        x = np.array([[self._x(place)] for place in range(len(DICE_COLUMNS))]) + beside  # (columns, cases)
        return np.stack([x, area.bottom() - self._values * area.height()], axis=-1)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the axis, the dots, and the boxes over them; the open case and the one under the mouse on top."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_axis(painter)
        self._draw_dots(painter)
        for place, column in enumerate(self._columns):
            self._draw_box(painter, place, column)
        current = self._cohort.current
        self._draw_case(painter, current.id if current else None, QPalette.ColorRole.Highlight)
        self._draw_case(painter, self._hovered, QPalette.ColorRole.WindowText)
        if self._mouse is not None:
            self._draw_bubble(painter, self.said(self._mouse), self._mouse)

    def _draw_axis(self, painter: QPainter) -> None:
        area, letters = self._area(), QFontMetricsF(self.font())
        line, faint = self.palette().color(QPalette.ColorRole.Mid), self._colour(QPalette.ColorRole.PlaceholderText)
        for tick in _TICKS:
            y = round(self._y(tick)) + 0.5
            painter.setPen(QPen(line, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(faint)
            label = QRectF(0, y - letters.height() / 2, area.left() - 8, letters.height())
            painter.drawText(label, Qt.AlignmentFlag.AlignRight, f"{tick:.2f}")
        width = area.width() / len(DICE_COLUMNS)
        for place, title in enumerate(DICE_COLUMNS):
            below = QRectF(area.left() + place * width, area.bottom() + 5, width, letters.height())
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, title.capitalize() if title.islower() else title)
        if not self._columns:
            between_lines = QRectF(area.left(), self._y(0.75), area.width(), self._y(0.5) - self._y(0.75))
            painter.drawText(between_lines, Qt.AlignmentFlag.AlignCenter, "No scores yet")

    def _draw_box(self, painter: QPainter, place: int, column: _Column) -> None:
        x, half, cap = self._x(place), self._half_width(), self._half_width() * _CAP_SHARE / _BOX_SHARE
        whisker = self._colour(QPalette.ColorRole.PlaceholderText)
        painter.setPen(QPen(whisker, 1.2))
        for end, start in ((column.box.high, column.box.quartile_3), (column.box.low, column.box.quartile_1)):
            painter.drawLine(QPointF(x, self._y(start)), QPointF(x, self._y(end)))
            painter.drawLine(QPointF(x - cap, self._y(end)), QPointF(x + cap, self._y(end)))
        top, bottom = self._y(column.box.quartile_3), self._y(column.box.quartile_1)
        painter.setBrush(self._colour(QPalette.ColorRole.Highlight, 46))
        painter.setPen(QPen(self._colour(QPalette.ColorRole.Highlight, 200), 1.2))
        painter.drawRoundedRect(QRectF(x - half, top, 2 * half, bottom - top), 2, 2)
        median = self._y(column.box.median)
        painter.setPen(QPen(self._colour(QPalette.ColorRole.WindowText), 2))
        painter.drawLine(QPointF(x - half, median), QPointF(x + half, median))

    def _draw_dots(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        many = len(self._cases) > _MANY
        painter.setBrush(self._colour(QPalette.ColorRole.WindowText, 70 if many else 140))
        radius = DOT_PX / 2 if many else DOT_PX
        for x, y in self._dots().reshape(-1, 2):
            painter.drawEllipse(QPointF(x, y), radius, radius)

    def _draw_case(self, painter: QPainter, case: str | None, role: QPalette.ColorRole) -> None:
        """A case's dots with a line from column to column, if it has any."""
        if case is None or case not in self._cases:
            return
        dots = [QPointF(x, y) for x, y in self._dots()[:, self._cases.index(case)]]
        painter.setPen(QPen(self._colour(role), 1.2, Qt.PenStyle.DotLine))
        painter.drawPolyline(dots)
        painter.setPen(QPen(self._colour(QPalette.ColorRole.Window), 1.5))
        painter.setBrush(self._colour(role))
        for dot in dots:
            painter.drawEllipse(dot, DOT_PX + 1.6, DOT_PX + 1.6)

    def _draw_bubble(self, painter: QPainter, said: str, at: QPointF) -> None:
        """Words in a box above the mouse, or below it where there is no room."""
        if not said:
            return
        frame = QFontMetricsF(self.font()).boundingRect(QRectF(self.rect()), Qt.AlignmentFlag.AlignLeft, said)
        frame = QRectF(0, 0, frame.width() + 14, frame.height() + 8)
        above = at.y() - 12 - frame.height()
        left = min(at.x() - frame.width() / 2, self.width() - frame.width() - 1)
        frame.moveTo(max(left, 0.0), above if above >= 0 else at.y() + 18)
        painter.setPen(QPen(self._colour(QPalette.ColorRole.Mid), 1))
        painter.setBrush(self._colour(QPalette.ColorRole.ToolTipBase, 240))
        painter.drawRoundedRect(frame, 4, 4)
        painter.setPen(self._colour(QPalette.ColorRole.ToolTipText))
        painter.drawText(frame.adjusted(7, 4, -7, -4), Qt.AlignmentFlag.AlignLeft, said)

    def _colour(self, role: QPalette.ColorRole, alpha: int = 255) -> QColor:
        colour = QColor(self.palette().color(role))
        colour.setAlpha(alpha)
        return colour

    # The mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Name the case under the mouse, or a column's numbers."""
        self._hover(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Ask for the case whose dot was clicked."""
        case = self.case_at(event.position())
        if case and event.button() is Qt.MouseButton.LeftButton:
            self._cohort.ask(case)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the mouse any more."""
        self._hover(None)

    def _hover(self, mouse: QPointF | None) -> None:
        self._mouse, self._hovered = mouse, self.case_at(mouse) if mouse else None
        self.setCursor(Qt.CursorShape.PointingHandCursor if self._hovered else Qt.CursorShape.ArrowCursor)
        self.update()

    def said(self, point: QPointF) -> str:
        """What there is to say of a place: a case's scores at a dot, a column's numbers at its box."""
        case = self.case_at(point)
        if case:
            held = self._values[:, self._cases.index(case)]
            named = [f"{column.title} {of_case:.3f}" for column, of_case in zip(self._columns, held, strict=True)]
            return "\n".join((case, "   ".join(named[:2]), "   ".join(named[2:])))
        near = (i for i in range(len(self._columns)) if abs(self._x(i) - point.x()) <= self._half_width())
        place = next(near, None)
        if place is None or not self._area().contains(point):
            return ""
        column = self._columns[place]
        return (
            f"{column.title} of {len(self._cases)} cases\nmedian {column.box.median:.3f}, mean {column.mean:.3f}\n"
            f"quartiles {column.box.quartile_1:.3f} and {column.box.quartile_3:.3f}"
        )


def jitter(case: str) -> float:
    """How far to the side the dots of a case are, in [-1, 1]: always the same, whatever cases are beside it.

    >>> jitter("a") == jitter("a"), -1 <= jitter("b") <= 1
    (True, True)
    """
    return zlib.crc32(case.encode()) / 0xFFFFFFFF * 2 - 1


def _column(title: str, values: NDArray[np.float64]) -> _Column:
    return _Column(title, box(values.tolist()), float(values.mean()))
