"""The curves of the watched run and of those beside it: Dice, loss and learning rate, over steps or over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QPalette, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from brats_viewer.controls import Segments
from brats_viewer.curves import Array, Curves
from brats_viewer.display import LABEL_COLOURS, REGION_LABEL, Palette
from brats_viewer.names import duration
from brats_viewer.panels.training_chart import Span, Trace, TrainingChart
from brats_viewer.panels.training_runs import compared_colour
from brats_viewer.training_session import TrainingSession
from engine.data import Region

Value = TypeVar("Value", float, Array)

_MEAN, _ALL = "mean", "all"
_DICE_WORDS = {
    _ALL: ("Regions", "ET, TC and WT of every run that is shown, each in its colour"),
    _MEAN: ("Mean", "The mean of the three regions, by which the best model is kept"),
    **{region.value: (region.value, f"{region.value} alone") for region in Region},
}
_STEPS, _TIME = "steps", "time"
_OVER_WORDS = {
    _STEPS: ("Steps", "Draw the curves over steps of the optimiser"),
    _TIME: ("Time", "Draw the curves over the time of training"),
}
_FRAME_MS = 16
_LONG_S = 7200.0
"""A curve that is longer is drawn over hours, a shorter one over minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A run whose curves are drawn: its name where there are several, and its colour among them."""

    name: str
    curves: Curves
    colour: QColor
    dashed: bool


@dataclass(frozen=True, slots=True)
class _Over:
    """What the curves are drawn over: the time of training in this unit, or steps where that is None."""

    unit_s: float | None

    def x(self, step: Value, seconds: Value) -> Value:
        """Where points of these steps and seconds of training lie."""
        return step if self.unit_s is None else seconds / self.unit_s

    def say(self, x: float) -> str:
        """A place in words."""
        return f"step {x:,.0f}" if self.unit_s is None else f"after {duration(max(x, 0.0) * self.unit_s)}"


class TrainingCurves(QWidget):
    """Three charts of one x, below what a person can choose of them."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self._palette, self._dice, self._over, self._compared = Palette.STANDARD, _ALL, _STEPS, False
        self.charts = {
            "dice": TrainingChart(
                "Dice", "{:.3f}".format, tip="Of the validation cases, mean over them; ring: the best"
            ),
            "loss": TrainingChart("Loss", "{:.4f}".format, tip="Faint: as measured; line: its running mean"),
            "rate": TrainingChart("Learning rate", "{:.2e}".format),
        }
        self._due: list[str] = []
        """The charts that are to be drawn anew."""
        self._frame = QTimer(self, singleShot=True, interval=_FRAME_MS)
        self._frame.timeout.connect(self._show_next)
        self._dice_choice = Segments("Dice of", _DICE_WORDS, quiet=True)
        self._over_choice = Segments("Curves over", _OVER_WORDS, quiet=True)
        choices = QHBoxLayout()
        choices.setSpacing(16)
        choices.addWidget(self._dice_choice, 3)
        choices.addStretch(1)
        choices.addWidget(self._over_choice, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(choices)
        for name, share in (("dice", 5), ("loss", 4), ("rate", 3)):
            column.addWidget(self.charts[name], share)
        self._dice_choice.chosen.connect(self._choose_dice)
        self._over_choice.chosen.connect(self._choose_over)
        for chart in self.charts.values():
            chart.span_asked.connect(self._show_span)
            chart.pointed.connect(self._show_pointed)
        training.curves_changed.connect(self._follow)
        training.watched_changed.connect(self._show_others)
        self._show_others()

    def set_palette(self, palette: Palette) -> None:
        """Draw regions in other colours."""
        self._palette = palette
        self._show()

    def _show_others(self) -> None:
        """Show other runs: of several the means, since nine curves say too little."""
        compared = bool(self._training.beside)
        if compared and not self._compared and self._dice == _ALL:
            self._dice = _MEAN
        self._compared = compared
        self._show_span(None)
        self._show()

    def _choose_dice(self, name: str) -> None:
        self._dice = name
        self._show()

    def _choose_over(self, name: str) -> None:
        self._over = name
        self._show_span(None)
        self._show()

    def _show_span(self, span: Span | None) -> None:
        for chart in self.charts.values():
            chart.show_span(span)

    def _show_pointed(self, x: float | None) -> None:
        for chart in self.charts.values():
            chart.show_pointed(x)

    def _show(self) -> None:
        self._dice_choice.show_choice(self._dice)
        self._over_choice.show_choice(self._over)
        for name in self.charts:
            self._show_chart(name)

    def _follow(self) -> None:
        """Show what is new, a chart in each frame, so that none of them takes long; nothing while nobody looks."""
        if self.isVisible():
            self._due = list(self.charts)
            if not self._frame.isActive():
                self._frame.start()

    def _show_next(self) -> None:
        if self._due:
            self._show_chart(self._due.pop(0))
            self._frame.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what has come meanwhile."""
        super().showEvent(event)
        self._show()

    def _show_chart(self, name: str) -> None:
        shown = self._shown()
        over = _Over(_time_unit(shown) if self._over == _TIME else None)
        traces = [trace for run in shown for trace in self._traces(name, run, over)]
        events = [float(over.x(event.step, event.seconds)) for event in self._training.curves.events]
        lasts = [over.x(*last) for run in shown for last in _lasts(run.curves)]
        self.charts[name].show_traces(traces, events, max(lasts, default=0.0), over.say)

    def _traces(self, name: str, run: _Shown, over: _Over) -> list[Trace]:
        curves = run.curves
        x = over.x(curves.step, curves.seconds)
        match name:
            case "dice":
                return self._dice_traces(run, over)
            case "loss":
                return [Trace(run.name, x, curves.loss, run.colour, noisy=True)]
            case _:
                return [Trace(run.name, x, curves.rate, run.colour)]

    def _shown(self) -> list[_Shown]:
        training = self._training
        watched, beside = training.watched, training.beside
        first = [watched] if watched else []
        own = self.palette().color(QPalette.ColorRole.Highlight)
        colours = [own for _ in first] + [compared_colour(place) for place in range(len(beside))]
        return [
            _Shown(run.name if beside else "", training.curves_of(run.folder), colour, dashed=run is not watched)
            for run, colour in zip((*first, *beside), colours, strict=True)
        ]

    def _dice_traces(self, run: _Shown, over: _Over) -> list[Trace]:
        curves = run.curves
        if not curves.dice:
            return []
        x = over.x(curves.validated_step, curves.validated_seconds)
        if self._dice == _MEAN:
            return [Trace(run.name or "Mean", x, curves.mean_dice, run.colour, best=curves.best)]
        if self._dice != _ALL:
            region = Region(self._dice)
            return [Trace(f"{run.name} {region}".strip(), x, curves.dice[region], run.colour, best=curves.best)]
        colours = LABEL_COLOURS[self._palette]
        regions = [
            Trace(f"{run.name} {region}".strip(), x, dice, QColor(*colours[REGION_LABEL[region]]), dashed=run.dashed)
            for region, dice in curves.dice.items()
        ]
        mean = f"{run.name} mean" if run.name else "Mean"
        return [*regions, Trace(mean, x, curves.mean_dice, run.colour, dashed=run.dashed, best=curves.best)]


def _lasts(curves: Curves) -> list[tuple[float, float]]:
    """Step and seconds of the last point and of the last validation."""
    ends = ((curves.step, curves.seconds), (curves.validated_step, curves.validated_seconds))
    return [(float(step[-1]), float(seconds[-1])) for step, seconds in ends if len(step)]


def _time_unit(shown: Sequence[_Shown]) -> float:
    """Seconds of what time is drawn in: minutes, or hours where a curve is long."""
    longest = max((float(run.curves.seconds[-1]) for run in shown if len(run.curves.seconds)), default=0.0)
    return 3600.0 if longest > _LONG_S else 60.0
