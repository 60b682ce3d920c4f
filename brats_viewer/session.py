"""The one mutable document of the viewer, with the work that changes it: open, segment, score, save.

Work goes in lanes, one for each kind, which show how far it is. A result knows its case: what was computed for a case
that is no longer open is dropped. The session knows no widget; where only a person can decide, it asks by a signal.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from PySide6.QtCore import QObject, Signal

from brats_viewer.document import Document, Index, Levels, Overlay, Reading
from brats_viewer.job import Job, Lane, as_work
from brats_viewer.remote import (
    AUTO_DEVICE,
    DEVICES,
    KEEP,
    MODELS,
    SEGMENT,
    SEGMENT_KEPT,
    TTA_TITLES,
    Device,
    Isolated,
    Model,
)
from engine.data import (
    Case,
    CaseFiles,
    Grid,
    LabelConvention,
    LabelMap,
    Segmentation,
    case_warnings,
    find_case,
    find_dataset,
    load_case,
    load_labels,
    output_convention,
    save_segmentation,
)
from engine.data.mark import read_summary
from engine.data.nifti import open_nifti, read_header
from engine.errors import CaseError, EngineError, GridMismatchError, LabelConventionError
from engine.progress import Progress, Work
from engine.score import Comparison, compare

__all__ = ["Index", "Levels", "Overlay", "Plan", "Reading", "Session"]

_STOP_WITHIN_S = 6.0
_KEPT_READY = 3
_HIGHEST_LABEL, _MOST_LABELS = 255, 16
"""What an image has more of, though it may be stored as integers too."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the next segmentation is to be made: names of a model, a device and a test-time augmentation."""

    model: str = ""
    device: str = AUTO_DEVICE
    tta: str = "flips"


