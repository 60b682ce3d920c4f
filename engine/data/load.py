"""Loading a case: its images, read side by side, and its truth, on one grid."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from engine.data.case import Case, CaseFiles, ImageSource, Modality
from engine.data.checks import case_warnings
from engine.data.convention import decide_convention
from engine.data.labels import CONVENTIONS, LabelConvention
from engine.data.nifti import grid_difference, is_bare, open_nifti
from engine.data.regrid import regrid_labels, regrid_volume
from engine.data.volume import Grid, LabelMap, Volume
from engine.errors import CaseError, GridMismatchError, LabelConventionError
from engine.progress import Pace, Work

REFERENCE_ORDER = (Modality.T1C, Modality.T2F, Modality.T2W, Modality.T1N)
"""The first of these that a case has gives the native grid."""

_READERS = 4


def load_case(
    files: CaseFiles,
    *,
    convention: LabelConvention | None = None,
    truth: bool = True,
    resample: bool = False,
    check: bool = True,
) -> Work[Case]:
    """Read a case's images and, with `truth`, its truth, and check that they lie on one grid.

    `convention` says how to read the truth's integers; without it the files' naming does. `resample` brings images on
    another grid onto the native one (linear; the truth by the nearest voxel) and says so in the case's warnings.
    Without `check` the warnings lack what `case_warnings` finds in the voxels, which takes as long as to read them.
    Raises CaseError if there is no image, or one lies on another grid and `resample` is off; ImageFileError for a
    file that cannot be read; LabelConventionError if the truth's convention is not known or contradicted.
    """
    _check_has_images(files)
    parts = _Parts(files)
    paths = dict.fromkeys(source.path for source in files.images.values())
    reading: list[Callable[[], None]] = [partial(parts.read_images, path) for path in paths]
    truth_path = files.truth if truth else None
    if truth_path is not None:
        reading.append(partial(parts.read_truth, truth_path, _truth_convention(files, truth_path, convention)))
    yield from _side_by_side(reading, "reading images")

    warnings = list(_choice_warnings(files, truth))
    warnings += [note for modality in files.images for note in parts.notes[modality]]
    reference = next(modality for modality in REFERENCE_ORDER if modality in parts.images)
    target = _Target(parts.images[reference].grid, files.images[reference], resample)
    images: dict[Modality, Volume] = {}
    for modality, source in files.images.items():
        volume = parts.images[modality]
        if target.needs_regridding(volume.grid, source, "linearly", warnings):
            volume = regrid_volume(volume, target.grid)
        images[modality] = replace(volume, grid=target.grid)
    labels = parts.truth
    if truth_path is not None and labels is not None:
        if target.needs_regridding(labels.grid, ImageSource(truth_path), "by the nearest voxel", warnings):
            labels = regrid_labels(labels, target.grid)
        labels = replace(labels, grid=target.grid)
    if check:
        warnings += case_warnings(images, labels)
    return Case(files.id, files, images, labels, target.grid, tuple(dict.fromkeys(warnings)))


def load_labels(path: Path, case: Case, convention: LabelConvention | None = None) -> LabelMap:
    """Read another label map of a loaded case, such as a second reader's or a model's, on the case's grid.

    convention: how to read its integers; without it what the file's own naming says, or else the case's. Raises
    CaseError if it lies on another grid; ImageFileError if it cannot be read; LabelConventionError if the convention is
    not known or contradicted.
    """
    convention = convention or decide_convention(path)[0] or case.files.convention
    known = _truth_convention(case.files, path, convention)
    opened = open_nifti(path)
    grid = opened.header.grid
    if not grid.matches(case.native):
        raise CaseError(
            f"{path}: {grid_difference(grid, case.native)}, compared with the case; only labels on the case's own grid "
            "can be laid over it"
        )
    return replace(opened.labels(known), grid=case.native)


@dataclass(slots=True, eq=False)
class _Parts:
    """What has been read of a case, each file in a thread of its own; the file's bytes are let go with it."""

    files: CaseFiles
    images: dict[Modality, Volume] = field(default_factory=dict)
    notes: dict[Modality, tuple[str, ...]] = field(default_factory=dict)
    truth: LabelMap | None = None

    def read_images(self, path: Path) -> None:
        """Read the images that are in one file."""
        opened = open_nifti(path)
        for modality, source in self.files.images.items():
            if source.path == path:
                self.images[modality], self.notes[modality] = opened.volume(source.volume)

    def read_truth(self, path: Path, convention: LabelConvention) -> None:
        """Read the truth."""
        self.truth = open_nifti(path).labels(convention)


@dataclass(frozen=True, slots=True)
class _Target:
    """The grid that all of a case lies on, the image that gives it, and whether others may be resampled to it."""

    grid: Grid
    source: ImageSource
    resample: bool

    def needs_regridding(self, grid: Grid, source: ImageSource, how: str, warnings: list[str]) -> bool:
        """Whether an image on `grid` must be resampled, said in `warnings`; raises CaseError if it may not be."""
        if self.grid.matches(grid):
            return False
        difference = grid_difference(grid, self.grid)
        for lost, name, other in ((grid, source, self.source), (self.grid, self.source, source)):
            if grid.shape == self.grid.shape and is_bare(lost):
                raise CaseError(
                    f"{name}: has lost its position in space (its affine is the identity), unlike {other.path.name}; "
                    "save it again with that image's header"
                )
        if not self.resample:
            raise GridMismatchError(
                f"{source}: {difference}, compared with {self.source.path.name}; register the images to each other, "
                "or let them be resampled when the case is opened"
            )
        warnings.append(f"{source.path.name}: {difference}; it was resampled {how} to {self.source.path.name}")
        return True


def _check_has_images(files: CaseFiles) -> None:
    if files.images:
        return
    names = dict.fromkeys(source.path.name for sources in files.ambiguous.values() for source in sources)
    names.update(dict.fromkeys(path.name for path in files.unused))
    shown = ", ".join(list(names)[:4]) + (", ..." if len(names) > 4 else "")
    raise CaseError(
        f"{files.folder}: the names do not say which image is T1, T1CE, T2 or FLAIR ({shown}); say which is which, or "
        "rename them (id_t1.nii.gz, id_t1ce.nii.gz, id_t2.nii.gz, id_flair.nii.gz)"
    )


def _truth_convention(files: CaseFiles, path: Path, chosen: LabelConvention | None) -> LabelConvention:
    known = chosen or files.convention
    if known is None:
        raise LabelConventionError(
            f"{path}: which integer means which label is not known ({files.convention_reason}); "
            f"say it with --labels ({', '.join(CONVENTIONS)})"
        )
    return known


def _choice_warnings(files: CaseFiles, truth: bool) -> Iterator[str]:
    """What was left out because several files could be it."""
    for slot, sources in files.ambiguous.items():
        if slot != "truth" or truth:
            name = slot.display_name if isinstance(slot, Modality) else slot
            choices = ", ".join(f"{source.path.name}" for source in sources)
            yield f"{name} was left out, since several images could be it ({choices}); choose one"


def _side_by_side(jobs: Sequence[Callable[[], None]], stage: str) -> Work[None]:
    """Do jobs in threads (decompression runs outside the interpreter's lock); the first failure ends it."""
    pace = Pace(len(jobs), stage)
    pool = ThreadPoolExecutor(min(_READERS, len(jobs), os.cpu_count() or 1))
    try:
        running = [pool.submit(job) for job in jobs]
        yield pace.report(0)
        for done, ended in enumerate(as_completed(running), start=1):
            ended.result()
            yield pace.report(done)
    finally:
        pool.shutdown(cancel_futures=True)
