"""The trainings that a person has: which runs there are, the one that is watched, and what they are told to do.

A training is a process of its own, and its run's folder is all that passes between it and the window: this session
looks into the folder again and again, in a thread, and neither waits for the training nor ends with it. It stands
beside the session of the open case and knows neither it nor any widget.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from PySide6.QtCore import QObject, QTimer, Signal

from brats_viewer.curves import NO_CURVES, CurveReader, Curves
from brats_viewer.job import Lane, as_work
from brats_viewer.remote import RunIsolated
from brats_viewer.training import Run, find_runs, look_at
from engine.data import Modality
from engine.data.dataset_check import DatasetCheck
from engine.lock import holder
from engine.progress import Progress, Work
from engine.runs.estimate import Estimate
from engine.runs.folder import Source, create
from engine.runs.launch import launch
from engine.runs.preview import PREVIEW_FILE, Preview, read_preview
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage, read_state, tell

CHECK = "engine.data.dataset_check:check_dataset"
ESTIMATE = "engine.train.estimate:estimate"
CUDA_MEMORY = "torch.cuda:mem_get_info"

LOOK_EVERY_MS = 500
"""While a run is alive: it says where it is once a second."""
LOOK_SELDOM_MS = 4000
_RELEASED_WITHIN_S, _DOUBTED_S = 5.0, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the look of that number found: all runs, the latest first, and the curves and the preview of some."""

    order: int
    runs: tuple[Run, ...]
    curves: Mapping[Path, Curves]
    preview: Preview | None


