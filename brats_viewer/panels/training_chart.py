"""A chart of curves over steps or time: drawn at any length in a few milliseconds, read under the mouse, zoomed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.curves import Array, envelope, running_mean, ticks

Value = TypeVar("Value", float, Array)
Span = tuple[float, float]
"""The lowest and the highest x that a chart shows."""

_TICK_X_PX, _TICK_Y_PX = 96.0, 30.0
_LINE_PX = 1.8
_DOT_PX = 2.6
_FEW = 60
"""Up to so many points a curve has a dot for each."""
_FAINT = 70
_ZOOM = 1.25
_LEAST_SPAN = 1e-3
"""The part of the whole that can be zoomed to."""
_HEADROOM = 0.06

HABITS = "Wheel: zoom about the mouse. Drag: move. Double-click or 0: all of it. Arrows, + and -: the same by keys."


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One curve: x (n,), which rises, and y (n,).

    noisy: drawn faintly, with its running mean over it. best: the place of the point that is marked.
    """

    name: str
    x: Array
    y: Array
    colour: QColor
    dashed: bool = False
    noisy: bool = False
    best: int | None = None


class TrainingChart(QWidget):
    """Draws traces under a title; several charts are kept over the same x by who made them."""

    span_asked = Signal(object)
    """A person wants to see this `Span`; None for all there is."""
    pointed = Signal(object)
    """The x under the mouse; None where it is not over the chart."""

    def __init__(self, title: str, say: Callable[[float], str], *, least_high: float = 0.0, tip: str = "") -> None:
        """say: a value of y in words. least_high: the top of the chart is at least so high."""
        super().__init__()
        self._title, self._say, self._least_high = title, say, least_high
        self._say_x: Callable[[float], str] = partial(_plain, unit="step")
        self._traces: tuple[Trace, ...] = ()
        self._smooth: tuple[Array, ...] = ()
        self._events: tuple[float, ...] = ()
        self._all: Span = (0.0, 1.0)
        self._span: Span | None = None
        self._at: float | None = None
        self._dragged: float | None = None
        self._drawn: QPixmap | None = None
        self.setAccessibleName(title)
        self.setToolTip(f"{tip}\n{HABITS}" if tip else HABITS)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumSize(200, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Room for a curve that can be read."""
        return QSize(480, 180)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The curves that are drawn."""
        return self._traces

    @property
    def shown(self) -> Span:
        """From where to where x is shown."""
        return self._span or self._all

    def show_traces(
        self, traces: Sequence[Trace], events: Sequence[float], end: float, say_x: Callable[[float], str]
    ) -> None:
        """Draw other curves; events: the x that are marked at the foot; end: the last x; say_x: an x in words."""
        self._traces = tuple(trace for trace in traces if len(trace.x))
        self._smooth = tuple(running_mean(trace.y) if trace.noisy else trace.y for trace in self._traces)
        self._events, self._say_x = tuple(events), say_x
        self._all = (0.0, end if end > 0 else 1.0)
        self.setAccessibleDescription("; ".join(self._last_words()))
        self._forget()

    def show_span(self, span: Span | None) -> None:
        """Show this much of x, or all there is."""
        self._span = span
        self._forget()

    def show_pointed(self, x: float | None) -> None:
        """Mark a place of x, as under the mouse."""
        self._at = x
        self.update()

    # Geometry

    def _range(self) -> Span:
        """From where to where y is shown: what the smooth curves have within the span, and some of the noise."""
        low_x, high_x = self.shown
        lows, highs = [], []
        for trace, smooth in zip(self._traces, self._smooth, strict=True):
            inside = slice(*np.searchsorted(trace.x, (low_x, np.nextafter(high_x, np.inf))))
            if len(trace.x[inside]):
                lows += [float(smooth[inside].min()), float(np.percentile(trace.y[inside], 2))]
                highs += [float(smooth[inside].max()), float(np.percentile(trace.y[inside], 98))]
        low, high = min(lows, default=0.0), max([*highs, self._least_high], default=1.0)
        room = _HEADROOM * (high - low) or abs(high) * _HEADROOM or 1.0
        return (max(low - room, 0.0) if low >= 0 else low - room, high + room)

    def _area(self) -> QRectF:
        letters = QFontMetricsF(self.font())
        left = letters.horizontalAdvance("0.0e-00") + 8
        return QRectF(self.rect()).adjusted(left, letters.height() + 10, -10, -letters.height() - 8)

    def _x(self, value: Value) -> Value:
        area, (low, high) = self._area(), self.shown
        return area.left() + (value - low) / (high - low) * area.width()

    def _value_at(self, x: float) -> float:
        area, (low, high) = self._area(), self.shown
        return low + (x - area.left()) / area.width() * (high - low)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the curves, and over them what changes as the mouse moves: a line there and the values in the legend."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._drawn is None or self._drawn.deviceIndependentSize() != QSizeF(self.size()):
            self._drawn = self._draw_curves()
        painter.drawPixmap(0, 0, self._drawn)
        area = self._area()
        if self._at is not None and self._traces:
            painter.setPen(QPen(self._colour(QPalette.ColorRole.PlaceholderText), 1))
            x = self._x(self._at)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        self._draw_legend(painter, area)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._colour(QPalette.ColorRole.Highlight), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)

    def _draw_curves(self) -> QPixmap:
        """The axes and the curves with what is marked on them, kept until they change."""
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, y_range = self._area(), self._range()
        self._draw_axes(painter, area, y_range)
        painter.setClipRect(area.adjusted(-6, -6, 6, 1))
        for trace, smooth in zip(self._traces, self._smooth, strict=True):
            self._draw_trace(painter, trace, smooth, area, y_range)
        for trace in self._traces:
            self._draw_best(painter, trace, area, y_range)
        painter.end()
        return pixmap

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew in another theme's colours."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._forget()

    def _forget(self) -> None:
        self._drawn = None
        self.update()

    def _draw_axes(self, painter: QPainter, area: QRectF, y_range: Span) -> None:
        letters = QFontMetricsF(self.font())
        line, faint = self._colour(QPalette.ColorRole.Mid), self._colour(QPalette.ColorRole.PlaceholderText)
        for tick in ticks(*y_range, max(2, int(area.height() / _TICK_Y_PX))) if self._traces else ():
            y = round(_scaled(tick, y_range, area.bottom(), area.top())) + 0.5
            painter.setPen(QPen(line, 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(faint)
            room = QRectF(0, y - letters.height() / 2, area.left() - 6, letters.height())
            painter.drawText(room, Qt.AlignmentFlag.AlignRight, _tick(tick))
        painter.setPen(QPen(line, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(faint)
        for tick in ticks(*self.shown, max(2, int(area.width() / _TICK_X_PX))) if self._traces else ():
            said = _plain(tick)
            width = letters.horizontalAdvance(said)
            left = min(self._x(tick) - width / 2, self.width() - width)
            painter.drawText(QPointF(left, area.bottom() + 4 + letters.ascent()), said)
        if not self._traces:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "Nothing yet")
        self._draw_events(painter, area)

    def _draw_events(self, painter: QPainter, area: QRectF) -> None:
        """A small triangle on the axis where something happened."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour(QPalette.ColorRole.PlaceholderText))
        for x in (self._x(event) for event in self._events):
            if area.left() <= x <= area.right():
                foot = area.bottom()
                painter.drawPolygon(QPolygonF([QPointF(x - 4, foot), QPointF(x + 4, foot), QPointF(x, foot - 6)]))

    def _draw_trace(self, painter: QPainter, trace: Trace, smooth: Array, area: QRectF, y_range: Span) -> None:
        columns = max(2, int(area.width() / 2))
        few = len(trace.x) <= columns
        if trace.noisy:
            self._draw_noise(painter, trace, area, y_range, columns)
        x, low, high = (trace.x, smooth, smooth) if few else envelope(trace.x, smooth, *self.shown, columns)
        y = _scaled((low + high) / 2, y_range, area.bottom(), area.top())
        pen = QPen(trace.colour, _LINE_PX, Qt.PenStyle.DashLine if trace.dashed else Qt.PenStyle.SolidLine)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        points = [QPointF(*point) for point in zip(self._x(x).tolist(), y.tolist(), strict=True)]
        painter.drawPolyline(QPolygonF(points))
        if len(trace.x) <= _FEW and not trace.noisy:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(trace.colour)
            for point in points:
                painter.drawEllipse(point, _DOT_PX, _DOT_PX)

    def _draw_noise(self, painter: QPainter, trace: Trace, area: QRectF, y_range: Span, columns: int) -> None:
        """A curve faintly: from point to point, or a stroke for each column where there are too many."""
        faint = QColor(trace.colour)
        faint.setAlpha(_FAINT)
        painter.setPen(QPen(faint, 1))
        if len(trace.x) <= columns:
            y = _scaled(trace.y, y_range, area.bottom(), area.top())
            points = zip(self._x(trace.x).tolist(), y.tolist(), strict=True)
            painter.drawPolyline(QPolygonF([QPointF(*point) for point in points]))
            return
        x, low, high = envelope(trace.x, trace.y, *self.shown, columns)
        tops = _scaled(high, y_range, area.bottom(), area.top())
        feet = _scaled(low, y_range, area.bottom(), area.top())
        strokes = zip(self._x(x).tolist(), tops.tolist(), feet.tolist(), strict=True)
        painter.setPen(QPen(faint, 2))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)  # of upright strokes it would triple the time
        painter.drawLines([QLineF(x, top, x, foot + 0.01) for x, top, foot in strokes])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _draw_best(self, painter: QPainter, trace: Trace, area: QRectF, y_range: Span) -> None:
        """A ring around the best point, and a dotted line down from it."""
        if trace.best is None:
            return
        at = QPointF(self._x(trace.x[trace.best]), _scaled(trace.y[trace.best], y_range, area.bottom(), area.top()))
        painter.setPen(QPen(trace.colour, 1, Qt.PenStyle.DotLine))
        painter.drawLine(at, QPointF(at.x(), area.bottom()))
        painter.setPen(QPen(trace.colour, 2))
        painter.setBrush(self._colour(QPalette.ColorRole.Window))
        painter.drawEllipse(at, 5, 5)

    def _draw_legend(self, painter: QPainter, area: QRectF) -> None:
        """The title, and each curve's name with its value under the mouse, or else its last one."""
        letters = QFontMetricsF(self.font())
        bold = painter.font()
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(self._colour(QPalette.ColorRole.WindowText))
        painter.drawText(QPointF(8, letters.ascent() + 3), self._title)
        place = 8 + QFontMetricsF(bold).horizontalAdvance(self._title) + 16
        painter.setFont(self.font())
        if self._at is not None and self._traces:
            said = self._say_x(self._at)
            painter.setPen(self._colour(QPalette.ColorRole.PlaceholderText))
            painter.drawText(QPointF(place, letters.ascent() + 3), said)
            place += letters.horizontalAdvance(said) + 14
        for trace, smooth in zip(self._traces, self._smooth, strict=True):
            said = f"{trace.name} {self._say(_value(trace, smooth, self._at))}".strip()
            width = letters.horizontalAdvance(said)
            if place + 14 + width > area.right() and place > 8 + width:
                break
            middle = 3 + letters.height() / 2
            style = Qt.PenStyle.DashLine if trace.dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(trace.colour, 2.4, style))
            painter.drawLine(QPointF(place, middle), QPointF(place + 10, middle))
            painter.setPen(self._colour(QPalette.ColorRole.WindowText))
            painter.drawText(QPointF(place + 14, letters.ascent() + 3), said)
            place += 14 + width + 14

    def _last_words(self) -> list[str]:
        return [
            f"{trace.name} {self._say(_value(trace, smooth, None))}"
            for trace, smooth in zip(self._traces, self._smooth, strict=True)
        ]

    def _colour(self, role: QPalette.ColorRole) -> QColor:
        return self.palette().color(role)

    # Mouse and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say the values under the mouse; with the button held, move."""
        x = event.position().x()
        if self._dragged is not None:
            low, high = self.shown
            by = (self._dragged - x) / self._area().width() * (high - low)
            self._dragged = x
            self._ask(low + by, high + by)
        area = self._area()
        self.pointed.emit(self._value_at(x) if area.left() <= x <= area.right() else None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to move."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._dragged = event.position().x()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop moving."""
        self._dragged = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all there is."""
        self.span_asked.emit(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the mouse."""
        self._zoom(event.angleDelta().y(), self._value_at(event.position().x()))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom about the middle with + and -, move with the arrows, show all there is with 0."""
        low, high = self.shown
        quarter = (high - low) / 4
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom(1, (low + high) / 2)
            case Qt.Key.Key_Minus:
                self._zoom(-1, (low + high) / 2)
            case Qt.Key.Key_Left:
                self._ask(low - quarter, high - quarter)
            case Qt.Key.Key_Right:
                self._ask(low + quarter, high + quarter)
            case Qt.Key.Key_0:
                self.span_asked.emit(None)
            case _:
                super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the mouse any more."""
        self.pointed.emit(None)

    def _zoom(self, turned: int, about: float) -> None:
        low, high = self.shown
        factor = _ZOOM if turned < 0 else 1 / _ZOOM
        if turned:
            self._ask(about - (about - low) * factor, about + (high - about) * factor)

    def _ask(self, low: float, high: float) -> None:
        """Ask for a span, as much of it as lies within all there is."""
        first, last = self._all
        width = max(high - low, _LEAST_SPAN * (last - first))
        if width >= last - first:
            self.span_asked.emit(None)
            return
        low = min(max(low, first), last - width)
        self.span_asked.emit((low, low + width))


def _value(trace: Trace, smooth: Array, at: float | None) -> float:
    """The value of the point nearest to `at`; the last one's where that is None."""
    if at is None:
        return float(smooth[-1])
    return float(smooth[int(np.abs(trace.x - at).argmin())])


def _scaled(value: Value, span: Span, start: float, end: float) -> Value:
    low, high = span
    return start + (value - low) / (high - low) * (end - start)


def _plain(value: float, unit: str = "") -> str:
    """A number with separators, and no more digits than it has.

    >>> _plain(1500.0, "step"), _plain(0.25)
    ('step 1,500', '0.25')
    """
    said = f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.2g}"
    return f"{unit} {said}".strip()


def _tick(value: float) -> str:
    """A tick's number, short.

    >>> _tick(0.0), _tick(0.5), _tick(0.0003), _tick(25.0)
    ('0', '0.5', '3e-4', '25')
    """
    if value == 0 or abs(value) >= 0.005:
        return f"{value:.4g}"
    digits, exponent = f"{value:.0e}".split("e")
    return f"{digits}e{int(exponent)}"
