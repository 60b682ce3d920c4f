"""Long work off the window's thread: a `Job` is one piece of it, a `Lane` a kind of which one piece runs at a time."""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError, WorkerError
from engine.progress import Progress, Work

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REPORT_EVERY_S = 0.04


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has no result: one line for the person, and the traceback for whoever is asked for help."""

    line: str
    details: str
    error: Exception


class Job(QObject):
    """Runs a `Work` generator in a thread of its own and says on the window's thread how it goes.

    Exactly one of `finished`, `failed` and `cancelled` comes, last. After `cancel` it is `cancelled`, when the work
    has really stopped, which is after the report that it is at; whatever the work still had to say is dropped.
    """

    progressed = Signal(object)
    """A `Progress`; about 25 a second at most, and each new stage."""
    finished = Signal(object)
    """The work's result."""
    failed = Signal(object)
    """A `Failure`."""
    cancelled = Signal()

    _reported = Signal(object)
    """From the thread to the window, so that everything public happens on the window's thread."""
    _unfinished: ClassVar[set["Job"]] = set()
    """Keeps a running job alive until the window has heard of its end: a QObject must not die in another thread."""

    def __init__(self, work: Work[Any], name: str) -> None:
        super().__init__()
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._reported.connect(self._deliver)

    def start(self) -> None:
        """Begin; returns at once."""
        self._unfinished.add(self)
        self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop, and drop what it may still say."""
        self._stop.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the job has been asked to stop."""
        return self._stop.is_set()

    @classmethod
    def wait_for_all(cls, seconds: float) -> bool:
        """Cancel every job and block until all have stopped or `seconds` have passed; whether all have.

        For the end of the program: nothing that a job still had to say is delivered after this.
        """
        deadline = time.monotonic() + seconds
        for job in cls._unfinished:
            job.cancel()
        for job in tuple(cls._unfinished):
            if job.wait(max(0.0, deadline - time.monotonic())):
                cls._unfinished.discard(job)
        return not cls._unfinished

    def wait(self, seconds: float) -> bool:
        """Block until the work has stopped or `seconds` have passed; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._reported.emit(self._outcome())

    def _outcome(self) -> "_Result | Failure | None":
        """Run the work to its end; None if it was cancelled."""
        latest, stage = 0.0, None
        try:
            while not self._stop.is_set():
                progress = next(self._work)
                if progress.stage != stage or time.monotonic() - latest >= _REPORT_EVERY_S:
                    latest, stage = time.monotonic(), progress.stage
                    self._reported.emit(progress)
            self._work.close()
        except StopIteration as stop:
            return _Result(stop.value)
        except EngineError as error:
            _log.info("%s: %s", self._thread.name, error)
            return Failure(str(error), _details(error), error)
        except Exception as error:  # noqa: BLE001 - a bug in the work must not leave the window waiting for its end
            _log.exception("%s failed", self._thread.name)
            line = f"This should not have happened ({type(error).__name__}: {error}); the log has the details"
            return Failure(" ".join(line.split()), _details(error), error)
        return None

    def _deliver(self, report: "Progress | _Result | Failure | None") -> None:
        if isinstance(report, Progress):
            if not self.is_cancelled:
                self.progressed.emit(report)
            return
        self._thread.join()
        self._unfinished.discard(self)
        if self.is_cancelled or report is None:
            self.cancelled.emit()
        elif isinstance(report, _Result):
            self.finished.emit(report.value)
        else:
            self.failed.emit(report)


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    value: Any


class Lane(QObject):
    """Work of one kind: shows how the latest piece of it goes, and lets a new one take its place."""

    changed = Signal()
    """It began, is being stopped, or ended."""
    progressed = Signal()
    """It got further."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._job: Job | None = None
        self._take: Callable[[Any], None] = lambda _: None
        self._progress: Progress | None = None
        self._failure: Failure | None = None

    @property
    def progress(self) -> Progress | None:
        """How far the running work is; None if none runs."""
        return self._progress

    @property
    def is_running(self) -> bool:
        """Whether work runs, or is still about to stop."""
        return self._job is not None

    @property
    def is_stopping(self) -> bool:
        """Whether the running work has been told to stop and has not yet."""
        return self._job is not None and self._job.is_cancelled

    @property
    def failure(self) -> Failure | None:
        """Why the latest work has no result; None if it has one, runs, or was cancelled."""
        return self._failure

    def start(self, work: Work[Any], take: Callable[[Any], None]) -> None:
        """Run `work` and give its result to `take`; what still runs here is cancelled and its result dropped."""
        self._forget()
        job = Job(work, self._name)
        job.progressed.connect(self._progressed)
        job.finished.connect(self._finished)
        job.failed.connect(self._failed)
        job.cancelled.connect(self._cancelled)
        self._job, self._take, self._failure = job, take, None
        self._progress = Progress(0, 0, "starting")
        job.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Ask the running work to stop; `changed` says when it has."""
        if self._job and not self._job.is_cancelled:
            self._job.cancel()
            self.changed.emit()

    def clear(self) -> None:
        """Cancel what runs without waiting for its end, and forget how the latest work went."""
        self._forget()
        self._progress, self._failure = None, None
        self.changed.emit()

    def _forget(self) -> None:
        if self._job:
            self._job.progressed.disconnect(self._progressed)
            self._job.finished.disconnect(self._finished)
            self._job.failed.disconnect(self._failed)
            self._job.cancelled.disconnect(self._cancelled)
            self._job.cancel()
            self._job = None

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress
        self.progressed.emit()

    def _finished(self, result: Any) -> None:
        take = self._end()
        try:
            take(result)
        finally:
            self.changed.emit()

    def _failed(self, failure: Failure) -> None:
        self._end()
        self._failure = failure
        self.changed.emit()

    def _cancelled(self) -> None:
        self._end()
        self.changed.emit()

    def _end(self) -> Callable[[Any], None]:
        take = self._take
        self._job, self._progress, self._take = None, None, lambda _: None
        return take


def as_work(stage: str, function: Callable[..., T], *arguments: Any, **options: Any) -> Work[T]:
    """A plain function's call as `Work` of one step, for what takes a while but has nothing to report."""
    yield Progress(0, 0, stage)
    return function(*arguments, **options)


def _details(error: Exception) -> str:
    """The traceback, after that of the other process where the work failed there."""
    there = f"{error.details}\n" if isinstance(error, WorkerError) and error.details else ""
    return there + "".join(traceback.format_exception(error))