class TrainingSession(QObject):
    """Looks at the runs, checks and estimates what may become one, and starts, pauses, stops and resumes them."""

    runs_changed = Signal()
    """Other runs, or one of them is elsewhere than before."""
    watched_changed = Signal()
    """Another run is watched, or beside others."""
    curves_changed = Signal()
    preview_changed = Signal()
    run_started = Signal(object)
    """The `Run` whose training has been started or resumed from here."""
    run_found = Signal(object)
    """A `Run` that was alive already when it was first looked at."""
    run_ended = Signal(object)
    """A `Run` that was alive at the last look and is over now."""
    check_changed = Signal()
    """A data set has been checked, or another is to be."""
    estimate_changed = Signal()
    memory_changed = Signal()

    def __init__(
        self,
        run_isolated: RunIsolated,
        free_engine: Callable[[], None],
        elsewhere: Sequence[Path] = (),
        parent: QObject | None = None,
    ) -> None:
        """free_engine: ends the engine's idle process. elsewhere: runs outside of the person's folder of runs."""
        super().__init__(parent)
        self._run_isolated, self._free_engine = run_isolated, free_engine
        self.looking = Lane("look at trainings", self)
        self.starting = Lane("start training", self)
        self.telling = Lane("tell training", self)
        self.checking = Lane("check data set", self)
        self.estimating = Lane("estimate training", self)
        self.measuring = Lane("measure memory", self)
        self._elsewhere = list(elsewhere)
        self._runs: tuple[Run, ...] | None = None
        self._watched: Path | None = None
        self._beside: tuple[Path, ...] = ()
        self._readers: dict[Path, CurveReader] = {}
        self._preview = _PreviewReader()
        self._seen = _Seen(0, (), {}, None)
        self._order = 0
        self._asked: tuple[Path, Command] | None = None
        self._check: DatasetCheck | None = None
        self._estimate: Estimate | None = None
        self._free_bytes: dict[str, int] = {}
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)

    # Looking

    def look(self) -> None:
        """Look now, unless a look has not come back yet, and from now on; what is new is told by the signals."""
        if not self.looking.is_running:
            known, readers, alive = tuple(self._elsewhere), dict(self._readers), {run.folder for run in self.alive}
            work = as_work("looking at trainings", _look, self._order, known, alive, readers, self._preview)
            self.looking.start(work, self._take_look)
        self._timer.start(LOOK_EVERY_MS if self.alive else LOOK_SELDOM_MS)

    def _look_anew(self) -> None:
        """Look again, and take nothing from a look that has not come back yet: it is of how things were before."""
        self._order += 1
        self.look()

    def _take_look(self, seen: _Seen) -> None:
        if seen.order != self._order:
            self.look()
            return
        before, self._seen = self._seen, seen
        known, self._runs = self._runs, seen.runs
        self._timer.start(LOOK_EVERY_MS if self.alive else LOOK_SELDOM_MS)
        self._forget_asked()
        if seen.runs != known:
            self.runs_changed.emit()
        if any(seen.curves.get(path) is not before.curves.get(path) for path in self._readers):
            self.curves_changed.emit()
        if seen.preview is not before.preview:
            self.preview_changed.emit()
        alive_before = {run.folder for run in known or () if run.is_alive}
        for run in seen.runs:
            if run.folder in alive_before and not run.is_alive:
                self.run_ended.emit(run)
            elif known is None and run.is_alive:
                self.run_found.emit(run)

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs that are known, those begun last first; none before the first look."""
        return self._runs or ()

    @property
    def alive(self) -> tuple[Run, ...]:
        """Those in which a process trains."""
        return tuple(run for run in self.runs if run.is_alive)

    def run(self, folder: Path) -> Run | None:
        """The run in `folder`, as it was last looked at."""
        return next((run for run in self.runs if run.folder == folder), None)

    # Watching

    @property
    def watched(self) -> Run | None:
        """The run that is watched; None where none is."""
        return self.run(self._watched) if self._watched else None

    @property
    def beside(self) -> tuple[Run, ...]:
        """The runs that are compared with the watched one."""
        return tuple(run for run in self.runs if run.folder in self._beside)

    @property
    def curves(self) -> Curves:
        """Those of the watched run."""
        return self.curves_of(self._watched) if self._watched else NO_CURVES

    def curves_of(self, folder: Path) -> Curves:
        """Those of a run that is watched or compared."""
        return self._seen.curves.get(folder, NO_CURVES)

    @property
    def preview(self) -> Preview | None:
        """The slice that the watched run shows of itself."""
        return self._seen.preview

    def watch(self, folder: Path | None) -> None:
        """Watch the run in `folder`, or none."""
        if folder != self._watched:
            self._watched = folder
            self._beside = tuple(other for other in self._beside if other != folder)
            self._preview.folder = folder
            self._read_curves()

    def compare(self, folder: Path, *, beside: bool) -> None:
        """Show the curves of the run in `folder` beside the watched one's, or no more."""
        others = tuple(other for other in self._beside if other != folder)
        self._beside = (*others, folder) if beside and folder != self._watched else others
        self._read_curves()

    def _read_curves(self) -> None:
        wanted = [folder for folder in (self._watched, *self._beside) if folder]
        self._readers = {folder: self._readers.get(folder) or CurveReader(folder) for folder in wanted}
        self._seen = replace(self._seen, preview=None)
        self.watched_changed.emit()
        self._look_anew()

    def open_run(self, folder: Path) -> None:
        """Know the run in `folder`, wherever that is, and watch it."""
        if folder not in self._elsewhere:
            self._elsewhere.append(folder)
        self.watch(folder)

    @property
    def elsewhere(self) -> tuple[Path, ...]:
        """The runs that were opened from elsewhere, or made there."""
        return tuple(self._elsewhere)

    # Before a training

    def check(self, dataset: Path, modalities: Sequence[Modality]) -> None:
        """Look through all cases of a data set for what a training on these modalities could not use."""
        self._set_check(None)
        self.checking.start(self._run_isolated(CHECK, dataset, tuple(modalities)), self._set_check)

    def forget_check(self) -> None:
        """There is no data set to check any more."""
        self.checking.clear()
        self._set_check(None)

    def _set_check(self, check: DatasetCheck | None) -> None:
        self._check = check
        self.check_changed.emit()

    @property
    def checked(self) -> DatasetCheck | None:
        """What the check found; None until it has."""
        return self._check

    def estimate(self, config: TrainConfig, dataset: Path | None, device: str) -> None:
        """Measure on two real steps what a training would cost."""
        self._set_estimate(None)
        self.estimating.start(self._run_isolated(ESTIMATE, config, dataset, device), self._set_estimate)

    def forget_estimate(self) -> None:
        """What was measured does not hold any more."""
        if self._estimate or self.estimating.is_running or self.estimating.failure:
            self.estimating.clear()
            self._set_estimate(None)

    def _set_estimate(self, estimate: Estimate | None) -> None:
        self._estimate = estimate
        self.estimate_changed.emit()

    @property
    def estimated(self) -> Estimate | None:
        """What was measured; None until it is."""
        return self._estimate

    def measure_memory(self, devices: Sequence[str]) -> None:
        """Ask how much memory is free on each device."""
        self.measuring.start(self._measure_memory(tuple(devices)), self._take_memory)

    def _measure_memory(self, devices: Sequence[str]) -> Work[dict[str, int]]:
        yield Progress(0, 0, "measuring memory")
        free = {"cpu": int(psutil.virtual_memory().available)}
        for device in devices:
            kind, _, number = device.partition(":")
            if kind == "cuda":
                free[device] = (yield from self._run_isolated(CUDA_MEMORY, int(number or 0)))[0]
        return free

    def _take_memory(self, free_bytes: dict[str, int]) -> None:
        self._free_bytes = free_bytes
        self.memory_changed.emit()

    @property
    def free_bytes(self) -> Mapping[str, int]:
        """How much memory is free, by the devices' names; none before it has been measured."""
        return self._free_bytes

    # A training

    def start(self, folder: Path, config: TrainConfig, source: Source) -> None:
        """Make a run's folder and train in it; `run_started` follows, or the lane fails.

        What the engine's process holds of the device is freed before.
        """
        work = as_work("starting the training", _begin, folder, config, source, self._free_engine)
        self.starting.start(work, self._take_started)

    def resume(self) -> None:
        """Go on with the watched run, which was stopped, failed or interrupted, from its last checkpoint."""
        if self._watched:
            work = as_work("resuming the training", _go_on, self._watched, self._free_engine)
            self.starting.start(work, self._take_started)

    def _take_started(self, run: Run) -> None:
        if run.folder not in [known.folder for known in self.runs]:
            self._elsewhere.append(run.folder)
        others = [known for known in self.runs if known.folder != run.folder]
        self._runs = tuple(sorted((run, *others), key=_latest_first))
        self.watch(run.folder)
        self.runs_changed.emit()
        self.run_started.emit(run)
        self._look_anew()

    def pause_or_go(self) -> None:
        """Let the watched run stand still, or go on."""
        run = self.watched
        if run:
            self.tell(run.folder, Command.GO if run.stage is Stage.PAUSED else Command.PAUSE)

    def stop(self) -> None:
        """End the watched run and keep what it has learnt."""
        if self._watched:
            self.tell(self._watched, Command.STOP)

    def tell(self, folder: Path, command: Command) -> None:
        """Ask a run to pause, to go on, or to stop; it obeys after the step it is in."""
        self._asked = folder, command
        self.telling.start(as_work("telling the training", tell, folder, command), lambda _: None)
        self.runs_changed.emit()

    def tell_now(self, folder: Path, command: Command) -> None:
        """Ask a run for something before this returns: for the end of the window, when no other work is begun."""
        tell(folder, command)

    def asked_of(self, folder: Path) -> Command | None:
        """What a run has been told and has not done yet."""
        return self._asked[1] if self._asked and self._asked[0] == folder else None

    def _forget_asked(self) -> None:
        run = self.run(self._asked[0]) if self._asked else None
        if self._asked and run:
            done = {
                Command.PAUSE: run.stage is Stage.PAUSED,
                Command.GO: run.stage is not Stage.PAUSED,
                Command.STOP: False,
            }
            if run.stage.over or done[self._asked[1]]:
                self._asked = None
                self.runs_changed.emit()

    def close(self) -> None:
        """Look no more, and stop all work here, without waiting for its end; trainings go on."""
        self._timer.stop()
        for lane in (self.looking, self.starting, self.telling, self.checking, self.estimating, self.measuring):
            lane.clear()


