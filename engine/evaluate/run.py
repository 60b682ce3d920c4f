"""An evaluation from the data set's folder to the table: every case is loaded, segmented, scored and written down."""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

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
    find_dataset,
    fingerprint,
    is_prediction,
    load_case,
    output_convention,
    save_segmentation,
)
from engine.errors import CaseError, DeviceError, EngineError, EvaluationError, ImageFileError, ModelError
from engine.evaluate.results import MASKS_FOLDER, Evaluation, Record, Scored, Setup, earlier_results, make_folder
from engine.evaluate.table import HASH_DIGITS, CaseResult
from engine.model import DEFAULT_MODEL, ModelCard, find_model
from engine.predict import segment
from engine.predict.device import AUTO, choose_device
from engine.progress import Pace, Progress, Work
from engine.score import Score, score

_DIGITS = 6
T = TypeVar("T")


def evaluate(
    dataset: Path,
    folder: Path,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    tta: str = "flips",
    modalities: Collection[Modality] = tuple(Modality),
    convention: LabelConvention | None = None,
    masks: bool = True,
) -> Work[Evaluation]:
    """Score a model on every case of `dataset` that has a truth: a generator that reports the cases done.

    The report with which it goes on to a case, and the last one, is a `Scored`: with it come the results so far.

    Results go into `folder`: `cases.csv` with a row for each case, `summary.json`, and with `masks` the predicted
    masks. They are written after each case, so that nothing done is lost, however the run ends; the next run with the
    same data set, model, tta, modalities and convention goes on from them. It does a case again if its files have
    changed since or its mask is not there, and tries those that failed. Rows of cases that are gone are dropped.

    `modalities`: the only ones that are given to the model. `convention`: how to read the truths' integers, by default
    as their naming says. For model, device and tta see `engine.predict.segment`.

    A case that cannot be read or scored is one of the failures and does not stop the others. What concerns them all
    does: raises ModelError, DeviceError, CaseError for a data set without a case, ImageFileError where results cannot
    be written, EvaluationError where `folder` holds the results of anything else.
    """
    setup = Setup(dataset, find_model(model), tta, tuple(m for m in Modality if m in modalities), convention)
    _check_needs(setup.card, setup.modalities)
    earlier = earlier_results(folder, setup)
    yield Progress(0, 0, "looking for cases")
    found = find_dataset(dataset)
    tasks = [_task(files, setup, folder / MASKS_FOLDER if masks else None) for files in found.cases]
    record = Record(folder, setup, len(tasks), failures={str(path): why for path, why in found.unreadable.items()})
    record.results |= {task.id: earlier[task.id] for task in tasks if task.is_done(earlier.get(task.id))}
    make_folder(folder / MASKS_FOLDER if masks else folder)
    evaluation = record.save()
    todo = [task for task in tasks if task.id not in record.results]
    if todo:
        _check_computable(setup.card, device)
    return (yield from _work_off(todo, record, evaluation, device))


@dataclass(frozen=True, slots=True)
class _Task:
    """A case to be done: its files, their state now, and where its mask goes (None: it is not kept)."""

    files: CaseFiles
    state: str
    mask: Path | None

    @property
    def id(self) -> str:
        return self.files.id

    def is_done(self, earlier: CaseResult | None) -> bool:
        return earlier is not None and earlier.files == self.state and (self.mask is None or self.mask.is_file())


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    case: Case
    segmentation: Segmentation
    scores: Mapping[Region, Score]


def _task(files: CaseFiles, setup: Setup, masks: Path | None) -> _Task:
    """The task of a case, with the images of other modalities left out."""
    files = replace(
        files,
        images={modality: source for modality, source in files.images.items() if modality in setup.modalities},
        missing=tuple(modality for modality in files.missing if modality in setup.modalities),
        ambiguous={slot: found for slot, found in files.ambiguous.items() if slot in (*setup.modalities, "truth")},
    )
    return _Task(files, fingerprint(files, setup.dataset), masks / f"{files.id}.nii.gz" if masks else None)


