"""Many cases, one after the other: the next is read and the last one's mask is written while the network computes."""

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
from engine.predict import segment
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

    volumes_ml: of each region in millilitres. seconds: the wall time from loaded arrays to labels. remarks: lines for
    a person. Of a case that failed there is `error`, one line that says why, and nothing else.
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

    busy: the share of the wall time in which the network computed, from the first case being in memory to the last
    one's logits; None where none was segmented.
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

    Besides the case that is computed no more than one is in memory that waits to be, and one mask that is written.
    Closing the generator stops all; a mask that is complete is still written.

    A case that cannot be read, segmented or saved is an outcome too. What concerns them all is raised: ModelError,
    DeviceError, ImageFileError where the folder cannot be made, FolderInUseError where another run writes into it.
    """
    from engine.model.bundle import load_network

    setup = _Setup(folder, find_model(model), tta, convention, resample, overwrite)
    choose_device(device)
    load_network(setup.card)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileError(f"{folder}: cannot be made ({error.strerror or error}); choose another") from error
    with FolderLock(folder), closing(_Line(found, setup)) as line:
        return (yield from line.run(device, backend))


def volumes_ml(labels: LabelMap) -> dict[Region, float]:
    """The volume of each region in millilitres."""
    return {region: int(region.mask(labels.data).sum()) * labels.grid.voxel_ml for region in Region}


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is the same for all cases."""

    folder: Path
    card: ModelCard
    tta: str
    convention: LabelConvention | None
    resample: bool
    overwrite: bool

    def mask(self, files: CaseFiles) -> Path:
        return self.folder / f"{files.id}.nii.gz"

    def labels(self, files: CaseFiles) -> LabelConvention:
        return self.convention or output_convention(files)


class _Line:
    """Three who work beside each other: this thread computes, one of two others reads, the other writes."""

    def __init__(self, found: DatasetFiles, setup: _Setup) -> None:
        self._cases = found.cases
        self._setup = setup
        self._outcomes: list[CaseOutcome] = []
        self._total = len(found.cases) + len(found.unreadable)
        self._ended: SimpleQueue[CaseOutcome] = SimpleQueue()
        for path, why in found.unreadable.items():
            self._ended.put(_failed(str(path.relative_to(found.root)), why))
        self._loaded: SimpleQueue[Case | None] = SimpleQueue()  # None: there are no more
        self._place = Semaphore()  # for a case that waits
        self._stopped = Event()
        self._pool = ThreadPoolExecutor(2, "cohort")
        self._clock = _Clock()

    def run(self, device: str, backend: str) -> Work[Cohort]:
        reading, writing = self._pool.submit(self._read), None
        while (case := (yield from self._next())) is not None:
            try:
                segmentation = yield from self._segment(case, device, backend)
            except EngineError as error:
                self._ended.put(_failed(case.id, str(error)))
                continue
            if writing is not None:
                yield from self._end_of(writing, case.id)
            writing = self._pool.submit(self._write, segmentation, replace(case, images={}))
            del case  # or its images would stay while the next one's come
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

    def _next(self) -> Work[Case | None]:
        """The next case to be computed, when it is loaded."""
        while True:
            yield from self._tell()
            try:
                case = self._loaded.get(timeout=_SILENCE_S)
            except Empty:
                yield self._report("reading images")
                continue
            self._place.release()
            return case

    def _segment(self, case: Case, device: str, backend: str) -> Work[Segmentation]:
        model = str(self._setup.card.folder.resolve())
        computing = False
        with closing(segment(case, model=model, device=device, backend=backend, tta=self._setup.tta)) as work:
            while True:
                try:
                    with self._clock.running(computing):
                        progress = next(work)
                except StopIteration as stop:
                    segmentation: Segmentation = stop.value
                    return segmentation
                computing = progress.done < progress.total  # between its first report of windows and the last
                yield from self._tell()
                yield self._report(case.id, progress.fraction)

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
        """In a thread: load the cases that are not done, no more than one ahead."""
        try:
            for files in self._cases:
                self._place.acquire()
                if self._stopped.is_set():
                    return
                try:
                    ready = _earlier(files, self._setup) or self._load(files)
                except EngineError as error:
                    ready = _failed(files.id, str(error))
                if ready is None:
                    return
                if isinstance(ready, Case):
                    self._loaded.put(ready)
                else:
                    self._ended.put(ready)
                    self._place.release()
        finally:
            self._loaded.put(None)

    def _load(self, files: CaseFiles) -> Case | None:
        """The case; None if all is to stop before it is loaded."""
        _check_target(files, self._setup)
        with closing(load_case(files, truth=False, resample=self._setup.resample)) as work:
            while not self._stopped.is_set():
                try:
                    next(work)
                except StopIteration as stop:
                    case: Case = stop.value
                    return case
        return None

    def _write(self, segmentation: Segmentation, case: Case) -> None:
        """In a thread: save the mask."""
        path = self._setup.mask(case.files)
        try:
            save_segmentation(path, segmentation, case, self._setup.labels(case.files))
        except EngineError as error:
            self._ended.put(_failed(case.id, str(error)))
            return
        self._ended.put(
            CaseOutcome(
                case.id,
                CaseStatus.SEGMENTED,
                path,
                volumes_ml(segmentation.labels),
                segmentation.seconds,
                (*case.warnings, *segmentation.notes),
            )
        )


class _Clock:
    """How long the network computes, and out of how long."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._ended = 0.0
        self._computed = 0.0

    @contextmanager
    def running(self, computing: bool) -> Iterator[None]:
        """A step of a segmentation, in which the network is `computing`."""
        started = perf_counter()
        self._began = started if self._began is None else self._began
        yield
        if computing:
            self._ended = perf_counter()
            self._computed += self._ended - started

    @property
    def seconds(self) -> float:
        """Since the first step."""
        return 0.0 if self._began is None else perf_counter() - self._began

    @property
    def busy(self) -> float | None:
        """The share of the time from the first step to the last one's end in which the network computed."""
        return None if self._began is None or not self._computed else self._computed / (self._ended - self._began)


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