class Session(Document):
    """The open case, how it is shown, and the work on it."""

    files_found = Signal(object)
    """`CaseFiles` that `open` found; whoever agrees to leave the open case for them calls `load`."""
    cohort_found = Signal(object)
    """The path of a folder of several cases that `open` was given."""
    labels_found = Signal(object)
    """The path of a label map of the open case that `receive` was given; whoever can ask what its integers mean calls
    `open_labels`."""
    decision_needed = Signal(object, object)
    """`CaseFiles` that cannot be loaded as they are, and the error that says why: a `LabelConventionError` (which
    integer means which label?) or a `GridMismatchError` (resample the images to one grid?)."""
    engine_surveyed = Signal()
    """The models and devices are known."""
    plan_changed = Signal()
    warnings_changed = Signal()
    """The open case's voxels have been looked through."""
    comparison_changed = Signal()
    """The pair of label maps has been compared, or there is none that has."""

    def __init__(self, worker: Isolated | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = worker
        self._worker_free = threading.Lock()
        self.opening = Lane("open", self)
        self.segmenting = Lane("segment", self)
        self.readying = Lane("make ready", self)
        self.scoring = Lane("score", self)
        self.saving = Lane("save", self)
        self.exporting = Lane("export", self)
        self.surveying = Lane("survey", self)
        self.reading_in = Lane("read labels", self)
        self.preloading = Lane("preload", self)
        self.checking = Lane("check", self)
        self._found: tuple[Path, CaseFiles] | None = None
        self._models: tuple[Model, ...] = ()
        self._devices: tuple[Device, ...] = ()
        self._plan = Plan()
        self._comparison: Comparison | None = None
        self._compared: tuple[LabelMap, LabelMap] | None = None
        self._found_wrong: tuple[str, ...] = ()
        self._key = ""
        self._readied: tuple[str, str, str] | None = None
        self._ready: tuple[Case, ...] = ()
        self._wanted: tuple[CaseFiles, ...] = ()
        self.readings_changed.connect(self._compare)

    # Opening

    def open(self, path: Path) -> None:
        """Look for a case at `path`, a folder or an image of it; `files_found` follows, or the lane fails.

        Of a folder that holds several cases it says so by `cohort_found`.
        """
        work = as_work(f"looking for images in {path.name}", _find, path)
        self.opening.start(work, partial(self._take_found, path))

    def receive(self, path: Path) -> None:
        """Take what was dropped on the window: `labels_found` follows for labels on the open case's grid.

        Anything else is opened, as by `open`.
        """
        case = self._case
        if case is None or not path.is_file():
            self.open(path)
        else:
            work = as_work(f"looking into {path.name}", _holds_labels, path, case.native)
            self.opening.start(work, partial(self._take_received, path, case))

    def _take_received(self, path: Path, case: Case, holds_labels: bool) -> None:
        if holds_labels and self._case is case:
            self.labels_found.emit(path)
        else:
            self.open(path)

    def _take_found(self, path: Path, files: CaseFiles | None) -> None:
        if files is None:
            self.cohort_found.emit(path)
            return
        self._found = path, files
        self.files_found.emit(files)

    @property
    def opened_path(self) -> Path | None:
        """What to open to have this case again: its folder, or the image of it that was opened; None without a case."""
        if self._case is None:
            return None
        case = self._case.files
        path, files = self._found or (case.folder, case)
        if (files.folder, files.id) == (case.folder, case.id):
            return path
        alone = case.id.casefold() in case.folder.name.casefold()  # else the folder has other cases' files as well
        return case.folder if alone else next(iter(case.images.values())).path

    def load(self, files: CaseFiles, *, resample: bool = False, truth: bool = True) -> None:
        """Load the images and show them in place of the open case; if that fails, it stays as it is."""
        ready = next((case for case in self._ready if case.files == files), None)
        if ready and truth and not resample:
            self.opening.clear()
            self.set_case(ready)
        else:
            self.opening.start(_load(files, resample=resample, truth=truth), self._take_loaded)

    def preload(self, wanted: Sequence[CaseFiles]) -> None:
        """Read cases that are likely to be opened next, in this order, so that `load` has them at once.

        Others that are ready are let go. A case that cannot be read is left to `load`, which says why.
        """
        self.preloading.clear()
        self._wanted = tuple(wanted)
        self._ready = tuple(case for case in self._ready if case.files in wanted)
        self._read_next()

    def _read_next(self) -> None:
        ready = [case.files for case in self._ready]
        files = next((files for files in self._wanted if files not in ready), None)
        if files:
            self.preloading.start(_load_or_none(files), partial(self._keep_ready, files))

    def _keep_ready(self, files: CaseFiles, case: Case | None) -> None:
        if case:
            self._ready += (case,)
        else:
            self._wanted = tuple(other for other in self._wanted if other != files)
        self._read_next()

    def _take_loaded(self, loaded: "Case | _Undecided") -> None:
        if isinstance(loaded, Case):
            self.set_case(loaded)
        else:
            self.decision_needed.emit(loaded.files, loaded.error)

    def set_case(self, case: Case | None) -> None:
        """Show another case; the work on the one before is stopped, and what it still yields is dropped."""
        for lane in (self.segmenting, self.readying, self.reading_in, self.checking):
            lane.clear()
        self._found_wrong = ()
        self._key = uuid4().hex
        left = self._case
        if left and bool(left.truth) is bool(left.files.truth):  # it may be wanted again; `preload` says
            self._ready = (*self._ready, left)[-_KEPT_READY:]
        super().set_case(case)
        if case:
            work = as_work("looking through the images", case_warnings, case.images, case.truth)
            self.checking.start(work, self._take_warnings)

    def _take_warnings(self, found: tuple[str, ...]) -> None:
        self._found_wrong = found
        self.warnings_changed.emit()
        self._make_ready()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to beware of in the open case; what its voxels tell comes a moment after it is open."""
        return tuple(dict.fromkeys((*(self._case.warnings if self._case else ()), *self._found_wrong)))

    # Segmenting

    def survey(self) -> None:
        """Start the engine's process and ask for its models and devices; `engine_surveyed` follows, or a failure."""
        self.surveying.start(self._survey(), self._take_survey)

    def _survey(self) -> Work[tuple[list[Model], list[Device]]]:
        models = yield from self.run_isolated(MODELS)
        devices = yield from self.run_isolated(DEVICES)
        return models, devices

    def _take_survey(self, found: tuple[list[Model], list[Device]]) -> None:
        models, devices = found
        self._models, self._devices = tuple(models), tuple(devices)
        self.set_plan(self._plan.model, self._plan.device, self._plan.tta)
        self.engine_surveyed.emit()
        self._make_ready()

    def _make_ready(self) -> None:
        """Let the engine take the open case and load the model while the person looks, so that Segment begins at once.

        The images are shown and looked through first. What goes wrong is left to `segment`, which says it.
        """
        case, plan = self._case, self._plan
        asked = self._key, plan.model, plan.device
        if case is not None and self.can_segment and not self.checking.is_running and asked != self._readied:
            self._readied = asked
            work = self.run_isolated(KEEP, self._key, replace(case, truth=None), model=plan.model, device=plan.device)
            self.readying.start(work, lambda _: None)

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that there are; none before the survey."""
        return self._models

    @property
    def devices(self) -> tuple[Device, ...]:
        """The devices that there are; none before the survey."""
        return self._devices

    @property
    def plan(self) -> Plan:
        """How the next segmentation will be made."""
        return self._plan

    @property
    def model(self) -> Model | None:
        """The model of the plan; None where there is none of that name."""
        return next((model for model in self._models if model.name == self._plan.model), None)

    def set_plan(self, model: str, device: str, tta: str) -> None:
        """Choose how to segment next; a name that the survey did not find gives way to the first or automatic one."""
        if self._devices:
            models = [known.name for known in self._models]
            model = model if model in models else next(iter(models), "")
            device = device if device in [known.name for known in self._devices] else AUTO_DEVICE
        plan = Plan(model, device, tta if tta in TTA_TITLES else Plan().tta)
        if plan != self._plan:
            before, self._plan = self._plan, plan
            self.plan_changed.emit()
            if (plan.model, plan.device) != (before.model, before.device):
                self._make_ready()

    @property
    def can_segment(self) -> bool:
        """Whether `segment` may be called: a case is open and stays, the model takes it, and nothing runs."""
        if self._case is None or self.model is None or self.segmenting.is_running or self.opening.is_running:
            return False
        return set(self.model.modalities) - set(self.model.optional) <= set(self._case.images)

    def segment(self) -> None:
        """Segment the open case as planned, in the worker's process; the result becomes the prediction."""
        case, plan = self._case, self._plan
        if case is None:
            raise RuntimeError("there is no case to segment")
        self.segmenting.start(self._segment(case, self._key, plan), self.set_prediction)

    def _segment(self, case: Case, key: str, plan: Plan) -> Work[Segmentation]:
        asked = {"model": plan.model, "device": plan.device, "tta": plan.tta, "uncertainty": True}
        made: Segmentation | None = yield from self.run_isolated(SEGMENT_KEPT, key, **asked)
        if made is None:
            made = yield from self.run_isolated(SEGMENT, replace(case, truth=None), **asked)
        return made

    # Comparing

    def open_labels(self, path: Path, convention: LabelConvention | None = None) -> None:
        """Read another label map of the open case from a file: a second reader's, an earlier prediction.

        convention: what its integers mean; None where the file or the case tells.
        """
        case = self._case
        if case is None:
            raise RuntimeError("there is no case to read labels for")
        work = as_work(f"reading {path.name}", load_labels, path, case, convention)
        self.reading_in.start(work, lambda labels: self.add_reading(Reading(str(path), path.name, labels)))

    def _compare(self) -> None:
        """Compare the pair anew if it is other label maps than before."""
        maps = tuple(self.label_map(key) for key in self.pair or ())
        compared = self._compared or ()
        if len(maps) == len(compared) and all(new is old for new, old in zip(maps, compared, strict=True)):
            return
        self.scoring.clear()
        self._comparison, self._compared = None, None
        if len(maps) == 2 and maps[0] and maps[1] and self.orientation:
            self._compared = maps[0], maps[1]
            turned = (LabelMap(self.orientation.forward(m.data), self.orientation.canonical) for m in self._compared)
            self.scoring.start(compare(*turned), self._take_comparison)
        self.comparison_changed.emit()

    def _take_comparison(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self.comparison_changed.emit()

    @property
    def comparison(self) -> Comparison | None:
        """How the pair compares, its slices and places on the display grid; None without a pair or until computed."""
        return self._comparison

    def run_isolated(self, function: str, *arguments: Any, **options: Any) -> Work[Any]:
        """A function's work in the worker's process, which does one thing at a time: the next waits for it."""
        if self._worker is None:
            raise RuntimeError("this session has no worker")
        while not self._worker_free.acquire(timeout=0.1):
            yield Progress(0, 0, "waiting for the engine")
        try:
            return (yield from self._worker.run(function, *arguments, **options))
        finally:
            self._worker_free.release()

    def free_engine(self) -> None:
        """End the engine's process once it is idle, so that what it holds of the device is free for others.

        Any thread may call this. It waits a few seconds for work that is just being cancelled; a process that is busy
        for longer stays.
        """
        if self._worker and self._worker_free.acquire(timeout=_STOP_WITHIN_S):
            try:
                self._worker.rest()
            finally:
                self._worker_free.release()

    # Saving

    def save(self, path: Path, convention: LabelConvention | None = None) -> None:
        """Write the prediction to `path`, its labels as integers of `convention`; the case's own where it is None."""
        case, prediction = self._case, self._prediction
        if case is None or prediction is None:
            raise RuntimeError("there is no mask to save")
        convention = convention or output_convention(case.files)
        work = as_work(f"saving {path.name}", save_segmentation, path, prediction, case, convention)
        self.saving.start(work, partial(self._take_saved, prediction))

    def _take_saved(self, saved: Segmentation, written: tuple[Path, Path]) -> None:
        if self._prediction is saved:  # and no other has come meanwhile
            self.mark_prediction_saved(written[0])

    def close(self) -> None:
        """End all work and the worker's process; blocks until they have ended, or a few seconds."""
        lanes = (self.opening, self.segmenting, self.scoring, self.saving, self.exporting, self.surveying)
        for lane in (*lanes, self.readying, self.reading_in, self.preloading, self.checking):
            lane.clear()
        if self._worker:
            self._worker.close()
        Job.wait_for_all(_STOP_WITHIN_S)


@dataclass(frozen=True, slots=True, eq=False)
class _Undecided:
    """Files that a person has to decide about before they can be loaded."""

    files: CaseFiles
    error: EngineError


def _holds_labels(path: Path, grid: Grid) -> bool:
    """Whether a file is a label map on `grid`: few values, and each an integer that a convention may have."""
    try:
        if not read_header(path).grid.matches(grid):
            return False
        integers = open_nifti(path).integers()
    except EngineError:
        return False  # what is wrong with it is said where it is opened
    if integers.min() < 0 or integers.max() > _HIGHEST_LABEL:
        return False
    return len(np.unique(integers.astype(np.uint8))) <= _MOST_LABELS


def _find(path: Path) -> CaseFiles | None:
    """The case at a path; None if it is a folder of several, or of an evaluation's results."""
    if path.is_dir() and read_summary(path):
        return None
    try:
        return find_case(path)
    except CaseError:
        if not path.is_dir() or not _holds_several(path):
            raise
        return None


def _holds_several(folder: Path) -> bool:
    try:
        return len(find_dataset(folder).cases) > 1
    except CaseError:
        return False  # what is wrong with the folder as a case says more


def _load_or_none(files: CaseFiles) -> Work[Case | None]:
    try:
        return (yield from load_case(files, check=False))
    except EngineError as error:
        _log.info("not made ready: %s", error)
        return None


def _load(files: CaseFiles, *, resample: bool, truth: bool) -> Work[Case | _Undecided]:
    try:
        return (yield from load_case(files, resample=resample, truth=truth, check=False))
    except (LabelConventionError, GridMismatchError) as error:
        return _Undecided(files, error)
