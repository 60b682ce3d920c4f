"""One case of an evaluation: its mask is made by a model, or read, and scored."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from engine.data import (
    CONVENTIONS,
    Case,
    CaseFiles,
    Label,
    LabelConvention,
    LabelMap,
    Modality,
    Region,
    Segmentation,
    fingerprint,
    is_prediction,
    load_case,
    output_convention,
    read_labels,
    save_segmentation,
)
from engine.errors import CaseError, EvaluationError, ImageFileError, LabelConventionError
from engine.evaluate.masks import FoundMasks, Masks
from engine.evaluate.setup import Setup
from engine.evaluate.table import HASH_DIGITS, CaseResult
from engine.model import ModelCard
from engine.predict import segment
from engine.progress import Work
from engine.score import Lesionwise, Score, lesion_scores, score

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Task:
    """A case to be done: its files, and their state now.

    `kept` is where the mask that a model makes goes, None where it is not kept; `given` are masks that are scored
    instead.
    """

    files: CaseFiles
    state: str
    kept: Path | None = None
    given: FoundMasks | None = None

    @property
    def id(self) -> str:
        """The case's."""
        return self.files.id

    def is_done(self, earlier: CaseResult | None) -> bool:
        """Whether an earlier result is of these files, with all that is measured now."""
        if earlier is None or earlier.files != self.state or not earlier.lesionwise:
            return False
        return self.kept is None or self.kept.is_file()


def task_of(files: CaseFiles, setup: Setup, masks: Path | None, given: FoundMasks | None) -> Task:
    """The task of a case; a model's images of other modalities are left out, and where masks are given, all images."""
    wanted = () if given else setup.modalities
    files = replace(
        files,
        images={modality: source for modality, source in files.images.items() if modality in wanted},
        missing=tuple(modality for modality in files.missing if modality in wanted),
        ambiguous={slot: found for slot, found in files.ambiguous.items() if slot in (*wanted, "truth")},
    )
    state = fingerprint(files, setup.dataset)
    if given is None:
        return Task(files, state, kept=masks / f"{files.id}.nii.gz" if masks else None)
    of_masks = (fingerprint(replace(files, truth=path), given.folder) for path in given.of_case.get(files.id, ()))
    return Task(files, "".join((state, *of_masks)), given=given)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a case, and what made the mask where a model did."""

    result: CaseResult
    case: Case | None = None
    segmentation: Segmentation | None = None

    def keep(self, task: Task, setup: Setup) -> None:
        """Write the mask that a model made, if it is to be kept; raises what concerns the whole evaluation.

        That is EvaluationError where the model is no longer the one that was asked for, and ImageFileError.
        """
        if self.segmentation is None or self.case is None or isinstance(setup.method, Masks):
            return
        if self.segmentation.model_sha256 != setup.method.sha256:
            folder = setup.method.folder
            raise EvaluationError(f"{folder}: the model was replaced while it was evaluated; begin in another folder")
        if task.kept is not None:
            _save_mask(task.kept, self.segmentation, self.case, setup.convention)


def evaluate_case(task: Task, setup: Setup, device: str) -> Work[Outcome]:
    """Score one case; raises an EngineError where it cannot be; but for a DeviceError it is of this case."""
    _check_truth(task.files)
    if isinstance(setup.method, Masks):
        return Outcome(_score_given(task, setup, setup.method))
    return (yield from _segment_and_score(task, setup, setup.method, device))


def _segment_and_score(task: Task, setup: Setup, card: ModelCard, device: str) -> Work[Outcome]:
    _check_images(task.files, setup.modalities)
    case = yield from load_case(task.files, convention=setup.convention)
    segmentation = yield from segment(case, model=str(card.folder.resolve()), device=device, tta=setup.tta)
    truth = cast("LabelMap", case.truth)  # its file is there, so it was loaded
    scores, lesionwise = _scored(segmentation.labels, truth)
    result = CaseResult(
        id=task.id,
        scores=scores,
        lesionwise=lesionwise,
        seconds=round(segmentation.seconds, 2),
        device=segmentation.device,
        model=segmentation.model,
        model_sha256=segmentation.model_sha256[:HASH_DIGITS],
        warnings=(*case.warnings, *segmentation.notes),
        files=task.state,
    )
    return Outcome(result, case, segmentation)


def _score_given(task: Task, setup: Setup, masks: Masks) -> CaseResult:
    given, files = cast("FoundMasks", task.given), task.files
    path = given.mask_of(task.id)
    convention = setup.convention or files.convention
    if convention is None:
        raise LabelConventionError(
            f"{files.truth}: which integer means which label is not known ({files.convention_reason}); "
            f"say it with --labels ({', '.join(CONVENTIONS)})"
        )
    truth = read_labels(cast("Path", files.truth), convention)
    scores, lesionwise = _scored(masks.read(path, files, truth), truth)
    return CaseResult(
        id=task.id, scores=scores, lesionwise=lesionwise, model=masks.name, mask=str(path.resolve()), files=task.state
    )


def _check_truth(files: CaseFiles) -> None:
    if "truth" in files.ambiguous:
        names = ", ".join(source.path.name for source in files.ambiguous["truth"])
        raise CaseError(f"{files.folder}: several files could be the truth of {files.id} ({names}); keep one of them")
    if files.truth is None:
        raise CaseError(f"{files.folder}: {files.id} has no truth to be scored by; add it as {files.id}_seg.nii.gz")


def _check_images(files: CaseFiles, modalities: Collection[Modality]) -> None:
    if not files.images and not files.ambiguous.keys() - {"truth"}:
        names = ", ".join(modality.display_name for modality in modalities)
        raise CaseError(f"{files.folder}: {files.id} has none of the images asked for ({names})")


def _scored(mask: LabelMap, truth: LabelMap) -> tuple[Mapping[Region, Score], Mapping[Region, Lesionwise]]:
    """The scores with the digits that mean something, for a table that people read."""
    scores = {region: _rounded(of_region) for region, of_region in score(mask, truth).items()}
    lesionwise = {
        region: Lesionwise(round(of_region.dice, _DIGITS), round(of_region.hd95_mm, _DIGITS))
        for region, of_region in lesion_scores(mask, truth).items()
    }
    return scores, lesionwise


def _rounded(of_region: Score) -> Score:
    exact: dict[str, Any] = asdict(of_region)
    rounded: dict[str, Any] = {name: value and round(value, _DIGITS) for name, value in exact.items()}
    return Score(**rounded)


def _save_mask(path: Path, segmentation: Segmentation, case: Case, convention: LabelConvention | None) -> None:
    """Write the mask with its provenance, in the truth's integers, or in BraTS 2023's where those lack a label."""
    if path.exists() and not is_prediction(path):
        raise ImageFileError(f"{path}: exists and is no prediction of this program; choose another folder with -o")
    convention = convention or output_convention(case.files)
    if not {Label.NCR, Label.ED, Label.ET} <= set(convention.values.values()):
        convention = CONVENTIONS["brats2023"]
    save_segmentation(path, segmentation, case, convention)