class _PreviewReader:
    """The preview of a run, the same object until its file is another."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._last: tuple[Path, int, Preview | None] | None = None

    def read(self) -> Preview | None:
        """The preview as the file has it now; None where there is none."""
        folder = self.folder
        if folder is None:
            return None
        try:
            written = (folder / PREVIEW_FILE).stat().st_mtime_ns
        except OSError:
            return None
        if self._last is None or self._last[:2] != (folder, written):
            self._last = folder, written, read_preview(folder)
        return self._last[2]


def _latest_first(run: Run) -> tuple[float, str]:
    return -run.begun, run.name


def _look(
    order: int,
    elsewhere: Sequence[Path],
    alive: Collection[Path],
    readers: Mapping[Path, CurveReader],
    preview: _PreviewReader,
) -> _Seen:
    runs = sorted((_look_at(folder, alive) for folder in find_runs(elsewhere)), key=_latest_first)
    return _Seen(order, tuple(runs), {folder: reader.read() for folder, reader in readers.items()}, preview.read())


def _look_at(folder: Path, alive: Collection[Path]) -> Run:
    """What a run says; one that was alive is looked at twice before it counts as interrupted.

    For a moment, in which a process takes the folder over from who launched it, nobody seems to hold it.
    """
    run = look_at(folder)
    if run.stage is Stage.INTERRUPTED and folder in alive:
        time.sleep(_DOUBTED_S)
        run = look_at(folder)
    return run


def _begin(folder: Path, config: TrainConfig, source: Source, free_engine: Callable[[], None]) -> Run:
    create(folder, config, source)
    return _go_on(folder, free_engine)


def _go_on(folder: Path, free_engine: Callable[[], None]) -> Run:
    free_engine()
    _await_release(folder)
    launch(folder)
    return look_at(folder)


def _await_release(folder: Path) -> None:
    """Wait for a process that has said that its run is over, and lets go of the folder a moment later."""
    state, deadline = read_state(folder), time.monotonic() + _RELEASED_WITHIN_S
    while state and state.stage.over and holder(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
