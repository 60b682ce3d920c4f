"""A training as it goes: how far it is, its curves beside those of others, a case as it learns, and what it is told."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.controls import Elided, FailureLine, Line, Segments, button
from brats_viewer.curves import Array, Curves
from brats_viewer.display import LABEL_COLOURS, REGION_LABEL, Palette
from brats_viewer.names import duration
from brats_viewer.panels.training_chart import Trace, TrainingChart
from brats_viewer.panels.training_preview import PreviewPicture
from brats_viewer.panels.training_runs import RunList, compared_colour
from brats_viewer.theme import icon
from brats_viewer.training import Run, pace_line, place_line, printed, stage_name, stage_tone, what_it_trains
from brats_viewer.training_session import TrainingSession
from engine.data import Region
from engine.runs.preview import Preview
from engine.runs.state import Command, Stage

_PER_MILLE = 1000
_EVENTS = 40
_WIDE_PX, _MEDIUM_PX = 1060, 700
"""From these widths on three columns stand beside each other, or two."""
_LIST_PX, _SIDE_PX = 232, 264
_MEAN, _ALL = "mean", "all"
_DICE_WORDS = {
    _ALL: ("Regions", "ET, TC and WT of every run that is shown, each in its colour"),
    _MEAN: ("Mean", "The mean of the three regions, by which the best model is kept"),
    **{region.value: (region.value, f"{region.value} alone") for region in Region},
}
_OVER_WORDS = {
    "steps": ("Steps", "Draw the curves over steps of the optimiser"),
    "time": ("Time", "Draw the curves over the time of training"),
}
_ASKED = {Command.PAUSE: "Pausing after this step…", Command.GO: "Going on…", Command.STOP: "Stopping after this step…"}


class TrainingPanel(QWidget):
    """Everything about the watched run, beside the list of all runs."""

    train_asked = Signal()
    """A person wants to train a model."""
    open_asked = Signal()
    """A person wants to choose a run from elsewhere."""
    back_asked = Signal()
    results_asked = Signal(object)
    """The `Run` whose table of validation cases a person wants to see."""
    evaluate_asked = Signal(object)
    """The `Run` whose cases a person wants to see and evaluate on."""
    use_asked = Signal(object)
    """The `Run` whose model a person wants to segment with."""
    folder_asked = Signal(object)
    """The path of a folder that a person wants to see."""

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self._palette, self._dice, self._over, self._compared = Palette.STANDARD, _ALL, "steps", False
        self.setObjectName("training")
        self._name, self._stage, self._about = QLabel(), QLabel(), Elided()
        self._bar, self._place, self._pace = QProgressBar(), QLabel(), Elided()
        self._asked, self._message = Line(tone="muted"), Line()
        self._failed = FailureLine()
        self._pause, self._resume = button("Pause"), button("Resume", "primary")
        self._stop = button("Stop", tip="Keep what it has learnt and end; it can be resumed")
        self._links = {
            name: button(text, "link", tip)
            for name, (text, tip) in {
                "results": ("Results of its validation cases", "The Dice of every validation case, the worst first"),
                "use": ("Segment with this model", "Choose its model for the next segmentation"),
                "evaluate": ("See its cases", "Open its data set as a table, to evaluate the model on"),
                "why": ("Copy details", "Copy what a developer needs to find why it ended"),
                "folder": ("Show its folder", "The run's folder: settings, log, curves, models"),
            }.items()
        }
        self.runs = RunList(training)
        self.picture, self._case = PreviewPicture(), Line(tone="muted")
        self._events = Line(tone="muted")
        self.charts = {
            "dice": TrainingChart(
                "Dice", "{:.3f}".format, tip="Of the validation cases, mean over them; ring: the best"
            ),
            "loss": TrainingChart("Loss", "{:.4f}".format, tip="Faint: as measured; line: its running mean"),
            "rate": TrainingChart("Learning rate", "{:.2e}".format),
        }
        self._dice_choice = Segments("Dice of", _DICE_WORDS, quiet=True)
        self._over_choice = Segments("Curves over", _OVER_WORDS, quiet=True)
        self._pages, self._body = QStackedWidget(), QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._right = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._lay_out()
        self._follow()
        self.show_all()

    # Layout

    def _lay_out(self) -> None:
        self._name.setObjectName("heading")
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._about.setProperty("tone", "muted")
        self._pace.setProperty("tone", "muted")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("How far the training is")
        self._pages.addWidget(self._lay_out_empty())
        self._pages.addWidget(self._lay_out_run())
        content = QWidget()
        content.setObjectName("column")
        self._body.setContentsMargins(16, 12, 16, 12)
        self._body.setSpacing(16)
        self._list = self._lay_out_list()
        self._body.addWidget(self._list)
        self._body.addWidget(self._pages, 1)
        content.setLayout(self._body)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        self._body.setSizeConstraint(QLayout.SizeConstraint.SetMinimumSize)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def _lay_out_list(self) -> QWidget:
        holder = QWidget()
        back = button("Back", tip="Back to the case")
        back.setIcon(icon("arrow-left"))
        back.clicked.connect(self.back_asked)
        train = button("Train a model…", "primary", "Set a training up and start it")
        train.clicked.connect(self.train_asked)
        other = button("Open a run…", "link", "Open the folder of a run that was made elsewhere")
        other.clicked.connect(self.open_asked)
        heading = QLabel("Trainings")
        heading.setObjectName("card-title")
        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(back)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.runs, 1)
        column.addWidget(other)
        column.addWidget(train)
        return holder

    def _lay_out_empty(self) -> QWidget:
        page = QWidget()
        heading = QLabel("Train a model on your own cases")
        heading.setObjectName("heading")
        advice = Line(
            "Choose a folder of cases with truth, press Start, and watch it learn. "
            "A training goes on when the window is closed, and survives a power cut.",
            "muted",
        )
        advice.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        train = button("Train a model…", "primary")
        train.clicked.connect(self.train_asked)
        layout = QVBoxLayout(page)
        layout.setSpacing(12)
        layout.addStretch(1)
        layout.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(advice)
        layout.addWidget(train, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
        return page

    def _lay_out_run(self) -> QWidget:
        page = QWidget()
        main = QHBoxLayout()
        main.setSpacing(16)
        charts = QVBoxLayout()
        charts.setSpacing(6)
        choices = QHBoxLayout()
        choices.setSpacing(16)
        choices.addWidget(self._dice_choice, 3)
        choices.addStretch(1)
        choices.addWidget(self._over_choice, 2)
        charts.addLayout(choices)
        for name, share in (("dice", 5), ("loss", 4), ("rate", 2)):
            charts.addWidget(self.charts[name], share)
        side = QWidget()
        side.setLayout(self._right)
        self._right.setContentsMargins(0, 0, 0, 0)
        self._right.setSpacing(8)
        self._right.addWidget(self.picture, 3)
        said = QVBoxLayout()
        said.addWidget(self._case)
        said.addWidget(self._events)
        said.addStretch(1)
        self._right.addLayout(said, 2)
        self._side = side
        main.addLayout(charts, 1)
        main.addWidget(side)
        self._main = main
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._lay_out_head())
        for part in (self._message, self._asked, self._failed):
            layout.addWidget(part)
        layout.addLayout(self._lay_out_links())
        layout.addLayout(main, 1)
        return page

    def _lay_out_head(self) -> QVBoxLayout:
        head, title, place = QVBoxLayout(), QHBoxLayout(), QHBoxLayout()
        head.setSpacing(6)
        title.setSpacing(12)
        title.addWidget(self._name)
        title.addWidget(self._stage)
        title.addWidget(self._about, 1)
        for control in (self._pause, self._resume, self._stop):
            title.addWidget(control)
        place.setSpacing(16)
        place.addWidget(self._place)
        place.addWidget(self._pace, 1)
        head.addLayout(title)
        head.addWidget(self._bar)
        head.addLayout(place)
        return head

    def _lay_out_links(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(18)
        for link in self._links.values():
            row.addWidget(link)
        row.addStretch(1)
        return row

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put beside each other what there is room for, and the rest below."""
        super().resizeEvent(event)
        direction, width = QBoxLayout.Direction, event.size().width()
        wide, medium = width >= _WIDE_PX, width >= _MEDIUM_PX
        self._main.setDirection(direction.LeftToRight if wide else direction.TopToBottom)
        self._right.setDirection(direction.TopToBottom if wide else direction.LeftToRight)
        self._side.setFixedWidth(_SIDE_PX) if wide else self._side.setMaximumWidth(QWIDGET_MAX)
        self._side.setMinimumWidth(_SIDE_PX if wide else 0)
        self._side.setMinimumHeight(0 if wide else 220)
        self._body.setDirection(direction.LeftToRight if medium else direction.TopToBottom)
        self._list.setFixedWidth(_LIST_PX) if medium else self._list.setMaximumWidth(QWIDGET_MAX)
        self._list.setMinimumWidth(_LIST_PX if medium else 0)
        self._list.setFixedHeight(190) if not medium else self._list.setMaximumHeight(QWIDGET_MAX)
        self._list.setMinimumHeight(0 if medium else 190)

    # What the session says

    def _follow(self) -> None:
        training = self._training
        training.runs_changed.connect(self._show_run)
        training.watched_changed.connect(self.show_all)
        training.curves_changed.connect(self._show_curves)
        training.preview_changed.connect(self._show_preview)
        for lane in (training.starting, training.telling):
            lane.changed.connect(self._show_run)
        self.runs.watch_asked.connect(training.watch)
        self.runs.compare_asked.connect(lambda folder, beside: training.compare(folder, beside=beside))
        self._pause.clicked.connect(self.pause_or_go)
        self._stop.clicked.connect(self.stop)
        self._resume.clicked.connect(self.resume)
        for name, asked in (
            ("results", self.results_asked),
            ("use", self.use_asked),
            ("evaluate", self.evaluate_asked),
        ):
            self._links[name].clicked.connect(partial(self._with_run, asked.emit))
        self._links["why"].clicked.connect(partial(self._with_run, _copy_details))
        self._links["folder"].clicked.connect(lambda: self._with_run(lambda run: self.folder_asked.emit(run.folder)))
        self._dice_choice.chosen.connect(self._choose_dice)
        self._over_choice.chosen.connect(self._choose_over)
        for chart in self.charts.values():
            chart.span_asked.connect(self._show_span)
            chart.pointed.connect(self._show_pointed)

    def _with_run(self, act: Callable[[Run], object], *_: object) -> None:
        run = self._training.watched
        if run:
            act(run)

    def pause_or_go(self) -> None:
        """Let the watched run stand still, or go on."""
        run = self._training.watched
        if run:
            self._training.tell(run.folder, Command.GO if run.stage is Stage.PAUSED else Command.PAUSE)

    def stop(self) -> None:
        """End the watched run and keep what it has learnt."""
        self._with_run(lambda run: self._training.tell(run.folder, Command.STOP))

    def resume(self) -> None:
        """Go on with the watched run where it stopped."""
        self._with_run(lambda run: self._training.resume(run.folder))

    def set_palette(self, palette: Palette) -> None:
        """Draw labels and regions in other colours."""
        if palette is not self._palette:
            self._palette = palette
            self._show_curves()
            self._show_preview()

    def show_all(self) -> None:
        """Show another run, or none, or others beside it: then their means, since nine curves say too little."""
        if self._training.beside and not self._compared and self._dice == _ALL:
            self._dice = _MEAN
        self._compared = bool(self._training.beside)
        self._show_span(None)
        self._show_run()
        self._show_curves()
        self._show_preview()

    def _show_run(self) -> None:
        training, run = self._training, self._training.watched
        self._pages.setCurrentIndex(0 if run is None else 1)
        self._list.setVisible(bool(training.runs) or run is not None)
        lanes = (training.starting, training.telling)
        self._failed.show_failure(next((lane.failure for lane in lanes if lane.failure), None))
        if run is None:
            return
        self._name.setText(run.name)
        self._name.setToolTip(str(run.folder))
        self._about.setText(what_it_trains(run))
        _say(self._stage, stage_name(run.stage), stage_tone(run.stage))
        self._show_progress(run)
        self._place.setText(place_line(run))
        self._pace.setText(pace_line(run))
        self._show_message(run)
        asked = training.asked_of(run.folder)
        self._asked.setText("Starting the process…" if training.starting.is_running else _ASKED[asked] if asked else "")
        self._show_controls(run, asked)

    def _show_progress(self, run: Run) -> None:
        state = run.state
        waits = run.is_alive and run.stage in (Stage.STARTING, Stage.PREPARING) and not (state and state.total)
        self._bar.setRange(0, 0 if waits else _PER_MILLE)
        preparing = run.stage is Stage.PREPARING and state is not None and state.total
        fraction = state.done / state.total if preparing and state else run.fraction
        self._bar.setValue(round(fraction * _PER_MILLE))

    def _show_message(self, run: Run) -> None:
        tone = {Stage.FAILED: "danger", Stage.INTERRUPTED: "warning"}.get(run.stage, "muted")
        said = "" if run.stage is Stage.STOPPED and run.state is None else run.message
        if run.stage is Stage.INTERRUPTED:
            said = (
                "Its process ended without a word: it was killed, or the machine went off. What it had learnt is kept."
            )
        elif run.stage is Stage.STOPPED and not said:
            said = "What it had learnt is kept; it can be resumed."
        _say(self._message, said[:1].upper() + said[1:], tone)

    def _show_controls(self, run: Run, asked: Command | None) -> None:
        paused = run.stage is Stage.PAUSED
        free = asked is None and not self._training.starting.is_running
        for control in (self._pause, self._stop):
            control.setVisible(run.is_alive)
        self._pause.setEnabled(free and run.stage is not Stage.STARTING)
        self._stop.setEnabled(asked is not Command.STOP and run.stage is not Stage.STARTING)
        self._pause.setText("Go on" if paused else "Pause")
        self._pause.setToolTip(
            "Go on with the training" if paused else "Stand still after this step, and keep the memory"
        )
        self._resume.setVisible(run.can_resume)
        self._resume.setEnabled(free)
        self._resume.setToolTip("Go on from its last checkpoint")
        finished = run.stage is Stage.FINISHED
        self._links["why"].setVisible(run.stage in (Stage.FAILED, Stage.INTERRUPTED))
        self._links["results"].setVisible(finished and run.table.is_file())
        self._links["use"].setVisible(finished)
        self._links["evaluate"].setVisible(bool(finished and run.source and run.source.dataset))

    def _show_preview(self) -> None:
        preview = self._training.preview
        self.picture.show_preview(preview, self._palette)
        self._case.setText(preview_line(preview) if preview else "")

    # Curves

    def _choose_dice(self, name: str) -> None:
        self._dice = name
        self._show_curves()

    def _choose_over(self, name: str) -> None:
        self._over = name
        self._show_span(None)
        self._show_curves()

    def _show_span(self, span: tuple[float, float] | None) -> None:
        for chart in self.charts.values():
            chart.show_span(span)

    def _show_pointed(self, x: float | None) -> None:
        for chart in self.charts.values():
            chart.show_pointed(x)

    def _show_curves(self) -> None:
        training = self._training
        self._dice_choice.show_choice(self._dice)
        self._over_choice.show_choice(self._over)
        shown: list[tuple[str, Curves, QColor]] = []
        if training.watched:
            name = training.watched.name if training.beside else ""
            shown.append((name, training.curves, self.palette().color(QPalette.ColorRole.Highlight)))
        shown += [
            (run.name, training.curves_of(run.folder), compared_colour(place))
            for place, run in enumerate(training.beside)
        ]
        events = [
            event.seconds / self._time_unit(shown) if self._over == "time" else float(event.step)
            for event in training.curves.events
        ]
        say_x = self._say_x(shown)
        ends = [self._x(curves.step, curves.seconds, shown) for _, curves, _ in shown]
        end = max((float(x[-1]) for x in ends if len(x)), default=0.0)
        dice = [trace for place, run in enumerate(shown) for trace in self._dice_traces(*run, shown, first=place == 0)]
        self.charts["dice"].show_traces(dice, events, end, say_x)
        for chart, of in (("loss", "loss"), ("rate", "rate")):
            traces = [
                Trace(
                    name, self._x(curves.step, curves.seconds, shown), getattr(curves, of), colour, noisy=of == "loss"
                )
                for name, curves, colour in shown
            ]
            self.charts[chart].show_traces(traces, events, end, say_x)
        self._events.setText(events_text(training.curves))

    def _dice_traces(
        self, name: str, curves: Curves, colour: QColor, shown: list[tuple[str, Curves, QColor]], *, first: bool
    ) -> list[Trace]:
        if not curves.dice:
            return []
        x = self._x(curves.validated_step, curves.validated_seconds, shown)
        if self._dice == _MEAN:
            return [Trace(name or "Mean", x, curves.mean_dice, colour, best=curves.best)]
        if self._dice != _ALL:
            region = Region(self._dice)
            return [Trace(f"{name} {region}".strip(), x, curves.dice[region], colour, best=curves.best)]
        colours = LABEL_COLOURS[self._palette]
        traces = [
            Trace(f"{name} {region}".strip(), x, values, QColor(*colours[REGION_LABEL[region]]), dashed=not first)
            for region, values in curves.dice.items()
        ]
        mean = f"{name} mean" if name else "Mean"
        return [*traces, Trace(mean, x, curves.mean_dice, colour, dashed=not first, best=curves.best)]

    def _x(self, steps: Array, seconds: Array, shown: list[tuple[str, Curves, QColor]]) -> Array:
        return seconds / self._time_unit(shown) if self._over == "time" else steps

    def _time_unit(self, shown: list[tuple[str, Curves, QColor]]) -> float:
        """Seconds of what time is drawn in: minutes, or hours where a curve is longer than two."""
        longest = max((float(curves.seconds[-1]) for _, curves, _ in shown if len(curves.seconds)), default=0.0)
        return 3600.0 if longest > 7200 else 60.0

    def _say_x(self, shown: list[tuple[str, Curves, QColor]]) -> Callable[[float], str]:
        if self._over == "steps":
            return lambda x: f"step {x:,.0f}"
        unit = self._time_unit(shown)
        return lambda x: f"after {duration(max(x, 0.0) * unit)}"

    def sizeHint(self) -> QSize:
        """The whole of the window."""
        return QSize(1200, 760)


QWIDGET_MAX = 16777215
"""Qt's QWIDGETSIZE_MAX: no limit."""


def preview_line(preview: Preview) -> str:
    """Which case the picture is of, and how well it is marked."""
    return f"{preview.case}, step {preview.step:,}\nDice {preview.dice:.3f}"


def events_text(curves: Curves) -> str:
    """What happened, the latest first, a line each."""
    latest = list(reversed(curves.events))[:_EVENTS]
    return "\n".join(f"Step {event.step:,}: {event.text}" for event in latest)


def _copy_details(run: Run) -> None:
    QGuiApplication.clipboard().setText(f"{run.folder}\n{run.message}\n\n{printed(run)}")


def _say(label: QLabel, text: str, tone: str) -> None:
    label.setText(text)
    if label.property("tone") != tone:
        label.setProperty("tone", tone)
        label.style().polish(label)
