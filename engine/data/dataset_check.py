"""Looking through a data set before a model is trained on it: what is wrong with which case, told in one pass.

Every file is read whole, since one flipped bit in a gzip stream is seen by its checksum alone. What was read is
remembered by the fingerprint of a case's files, for all of its images, so that a second look, or one at other
modalities, is instant. The memory is a cache: it may be deleted at any time.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from engine.data.atomic import write_atomically
from engine.data.case import CaseFiles, Modality
from engine.data.checks import case_warnings
from engine.data.dataset import find_dataset, fingerprint
from engine.data.foreground import foreground
from engine.data.labels import Region
from engine.data.load import REFERENCE_ORDER
from engine.data.nifti import NiftiFile, grid_difference, open_nifti
from engine.data.volume import Grid, LabelMap, Volume
from engine.errors import EngineError, ImageFileError, LabelConventionError
from engine.progress import Pace, Work

TRUTH = "truth"
_FORMAT = 1
_HASH_DIGITS = 24
_MOST_READERS = 8
_SPARSE = (slice(None, None, 2),) * 3
"""Enough to tell two images apart, and eight times faster."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedCase:
    """A case, or a folder that somebody may take for one, and whether it can be trained on.

    problem: one line with what is wrong and what to do, None for a case that is sound. missing: of the modalities asked
    for. region_ml: volume of each region in the truth, in ml, None where it could not be read. warnings: lines about
    what a person should look at, though nothing hinders.
    """

    id: str
    folder: Path
    problem: str | None
    missing: tuple[Modality, ...] = ()
    region_ml: Mapping[Region, float] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """The cases of a data set in the order of `find_dataset`, after them the folders that are no case's."""

    root: Path
    cases: tuple[CheckedCase, ...]

    @property
    def good(self) -> tuple[CheckedCase, ...]:
        """The cases to train on."""
        return tuple(case for case in self.cases if case.problem is None)

    @property
    def bad(self) -> tuple[CheckedCase, ...]:
        """The others."""
        return tuple(case for case in self.cases if case.problem is not None)