def _work_off(tasks: list[_Task], record: Record, evaluation: Evaluation, device: str) -> Work[Evaluation]:
    """Do the tasks one by one and write down what came of each; `evaluation` is what there is before them."""
    pace = Pace(len(tasks), "")
    for done, task in enumerate(tasks):
        report = replace(pace.report(done), stage=task.id)
        yield Scored(report.done, report.total, report.stage, report.seconds_left, evaluation=evaluation)
        try:
            predicted = yield from _as_one_step(_predict_and_score(task.files, record.setup, device), report)
        except DeviceError:
            raise  # the next case would meet it too
        except EngineError as error:
            record.failures[task.id] = str(error)
        else:
            _check_is_same(predicted.segmentation, record.setup.card)
            if task.mask is not None:
                _save_mask(task.mask, predicted, record.setup.convention)
            record.results[task.id] = _result(task, predicted)
        evaluation = record.save()
    yield Scored(len(tasks), len(tasks), "done", 0.0, evaluation=evaluation)
    return evaluation


def _as_one_step(work: Work[T], report: Progress) -> Work[T]:
    """Run `work` as one step of a longer one: each of its own reports becomes `report`."""
    with closing(work):
        while True:
            try:
                next(work)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield report


def _predict_and_score(files: CaseFiles, setup: Setup, device: str) -> Work[_Predicted]:
    _check_worth_reading(files, setup.modalities)
    case = yield from load_case(files, convention=setup.convention)
    model = str(setup.card.folder.resolve())
    segmentation = yield from segment(case, model=model, device=device, tta=setup.tta)
    truth = cast("LabelMap", case.truth)  # its file is there, so it was loaded
    return _Predicted(case, segmentation, score(segmentation.labels, truth))


def _check_worth_reading(files: CaseFiles, modalities: Collection[Modality]) -> None:
    if not files.images and not files.ambiguous.keys() - {"truth"}:
        names = ", ".join(modality.display_name for modality in modalities)
        raise CaseError(f"{files.folder}: {files.id} has none of the images asked for ({names})")
    if "truth" in files.ambiguous:
        names = ", ".join(source.path.name for source in files.ambiguous["truth"])
        raise CaseError(f"{files.folder}: several files could be the truth of {files.id} ({names}); keep one of them")
    if files.truth is None:
        raise CaseError(f"{files.folder}: {files.id} has no truth to be scored by; add it as {files.id}_seg.nii.gz")


def _result(task: _Task, predicted: _Predicted) -> CaseResult:
    segmentation = predicted.segmentation
    return CaseResult(
        id=task.id,
        scores={region: _rounded(of_region) for region, of_region in predicted.scores.items()},
        seconds=round(segmentation.seconds, 2),
        device=segmentation.device,
        model=segmentation.model,
        model_sha256=segmentation.model_sha256[:HASH_DIGITS],
        warnings=(*predicted.case.warnings, *segmentation.notes),
        files=task.state,
    )


def _rounded(of_region: Score) -> Score:
    """The score with the digits that mean something, for a table that people read."""
    exact: dict[str, Any] = asdict(of_region)
    rounded: dict[str, Any] = {name: value and round(value, _DIGITS) for name, value in exact.items()}
    return Score(**rounded)


def _save_mask(path: Path, predicted: _Predicted, convention: LabelConvention | None) -> None:
    """Write the mask with its provenance, in the truth's integers, or in BraTS 2023's where those lack a label."""
    if path.exists() and not is_prediction(path):
        raise ImageFileError(f"{path}: exists and is no prediction of this program; choose another folder with -o")
    convention = convention or output_convention(predicted.case.files)
    if not {Label.NCR, Label.ED, Label.ET} <= set(convention.values.values()):
        convention = CONVENTIONS["brats2023"]
    save_segmentation(path, predicted.segmentation, predicted.case, convention)


def _check_needs(card: ModelCard, modalities: Collection[Modality]) -> None:
    needed = [m for m in card.modalities if m not in card.optional and m not in modalities]
    if needed or not set(modalities) & set(card.modalities):
        names = ", ".join(modality.display_name for modality in needed or card.modalities)
        raise ModelError(f"{card.folder}: the model {card.name} needs {names}; let it have them")


def _check_computable(card: ModelCard, device: str) -> None:
    """Raise what would fail every case before the first is read: ModelError, DeviceError."""
    from engine.model.bundle import load_network

    choose_device(device)
    load_network(card)


def _check_is_same(segmentation: Segmentation, card: ModelCard) -> None:
    if segmentation.model_sha256 != card.sha256:
        raise EvaluationError(f"{card.folder}: the model was replaced while it was evaluated; begin in another folder")
