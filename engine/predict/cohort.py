"""Many cases, one after the other: the next is made ready and the last is written while the network computes."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Semaphore
from time import perf_counter
from typing import Any

from engine.data import (
    Case,
    CaseFiles,
    DatasetFiles,
    LabelConvention,
    LabelMap,
    Region,
    Segmentation,
    is_prediction,
    load_case,
    output_convention,
    read_labels,
    save_segmentation,
)
from engine.data.mark import read_provenance
from engine.data.save import check_targets
from engine.errors import EngineError, ImageFileError
from engine.lock import FolderLock
from engine.model import DEFAULT_MODEL, ModelCard, find_model
from engine.predict import segment, warm_up
from engine.predict.device import AUTO, choose_device
from engine.progress import Progress, Work

_SILENCE_S = 0.1  # how often a report comes while nothing happens, so that whoever consumes them can close the work


class CaseStatus(StrEnum):
    """What came of a case."""

    SEGMENTED = "segmented"
    EARLIER = "done earlier"
    """Its mask was there already, of the same images, weights, passes and labels."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What came of one case of a data set.

    volumes_ml: of each region in millilitres. seconds: the wall time from loaded arrays to labels, without what it
    waited for the network. remarks: lines for a person. Of a case that failed there is `error`, one line that says why,
    and nothing else.
    """

    id: str
    status: CaseStatus
    mask: Path | None = None
    volumes_ml: Mapping[Region, float] = field(default_factory=dict)
    seconds: float | None = None
    remarks: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class CaseEnded(Progress):
    """The report that comes with the outcome of a case, in the order in which they end."""

    outcome: CaseOutcome = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Cohort:
    """The outcomes of all cases in the order of the data set, those that failed last.

    busy: the share of the wall time in which the network computed, from its first pass over the first case to its last
    over the last; None where none was segmented.
    """

    outcomes: tuple[CaseOutcome, ...]
    busy: float | None


def segment_cohort(
    found: DatasetFiles,
    folder: Path,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    backend: str = AUTO,
    tta: str = "flips",
    convention: LabelConvention | None = None,
    resample: bool = False,
    overwrite: bool = False,
) -> Work[Cohort]:
    """Segment the cases of a data set: a generator that reports the cases done, each with a `CaseEnded`.

    The mask of each is written to `folder` as <id>.nii.gz, with its provenance beside it, in the labels of `convention`
    or as its images are named. A case whose mask is there from an earlier run is not done again, unless its images,
    the model's weights, `tta` or the labels are others than its provenance says. `resample`: as `load_case`.
    `overwrite`: replace files that this program did not write. For model, device, backend and tta see
    `engine.predict.segment`.

    While one case is computed, the next is read and prepared, and the last one's labels are drawn and written, each in
    a thread of its own. So three cases are in memory, of BraTS's size about 0.2 GB each, besides what the network
    takes. Closing the generator stops all; what is computed to its end is still written.

    A case that cannot be read, segmented or saved is an outcome too. What concerns them all is raised: ModelError,
    DeviceError, ImageFileError where the folder cannot be made, FolderInUseError where another run writes into it.
    """
    setup = _Setup(folder, find_model(model), device, backend, tta, convention, resample, overwrite)
    choose_device(device)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"{folder}: cannot be made ({error.strerror or error}); choose another") from error
    with FolderLock(folder), closing(_Line(found, setup)) as line:
        yield from warm_up(model=setup.model, device=device, backend=backend)  # a trial of backends wants to be alone
        return (yield from line.run())


def volumes_ml(labels: LabelMap) -> dict[Region, float]:
    """The volume of each region in millilitres."""
    return {region: int(region.mask(labels.data).sum()) * labels.grid.voxel_ml for region in Region}


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is the same for all cases."""

    folder: Path
    card: ModelCard
    device: str
    backend: str
    tta: str
    convention: LabelConvention | None
    resample: bool
    overwrite: bool

    @property
    def model(self) -> str:
        return str(self.card.folder.resolve())

    def mask(self, files: CaseFiles) -> Path:
        return self.folder / f"{files.id}.nii.gz"

    def labels(self, files: CaseFiles) -> LabelConvention:
        return self.convention or output_convention(files)