@dataclass(frozen=True, slots=True)
class _File:
    """What reading an image or a truth told: what is wrong with it, or its grid and a hash of its voxels."""

    fault: str | None
    shape: tuple[int, int, int] = (0, 0, 0)
    affine: tuple[tuple[float, ...], ...] = ()
    digest: str = ""

    @property
    def grid(self) -> Grid:
        return Grid(self.shape, np.array(self.affine))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What reading all files of a case told; files: by modality, and `TRUTH`."""

    files: Mapping[str, _File]
    region_ml: Mapping[str, float] | None
    warnings: tuple[str, ...]


def check_dataset(
    root: Path, modalities: Sequence[Modality] = tuple(Modality), *, memory: Path | None = None
) -> Work[DatasetCheck]:
    """Read every case of a data set and say of each whether a model of these modalities can be trained on it.

    memory: folder where what was read is remembered, by default the user's cache. Closing the generator keeps what was
    read so far. Raises CaseError if there is no such folder, no case in it, or an id that cannot be made distinct.
    """
    found = find_dataset(root)
    record = (memory or user_cache_path("brats-viewer", appauthor=False) / "checks") / _record_name(root)
    keys = {case.id: fingerprint(case, root) for case in found.cases}
    remembered = _recalled(record)
    facts = {key: remembered[key] for key in keys.values() if key in remembered}
    todo = [case for case in found.cases if keys[case.id] not in facts]
    pace = Pace(len(todo), "checking cases")
    pool = ThreadPoolExecutor(min(_MOST_READERS, os.cpu_count() or 1), "checking cases")
    try:
        jobs = {pool.submit(_examined, case): case for case in todo}
        yield pace.report(0)
        for done, job in enumerate(as_completed(jobs), start=1):
            facts[keys[jobs[job].id]] = job.result()
            yield pace.report(done)
    finally:
        pool.shutdown(cancel_futures=True)
        if todo:
            _remember(record, facts)
    cases = [_judged(case, facts[keys[case.id]], modalities) for case in found.cases]
    digests = [_digest(facts[keys[case.id]], modalities) for case in found.cases]
    folders = [CheckedCase(_place(folder, root), folder, why) for folder, why in found.unreadable.items()]
    return DatasetCheck(root, (*_without_copies(cases, digests), *folders))


def _place(folder: Path, root: Path) -> str:
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)


def _examined(files: CaseFiles) -> _Facts:
    """Read all that a case has."""
    found: dict[str, _File] = {}
    images: dict[Modality, Volume] = {}
    warnings: list[str] = []
    opened: dict[Path, NiftiFile] = {}
    for modality, source in files.images.items():
        try:
            if source.path not in opened:  # a 4D file is read once
                opened[source.path] = open_nifti(source.path)
            volume, notes = opened[source.path].volume(source.volume)
        except ImageFileError as error:
            found[modality] = _File(str(error))
            continue
        images[modality] = volume
        warnings += notes
        empty = None if foreground(volume.data).any() else f"{source}: is empty, all of its voxels are equal"
        found[modality] = _facts_of(volume.grid, volume.data, empty)
    labels = None
    if files.truth is not None and files.convention is not None:
        try:
            file = open_nifti(files.truth)
            labels = LabelMap(files.convention.decode(file.integers(), str(files.truth)), file.header.grid)
        except (ImageFileError, LabelConventionError) as error:
            found[TRUTH] = _File(str(error))
        else:
            full = f"{files.truth}: marks every voxel, so it is no segmentation" if labels.data.min() > 0 else None
            found[TRUTH] = _facts_of(labels.grid, labels.data, full)
    warnings += _warnings(images, labels)
    return _Facts(found, None if labels is None else _volumes_ml(labels), tuple(dict.fromkeys(warnings)))


def _facts_of(grid: Grid, data: NDArray[np.generic], fault: str | None) -> _File:
    digest = hashlib.blake2b(data[_SPARSE].tobytes(), digest_size=_HASH_DIGITS // 2).hexdigest()
    return _File(fault, grid.shape, tuple(tuple(row) for row in grid.affine.tolist()), digest)


def _warnings(images: Mapping[Modality, Volume], labels: LabelMap | None) -> tuple[str, ...]:
    """The lines of `case_warnings` where all lies on one grid."""
    grids = [volume.grid for volume in images.values()] + ([labels.grid] if labels is not None else [])
    if not images or not all(grid.matches(grids[0]) for grid in grids):
        return ()
    return case_warnings(images, labels)


def _volumes_ml(labels: LabelMap) -> dict[str, float]:
    counts = {region: int(np.count_nonzero(region.mask(labels.data))) for region in Region}
    return {str(region): round(count * labels.grid.voxel_ml, 3) for region, count in counts.items()}


def _judged(files: CaseFiles, facts: _Facts, modalities: Sequence[Modality]) -> CheckedCase:
    volumes = facts.region_ml
    return CheckedCase(
        id=files.id,
        folder=files.folder,
        problem=next(_problems(files, facts, modalities), None),
        missing=tuple(modality for modality in modalities if modality in files.missing),
        region_ml=None if volumes is None else {region: volumes[region] for region in Region},
        warnings=facts.warnings,
    )


def _problems(files: CaseFiles, facts: _Facts, modalities: Sequence[Modality]) -> Iterator[str]:
    """Everything that is wrong with a case, the first to mend first: what comes later takes it as mended."""
    for slot in (*modalities, TRUTH):
        if slot in files.ambiguous:
            name = slot.display_name if isinstance(slot, Modality) else slot
            choices = ", ".join(dict.fromkeys(source.path.name for source in files.ambiguous[slot]))
            yield f"{files.folder}: several files could be its {name} ({choices}); leave one of them there"
    if missing := _names(modality for modality in modalities if modality in files.missing):
        yield f"{files.folder}: has no {missing}; add it, leave the case out, or train without this modality"
    if files.truth is None:
        yield f"{files.folder}: has no truth to learn from; add its segmentation, or leave the case out"
    elif files.convention is None:
        yield (
            f"{files.truth}: which integer means which label is not known ({files.convention_reason}); "
            "name the files as BraTS does, or add a dataset.json that names the labels"
        )
    for slot in (*modalities, TRUTH):
        if slot in facts.files and (fault := facts.files[slot].fault) is not None:
            yield fault
    yield from _grid_problems(files, facts, modalities)
    for one, other in combinations((m for m in modalities if m in facts.files), 2):
        if facts.files[one].digest == facts.files[other].digest:
            yield f"{files.folder}: {_names((one, other))} are the same image; one of them is in the wrong place"


def _grid_problems(files: CaseFiles, facts: _Facts, modalities: Sequence[Modality]) -> Iterator[str]:
    """What lies on another grid than the image that `load_case` takes as the reference."""
    first = next((m for m in REFERENCE_ORDER if m in modalities and m in facts.files), None)
    if first is None:
        return
    reference = facts.files[first].grid
    for slot in (*modalities, TRUTH):
        if slot not in facts.files or facts.files[slot].grid.matches(reference):
            continue
        source = files.images[slot] if isinstance(slot, Modality) else files.truth
        difference = grid_difference(facts.files[slot].grid, reference)
        yield f"{source}: {difference}, compared with {files.images[first].path.name}; bring all to one grid"


def _digest(facts: _Facts, modalities: Sequence[Modality]) -> str:
    """The hash of the image by which two cases are told to be one."""
    return next((facts.files[m].digest for m in REFERENCE_ORDER if m in modalities and m in facts.files), "")


def _without_copies(cases: Iterable[CheckedCase], digests: Iterable[str]) -> Iterator[CheckedCase]:
    """The cases, where one that is sound but holds an earlier one's image has this as its problem.

    A case that is both learnt from and tested on makes a score too good.
    """
    seen: dict[str, str] = {}
    for case, digest in zip(cases, digests, strict=True):
        if case.problem is None and digest in seen:
            yield replace(case, problem=f"{case.folder}: holds the same image as {seen[digest]}; leave one of them out")
            continue
        if case.problem is None:
            seen[digest] = case.id
        yield case


def _names(modalities: Iterable[Modality]) -> str:
    return " and ".join(modality.display_name for modality in modalities)


def _record_name(root: Path) -> str:
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:_HASH_DIGITS] + ".json"


def _recalled(record: Path) -> dict[str, _Facts]:
    """What was read earlier, by fingerprint; nothing where it cannot be understood."""
    try:
        content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return {}
        return {
            key: _Facts(
                {slot: _File(**file) for slot, file in facts["files"].items()},
                facts["region_ml"],
                tuple(facts["warnings"]),
            )
            for key, facts in content["cases"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(record: Path, facts: Mapping[str, _Facts]) -> None:
    """Keep what was read; a cache that cannot be written does without."""
    content = {"format": _FORMAT, "cases": {key: asdict(value) for key, value in facts.items()}}
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically({record: json.dumps(content).encode()})
    except (OSError, EngineError) as error:
        _log.info("the check is not remembered: %s", error)
