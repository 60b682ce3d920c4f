"""The curve under the slices: how well each slice of the active plane agrees, and where the cursor is among them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPixmap, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.display import LABEL_COLOURS, REGION_LABEL
from brats_viewer.session import Session
from engine.data import Region
from engine.score import SliceScores

RULE = (
    "Dice of each slice of the active plane, and in grey how much tumour it holds. Click or drag to go to a slice.\n"
    "A slice that is empty in both masks has no Dice and leaves a gap; one that is empty in one of them has 0."
)
HEIGHT_PX = 96
_CURVES = (Region.WT, Region.TC, Region.ET)
_SHARES = (0.0, 0.5, 1.0)
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_TICK_PX = 48.0
_HANDLE_PX = 4.0


class SliceStrip(QWidget):
    """Dice of ET, TC and WT over the slices of the active plane, or how much is marked where nothing is compared."""

    slice_asked = Signal(int)
    """A person wants to see the slice of this number."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._drawn: tuple[object, QPixmap] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Agreement over slices")
        self.setToolTip(RULE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        for changed in (session.cursor_changed, session.display_changed):
            changed.connect(self.update)
        for changed in (
            session.comparison_changed,
            session.readings_changed,
            session.overlay_changed,
            session.plane_changed,
            session.case_changed,
        ):
            changed.connect(self._forget)
        self._forget()

    def sizeHint(self) -> QSize:
        """As high as a curve needs to be read."""
        return QSize(400, HEIGHT_PX)

    def _forget(self) -> None:
        """Be drawn anew, once for all changes that come together, if there is anything to draw."""
        session = self._session
        self._drawn = None
        self.setVisible(session.comparison is not None or session.labels_of(session.overlay) is not None)
        self.update()

    # The numbers of the active plane

    @property
    def _slices(self) -> Mapping[Region, SliceScores]:
        comparison = self._session.comparison
        return comparison.slices[self._session.plane.normal] if comparison else {}

    @property
    def _count(self) -> int:
        orientation = self._session.orientation
        return orientation.canonical.shape[self._session.plane.normal] if orientation else 0

    def _amount(self) -> NDArray[np.int64]:
        """Voxels of tumour in each slice: the more of the pair that is compared, else those of the label map shown."""
        if self._slices:
            whole = self._slices[Region.WT]
            return np.maximum(whole.truth, whole.prediction)
        marks = self._session.marks(self._session.overlay)
        return marks.per_slice[self._session.plane.normal] if marks else np.zeros(self._count, dtype=np.int64)

    # Geometry

    def _area(self) -> QRectF:
        """Where shares of 0 to 1 are drawn."""
        letters = self.fontMetrics()
        left, below = letters.horizontalAdvance("0.5") + 14, letters.height() + 5
        return QRectF(self.rect()).adjusted(left, letters.height() + 4, -12, -below)

    def position(self, number: float, share: float) -> QPointF:
        """Where a slice with a Dice, or a share of the most tumour, of `share` is drawn."""
        return self._positions([number], [share])[0]

    def _positions(self, numbers: Sequence[float], shares: Sequence[float]) -> list[QPointF]:
        area, count = self._area(), max(self._count, 1)
        wide, high = area.width() / count, area.height()
        return [
            QPointF(area.left() + (number + 0.5) * wide, area.bottom() - share * high)
            for number, share in zip(numbers, shares, strict=True)
        ]

    # Painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the amounts, the curves over them, and the marker of the current slice on top."""
        painter = QPainter(self)
        if self._count:
            painter.drawPixmap(0, 0, self._plot())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_marker(painter)
        painter.end()

    def _plot(self) -> QPixmap:
        """All that stays while the marker moves, drawn again only if that is another picture than the latest."""
        ratio = self.devicePixelRatioF()
        looks = self.size(), ratio, self.font(), self.palette(), self._session.display.palette
        if self._drawn is None or self._drawn[0] != looks:
            plot = QPixmap(self.size() * ratio)
            plot.setDevicePixelRatio(ratio)
            plot.fill(Qt.GlobalColor.transparent)
            painter = QPainter(plot)
            painter.setFont(self.font())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw_amount(painter, self._amount())
            self._draw_axes(painter)
            for region in _CURVES if self._slices else ():
                self._draw_curve(painter, self._slices[region].dice, self._colour(region))
            painter.end()
            self._drawn = looks, plot
        return self._drawn[1]

    def _draw_amount(self, painter: QPainter, amount: NDArray[np.int64]) -> None:
        grey = self.palette().color(QPalette.ColorRole.PlaceholderText)
        grey.setAlpha(55)
        ends = np.arange(len(amount) + 1) - 0.5
        heights = np.pad(np.repeat(amount / max(int(amount.max()), 1), 2), 1)
        steps = self._positions(np.repeat(ends, 2).tolist(), heights.tolist())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(grey)
        painter.drawPolygon(QPolygonF(steps))
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_axes(self, painter: QPainter) -> None:
        area, muted = self._area(), self.palette().color(QPalette.ColorRole.PlaceholderText)
        line = self.palette().color(QPalette.ColorRole.Mid)
        right, centre = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
        for share in _SHARES if self._slices else ():
            y = self.position(0, share).y()
            painter.setPen(QPen(line, 1))
            painter.drawLine(QLineF(area.left(), y, area.right(), y))
            painter.setPen(muted)
            painter.drawText(QRectF(0, y - 8, area.left() - 6, 16), right, f"{share:g}")
        painter.setPen(muted)
        step = tick_step(_TICK_PX * self._count / max(area.width(), 1.0))
        for number in range(step, self._count + 1, step):
            x = self.position(number - 1, 0).x()
            painter.drawText(QRectF(x - 24, area.bottom() + 2, 48, self.height()), centre, str(number))

    def _draw_curve(self, painter: QPainter, dice: NDArray[np.float64], colour: QColor) -> None:
        """The Dice (N,) of the slices as a line with gaps where there is none; a slice alone is a dot."""
        painter.setPen(QPen(colour, 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        for begin, end in known_runs(dice):
            points = self._positions(range(begin, end), dice[begin:end].tolist())
            painter.drawPolyline(QPolygonF(points)) if len(points) > 1 else painter.drawPoint(points[0])

    def _draw_marker(self, painter: QPainter) -> None:
        """A line at the current slice, and its numbers beside each other above the plot."""
        number, area = self._session.cursor[self._session.plane.normal], self._area()
        x, accent = self.position(number, 0).x(), self.palette().color(QPalette.ColorRole.Accent)
        painter.setPen(QPen(accent, 2))
        painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
        painter.setBrush(accent)
        painter.drawEllipse(QPointF(x, area.top()), _HANDLE_PX, _HANDLE_PX)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        words = [(f"{self._session.plane.display_name} slice {number + 1}", text)]
        for region in reversed(_CURVES) if self._slices else ():
            dice = float(self._slices[region].dice[number])
            words.append((f"{region} {'–' if np.isnan(dice) else f'{dice:.2f}'}", self._colour(region)))
        at = area.left()
        for word, colour in words:
            painter.setPen(colour)
            painter.drawText(QPointF(at, area.top() - 6), word)
            at += painter.fontMetrics().horizontalAdvance(word) + 14

    def _colour(self, region: Region) -> QColor:
        """A region's colour, dark enough to be read on a light window."""
        colour = QColor(*LABEL_COLOURS[self._session.display.palette][REGION_LABEL[region]])
        return colour.darker(135) if self.palette().color(QPalette.ColorRole.Window).lightness() > 128 else colour

    # Where a person wants to go

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the mouse."""
        self._ask(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while its button is held."""
        self._ask(event)

    def _ask(self, event: QMouseEvent) -> None:
        area = self._area()
        if event.buttons() & Qt.MouseButton.LeftButton and self._count:
            share = (event.position().x() - area.left()) / max(area.width(), 1.0)
            self.slice_asked.emit(min(max(int(share * self._count), 0), self._count - 1))


def known_runs(values: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Where `values` (N,) have no NaN: begin and end of each run.

    >>> known_runs(np.array([np.nan, 0.5, 0.6, np.nan, 0.2]))
    [(1, 3), (4, 5)]
    """
    known = np.concatenate(([False], ~np.isnan(values), [False]))
    return list(pairwise(np.flatnonzero(known[1:] != known[:-1]).tolist()))[::2]


def tick_step(least: float) -> int:
    """Every how many slices an axis has a number: a round step of at least `least`, as far as there is one.

    >>> tick_step(0.4), tick_step(3.1), tick_step(1e6)
    (1, 5, 500)
    """
    return next((tick for tick in _TICKS if tick >= least), _TICKS[-1])
