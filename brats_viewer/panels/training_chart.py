"""A chart of curves over steps or time: pyqtgraph draws them, the line above reads them, and a person zooms them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from brats_viewer.controls import figures_font
from brats_viewer.curves import Array, running_mean

Span = tuple[float, float]
"""The lowest and the highest x that a chart shows."""

HABITS = "Wheel: zoom about the mouse. Drag: move. Double-click or 0: all of it. Arrows, + and -: the same by keys."
_LINE_PX, _NOISE_PX, _RING_PX = 1.8, 1.0, 2.0
_DOT_SIZE_PX, _RING_SIZE_PX = 5.0, 11.0
_FEW = 60
"""Up to so many points a curve has a dot for each."""
_SMOOTH_POINTS = 300
"""Of a running mean: more say nothing, since each is over a sixtieth of the curve, and wide lines are slow to draw."""
_FAINT, _GRID = 70, 110
_AXIS_PX, _TICKS = 56, 0.6
_ZOOM = 1.25
_LEAST_SPAN = 1e-3
"""The part of the whole that can be zoomed to."""
_EVENT_HEIGHT = 0.06
_NOISE_PERCENT = (1, 99)
_HEADROOM = 0.07
_ROOM = 1.02
"""Of all there is, so that a ring around the last point has its room."""
_HINT, _LEAST = QSize(480, 112), QSize(180, 76)


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

    def value_at(self, x: float | None) -> float:
        """The value of the point nearest to x, of the running mean where it is noisy; the last one where x is None."""
        values = running_mean(self.y) if self.noisy else self.y
        return float(values[-1 if x is None else int(np.abs(self.x - x).argmin())])


class TrainingChart(QWidget):
    """Traces under a line with the title, their names and their values; all charts of a page show the same x."""

    span_asked = Signal(object)
    """A person wants to see this `Span`; None for all there is."""
    pointed = Signal(object)
    """The x under the mouse; None where it is not over the chart."""

    def __init__(self, title: str, say: Callable[[float], str], *, tip: str = "") -> None:
        """say: a value of y in words."""
        super().__init__()
        self._title, self._say = title, say
        self._say_x: Callable[[float], str] = str
        self._traces: tuple[Trace, ...] = ()
        self._all: Span = (0.0, 1.0)
        self._span: Span | None = None
        self._at: float | None = None
        self._words = QLabel()
        self._words.setTextFormat(Qt.TextFormat.RichText)
        self._words.setFont(figures_font())
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot = _Plot()
        self.plot.setAccessibleName(title)
        self.plot.setToolTip(f"{tip}\n{HABITS}" if tip else HABITS)
        self._noise: list[pg.PlotDataItem] = []
        self._lines: list[pg.PlotDataItem] = []
        self._best = pg.ScatterPlotItem(size=_RING_SIZE_PX)
        self._events = pg.VTickGroup(yrange=[0, _EVENT_HEIGHT])
        self._cursor = pg.InfiniteLine()
        for item, above in ((self._events, 0), (self._cursor, 10), (self._best, 20)):
            item.setZValue(above)
            self.plot.addItem(item, ignoreBounds=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._words)
        layout.addWidget(self.plot, 1)
        self.plot.scene().sigMouseMoved.connect(self._tell_pointed)
        self.plot.left.connect(lambda: self.pointed.emit(None))
        self.plot.all_asked.connect(lambda: self.span_asked.emit(None))
        self.plot.moved.connect(self._ask)
        self.plot.getViewBox().sigRangeChangedManually.connect(lambda *_: self._ask(*self.plot.span))
        self._colour_axes()
        self.show_traces((), (), 1.0, str)

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The curves that are drawn."""
        return self._traces

    @property
    def shown(self) -> Span:
        """From where to where x is shown."""
        return self._span or self._all

    # What is shown

    def show_traces(
        self, traces: Sequence[Trace], events: Sequence[float], end: float, say_x: Callable[[float], str]
    ) -> None:
        """Draw other curves; events: the x that are marked at the foot; end: the last x; say_x: an x in words."""
        self._traces = tuple(trace for trace in traces if len(trace.x))
        self._say_x, self._all = say_x, (0.0, _ROOM * end if end > 0 else 1.0)
        for place, trace in enumerate(self._traces):
            self._draw(trace, *self._items(place))
        for item in (*self._noise[len(self._traces) :], *self._lines[len(self._traces) :]):
            item.clear()
        best = [(trace, trace.best) for trace in self._traces if trace.best is not None]
        self._best.setData(
            x=[trace.x[place] for trace, place in best],
            y=[trace.y[place] for trace, place in best],
            pen=[self._pen(trace.colour, _RING_PX) for trace, _ in best],
            brush=self._colour(QPalette.ColorRole.Window),
        )
        self._events.setXVals(list(events))
        words = (f"{trace.name} {self._say(trace.value_at(None))}".strip() for trace in self._traces)
        self.plot.setAccessibleDescription("; ".join(words))
        self.show_span(self._span)
        self._show_words()

    def _items(self, place: int) -> tuple[pg.PlotDataItem, pg.PlotDataItem]:
        """What draws the trace at a place, faintly and as a line; made when it is first wanted."""
        if place == len(self._lines):
            noise, line = pg.PlotDataItem(antialias=True), pg.PlotDataItem(antialias=True)
            noise.setDownsampling(auto=True, method="peak")
            noise.setClipToView(True)
            self._noise.append(noise)
            self._lines.append(line)
            for item in (noise, line):
                self.plot.addItem(item)
        return self._noise[place], self._lines[place]

    def _draw(self, trace: Trace, noise: pg.PlotDataItem, line: pg.PlotDataItem) -> None:
        x, y = trace.x, trace.y
        if trace.noisy:
            faint = QColor(trace.colour)
            faint.setAlpha(_FAINT)
            noise.setData(x, y, pen=self._pen(faint, _NOISE_PX))
            some = np.unique(np.linspace(0, len(x) - 1, _SMOOTH_POINTS).astype(np.intp))
            x, y = x[some], running_mean(y)[some]
        else:
            noise.clear()
        dotted = len(x) <= _FEW and not trace.noisy
        style = Qt.PenStyle.DashLine if trace.dashed else Qt.PenStyle.SolidLine
        line.setData(
            x,
            y,
            pen=self._pen(trace.colour, _LINE_PX, style),
            symbol="o" if dotted else None,
            symbolSize=_DOT_SIZE_PX,
            symbolBrush=trace.colour,
            symbolPen=None,
        )

    def _pen(self, colour: QColor, width_px: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
        """A pen of so many of the screen's pixels as the style's are; Qt takes a plot's for the device's own."""
        pen: QPen = pg.mkPen(colour, width=width_px * self.devicePixelRatioF(), style=style)
        return pen

    def show_span(self, span: Span | None) -> None:
        """Show this much of x, or all there is, and the heights that are there."""
        self._span = span
        self.plot.setRange(xRange=self.shown, yRange=self._heights(), padding=0)

    def _heights(self) -> Span:
        """From where to where y is shown: all that is within the span, but for the outermost of the noise."""
        low_x, high_x = self.shown
        ends = []
        for trace in self._traces:
            values = trace.y[slice(*np.searchsorted(trace.x, (low_x, high_x)))]
            if len(values):
                ends += np.percentile(values, _NOISE_PERCENT if trace.noisy else (0, 100)).tolist()
        low, high = min(ends, default=0.0), max(ends, default=1.0)
        room = _HEADROOM * (high - low or abs(high) or 1.0)
        return max(low - room, 0.0) if low >= 0 else low - room, high + room

    def show_pointed(self, x: float | None) -> None:
        """Mark a place of x, as under the mouse, and say the values there."""
        self._at = x
        self._show_words()

    def _show_words(self) -> None:
        """The title, and each curve's name with its value under the mouse, or else its last one."""
        muted = self._colour(QPalette.ColorRole.PlaceholderText).name()
        words = [f"<b>{self._title}</b>"]
        if not self._traces:
            words.append(f'<span style="color: {muted}">nothing yet</span>')
        elif self._at is not None:
            words.append(f'<span style="color: {muted}">{self._say_x(self._at)}</span>')
        for trace in self._traces:
            said = escape(f"{trace.name} {self._say(trace.value_at(self._at))}".strip())
            sign = "╍" if trace.dashed else "━"
            words.append(f'<span style="color: {trace.colour.name()}">{sign}</span>&nbsp;{said}')
        self._words.setText("&nbsp;&nbsp; ".join(words))
        self._cursor.setVisible(self._at is not None and bool(self._traces))
        if self._at is not None:
            self._cursor.setPos(self._at)

    # Colours

    def changeEvent(self, event: QEvent) -> None:
        """Draw in another theme's colours."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colour_axes()
            self._show_words()

    def _colour_axes(self) -> None:
        muted = self._colour(QPalette.ColorRole.PlaceholderText)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(self._colour(QPalette.ColorRole.Mid))
            axis.setTextPen(muted)
        self._cursor.setPen(muted)
        self._events.setPen(self._pen(muted, _LINE_PX))

    def _colour(self, role: QPalette.ColorRole) -> QColor:
        return self.palette().color(role)

    # What a person does

    def _tell_pointed(self, at: QPointF) -> None:
        view = self.plot.getViewBox()
        inside = view.sceneBoundingRect().contains(at)
        self.pointed.emit(view.mapSceneToView(at).x() if inside else None)

    def _ask(self, low: float, high: float) -> None:
        """Ask for a span, as much of it as lies within all there is."""
        first, last = self._all
        width = max(high - low, _LEAST_SPAN * (last - first))
        if width >= last - first:
            self.span_asked.emit(None)
            return
        low = min(max(low, first), last - width)
        self.span_asked.emit((low, low + width))


class _Plot(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Axes without pyqtgraph's menu and button, that keys move as the mouse does; its height follows what is shown."""

    moved = Signal(float, float)
    """Keys ask for a span from here to there."""
    all_asked = Signal()
    left = Signal()
    """The mouse is not over it any more."""

    def __init__(self) -> None:
        super().__init__(background=None, enableMenu=False)
        self.getPlotItem().ctrlMenu.setParent(self, Qt.WindowType.Popup)  # so that it ends with the plot
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumSize(_LEAST)
        self.hideButtons()
        view = self.getViewBox()
        view.setMouseEnabled(x=True, y=False)
        view.disableAutoRange()
        left = self.getAxis("left")
        left.setWidth(_AXIS_PX)  # the same in all charts, so that a step is above a step
        left.setGrid(_GRID)
        left.setTickDensity(_TICKS)
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)

    def sizeHint(self) -> QSize:
        """Room for a curve that can be read."""
        return _HINT

    @property
    def span(self) -> Span:
        """From where to where x is shown."""
        low, high = self.getViewBox().viewRange()[0]
        return low, high

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all there is."""
        self.all_asked.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the mouse any more."""
        super().leaveEvent(event)
        self.left.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom about the middle with + and -, move with the arrows, show all there is with 0."""
        low, high = self.span
        half, quarter = (high - low) / 2, (high - low) / 4
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.moved.emit(low + half * (1 - 1 / _ZOOM), high - half * (1 - 1 / _ZOOM))
            case Qt.Key.Key_Minus:
                self.moved.emit(low - half * (_ZOOM - 1), high + half * (_ZOOM - 1))
            case Qt.Key.Key_Left:
                self.moved.emit(low - quarter, high - quarter)
            case Qt.Key.Key_Right:
                self.moved.emit(low + quarter, high + quarter)
            case Qt.Key.Key_0:
                self.all_asked.emit()
            case _:
                event.ignore()