class _Run:
    """The segmentation of one case, whose parts are done in three threads: preparing, computing, drawing the labels.

    seconds: what its steps took; `segment` itself would count the time that it waits between them as well.
    """

    def __init__(self, case: Case, work: Work[Segmentation]) -> None:
        self.case: Case = case
        self.seconds = 0.0
        self._work = work
        self._segmentation: Segmentation | None = None

    def advance(self) -> Progress | None:
        """Go on to the next report; None at the end."""
        if self._segmentation is not None:
            return None
        started = perf_counter()
        try:
            return next(self._work)
        except StopIteration as stop:
            self._segmentation = stop.value
            return None
        finally:
            self.seconds += perf_counter() - started

    def finish(self) -> Segmentation:
        """Go on to the end."""
        while self._segmentation is None:
            self.advance()
        return replace(self._segmentation, seconds=self.seconds)

    def close(self) -> None:
        """Let go of it, wherever it stands."""
        self._work.close()


class _Line:
    """Three who work beside each other: this thread runs the network, one reads and prepares, one draws and writes."""

    def __init__(self, found: DatasetFiles, setup: _Setup) -> None:
        self._cases = found.cases
        self._setup = setup
        self._outcomes: list[CaseOutcome] = []
        self._total = len(found.cases) + len(found.unreadable)
        self._ended: SimpleQueue[CaseOutcome] = SimpleQueue()
        for path, why in found.unreadable.items():
            self._ended.put(_failed(str(path.relative_to(found.root)), why))
        self._ready: SimpleQueue[_Run | None] = SimpleQueue()  # None: there are no more
        self._place = Semaphore()  # for a case that waits
        self._stopped = Event()
        self._pool = ThreadPoolExecutor(2, "cohort")
        self._clock = _Clock()

    def run(self) -> Work[Cohort]:
        reading, writing = self._pool.submit(self._read), None
        while (run := (yield from self._next())) is not None:
            try:
                yield from self._compute(run)
            except EngineError as error:
                self._ended.put(_failed(run.case.id, str(error)))
                continue
            if writing is not None:
                yield from self._end_of(writing, run.case.id)
            writing = self._pool.submit(self._write, run)
            del run  # or its images would stay while the next one's come
        for last in (reading, writing):
            if last is not None:
                yield from self._end_of(last, "writing the last mask")
        yield from self._tell()
        order = {files.id: number for number, files in enumerate(self._cases)}
        failed_last = sorted(
            self._outcomes, key=lambda outcome: (outcome.status is CaseStatus.FAILED, order.get(outcome.id, len(order)))
        )
        return Cohort(tuple(failed_last), self._clock.busy)

    def close(self) -> None:
        """End the threads: that which reads as soon as it can, that which writes when all is written."""
        self._stopped.set()
        self._place.release()
        self._pool.shutdown()
        while not self._ready.empty():
            if (run := self._ready.get()) is not None:
                run.close()

    def _next(self) -> Work[_Run | None]:
        """The next case for the network, when it is ready."""
        while True:
            yield from self._tell()
            try:
                run = self._ready.get(timeout=_SILENCE_S)
            except Empty:
                yield self._report("reading images")
                continue
            self._place.release()
            return run

    def _compute(self, run: _Run) -> Work[None]:
        """All passes of the network: until the report of the last."""
        try:
            while True:
                with self._clock.running():
                    progress = run.advance()
                if progress is None or 0 < progress.total == progress.done:
                    return  # where memory was short it reports no total, and begins again with less
                yield from self._tell()
                yield self._report(run.case.id, progress.fraction)
        except GeneratorExit:
            run.close()
            raise

    def _end_of(self, work: Future[None], stage: str) -> Work[None]:
        while not wait([work], _SILENCE_S).done:
            yield from self._tell()
            yield self._report(stage)
        work.result()

    def _tell(self) -> Work[None]:
        """A report of each outcome that there is by now."""
        while not self._ended.empty():
            outcome = self._ended.get()
            self._outcomes.append(outcome)
            report = self._report(outcome.id)
            yield CaseEnded(report.done, report.total, report.stage, report.seconds_left, outcome=outcome)

    def _report(self, stage: str, fraction: float = 0.0) -> Progress:
        done = len(self._outcomes)
        segmented = sum(outcome.status is CaseStatus.SEGMENTED for outcome in self._outcomes)
        pace = self._clock.seconds / segmented if segmented else None
        return Progress(done, self._total, stage, None if pace is None else pace * (self._total - done - fraction))

    def _read(self) -> None:
        """In a thread: make the cases ready that are not done, no more than one ahead."""
        try:
            for files in self._cases:
                self._place.acquire()
                if self._stopped.is_set():
                    return
                try:
                    outcome = _earlier(files, self._setup)
                    if outcome is None:
                        self._prepare(files)
                except EngineError as error:
                    outcome = _failed(files.id, str(error))
                if outcome is not None:
                    self._ended.put(outcome)
                    self._place.release()
        finally:
            self._ready.put(None)

    def _prepare(self, files: CaseFiles) -> None:
        """Load a case and bring it to where the network begins, unless all is to stop before."""
        _check_target(files, self._setup)
        with closing(load_case(files, truth=False, resample=self._setup.resample)) as work:
            while not self._stopped.is_set():
                try:
                    next(work)
                except StopIteration as stop:
                    case: Case = stop.value
                    break
            else:
                return
        setup = self._setup
        steps = segment(case, model=setup.model, device=setup.device, backend=setup.backend, tta=setup.tta)
        run = _Run(case, steps)
        while not self._stopped.is_set():
            progress = run.advance()
            if progress is None or progress.total:  # its first report of passes comes before the first of them
                self._ready.put(run)
                return
        run.close()

    def _write(self, run: _Run) -> None:
        """In a thread: put the labels on the case's grid and save them."""
        case = replace(run.case, images={})
        path = self._setup.mask(case.files)
        try:
            segmentation = run.finish()
            save_segmentation(path, segmentation, case, self._setup.labels(case.files))
        except EngineError as error:
            self._ended.put(_failed(case.id, str(error)))
            return
        remarks = (*case.warnings, *segmentation.notes)
        volumes = volumes_ml(segmentation.labels)
        self._ended.put(
            CaseOutcome(case.id, CaseStatus.SEGMENTED, path, volumes, round(segmentation.seconds, 3), remarks)
        )


class _Clock:
    """How long the network computes, and out of how long."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended = 0.0
        self._computed = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """A step of the network."""
        started = perf_counter()
        self._began = started if self._began is None else self._began
        yield
        self._ended = perf_counter()
        self._computed += self._ended - started

    @property
    def seconds(self) -> float:
        """Since the first step."""
        return 0.0 if self._began is None else perf_counter() - self._began

    @property
    def busy(self) -> float | None:
        """The share of the time from the first step to the last one's end in which the network computed."""
        return self._computed / (self._ended - self._began) if self._began is not None and self._computed else None


def _failed(case: str, error: str) -> CaseOutcome:
    return CaseOutcome(case, CaseStatus.FAILED, error=error)


def _earlier(files: CaseFiles, setup: _Setup) -> CaseOutcome | None:
    """The outcome of an earlier run, if its mask is that which this one would write."""
    path, convention = setup.mask(files), setup.labels(files)
    record = read_provenance(path)
    try:
        if record is None or _made_of(record) != {
            "model": setup.card.sha256,
            "tta": setup.tta,
            "labels": convention.name,
            "mask": _sha256(path),
            **{modality.name: (source.volume, _sha256(source.path)) for modality, source in files.images.items()},
        }:
            return None
        seconds, remarks = float(record["seconds"]), tuple(map(str, record["notes"]))
    except (KeyError, TypeError, ValueError, AttributeError, OSError):
        return None  # a file is gone or of another version: it is done again
    volumes = volumes_ml(read_labels(path, convention))
    return CaseOutcome(files.id, CaseStatus.EARLIER, path, volumes, seconds, remarks)


def _made_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a mask, as its provenance says."""
    return {
        "model": record["model"]["sha256"],
        "tta": record["tta"],
        "labels": record["labels"]["convention"],
        "mask": record["mask"]["sha256"],
        **{name: (image["volume"], image["sha256"]) for name, image in record["inputs"].items()},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_target(files: CaseFiles, setup: _Setup) -> None:
    """Raise, before the case is read, what saving its mask would."""
    path = setup.mask(files)
    if path.exists() and not setup.overwrite and not is_prediction(path):
        raise ImageFileError(
            f"{path}: exists and is no prediction of this program; choose another folder, or --overwrite"
        )
    check_targets(files, path)
