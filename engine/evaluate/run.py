"""An evaluation from the data set's folder to the table: every case is loaded, segmented, scored and written down."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.data import CaseFiles, LabelConvention, Modality, find_dataset
from engine.data.split import read_split
from engine.errors import DeviceError, EngineError, EvaluationError, ModelError
from engine.evaluate.case import Task, evaluate_case, task_of
from engine.evaluate.masks import FoundMasks, Masks
from engine.evaluate.report import conclude
from engine.evaluate.results import MASKS_FOLDER, Evaluation, Record, Scored, check_folder, earlier_results, make_folder
from engine.evaluate.setup import Part, Setup
from engine.lock import FolderLock
from engine.model import DEFAULT_MODEL, ModelCard, find_model
from engine.predict.device import AUTO, choose_device
from engine.progress import Pace, Progress, Work, told_as

PARTS = ("training", "validation", "test")
TEST = "test"


def evaluate(
    dataset: Path,
    folder: Path,
    *,
    model: str | Masks = DEFAULT_MODEL,
    device: str = AUTO,
    tta: str = "flips",
    modalities: Collection[Modality] = tuple(Modality),
    convention: LabelConvention | None = None,
    keep_masks: bool = True,
    split: Path | None = None,
    part: str = TEST,
) -> Work[Evaluation]:
    """Score a model on every case of `dataset` that has a truth: a generator that reports the cases done.

    The report with which it goes on to a case, and the last one, is a `Scored`: with it come the results so far.

    Results go into `folder`: `cases.csv` with a row for each case, `summary.json`, and with `keep_masks` the predicted
    masks. They are written after each case, so that nothing done is lost, however the run ends; the next run with the
    same data set, model, tta, modalities, convention and part goes on from them. It does a case again if its files have
    changed since or its mask is not there, and tries those that failed. Rows of cases that are gone are dropped. At the
    end there are `summary.txt`, for people, and `box_plot.png` as well.

    `model`: its name or its bundle's folder, or `Masks` that are scored as they are. `modalities`: the only ones that
    are given to the model. `convention`: how to read the truths' integers, by default as their naming says. `split`: a
    file of `engine.data.split`, of which only the cases of `part` (one of `PARTS`) are taken. For model, device and tta
    see `engine.predict.segment`.

    A case that cannot be read or scored, or has no truth, is one of the failures and does not stop the others. What
    concerns them all does: raises ModelError, DeviceError, CaseError for a data set without a case, TrainingError for
    a split that is none, ImageFileError where results cannot be written, EvaluationError where `folder` holds the
    results of anything else, FolderInUseError where another evaluation writes into it.
    """
    method = method_of(model, modalities)
    yield Progress(0, 0, "looking for cases")
    cases = Cases.find(dataset, split, part)
    setup = Setup(dataset, method, tta, in_order(modalities), convention, cases.part)
    (evaluation,) = yield from evaluate_each([(folder, setup)], cases, device, keep_masks=keep_masks)
    return evaluation


def method_of(model: str | Masks, modalities: Collection[Modality]) -> ModelCard | Masks:
    """What a person has named; raises ModelError where there is no such model, or it needs other modalities."""
    if isinstance(model, Masks):
        return model
    card = find_model(model)
    needed = [m for m in card.modalities if m not in card.optional and m not in modalities]
    if needed or not set(modalities) & set(card.modalities):
        names = ", ".join(modality.display_name for modality in needed or card.modalities)
        raise ModelError(f"{card.folder}: the model {card.name} needs {names}; let it have them")
    return card


def in_order(modalities: Collection[Modality]) -> tuple[Modality, ...]:
    """The modalities, each once."""
    return tuple(modality for modality in Modality if modality in modalities)


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases to be evaluated. `failures` says by its path what is wrong with a folder that is none."""

    files: tuple[CaseFiles, ...]
    failures: Mapping[str, str]
    part: Part | None = None

    @classmethod
    def find(cls, dataset: Path, split: Path | None, part: str) -> "Cases":
        """All cases of a data set, or those that a part of a split names; raises an EngineError where there is none."""
        if part not in PARTS:
            raise EvaluationError(f"a split has no part {part!r}; choose one of {', '.join(PARTS)}")
        found = find_dataset(dataset)
        if split is None:
            return cls(found.cases, {str(path): why for path, why in found.unreadable.items()})
        # A case that cannot be read is still one that the split may name.
        ids = [*(files.id for files in found.cases), *(path.name for path in found.unreadable)]
        parts = read_split(split, ids)
        named = frozenset[str](getattr(parts, part))
        if not named:
            raise EvaluationError(f'{split}: has no case under "{part}"; choose another --part')
        return cls(
            files=tuple(files for files in found.cases if files.id in named),
            failures={str(path): why for path, why in found.unreadable.items() if path.name in named},
            part=Part(split, part, named, parts.straddling),
        )


def evaluate_each(
    places: Sequence[tuple[Path, Setup]], cases: Cases, device: str, *, keep_masks: bool
) -> Work[list[Evaluation]]:
    """Evaluate one setup after the other, each into a folder of its own, as `evaluate` says."""
    given = []
    for folder, setup in places:  # before anything is written
        check_folder(folder, setup)
        method = setup.method
        given.append(method.find(files.id for files in cases.files) if isinstance(method, Masks) else None)
    with ExitStack() as held:
        runs = []
        for (folder, setup), masks in zip(places, given, strict=True):
            keep = folder / MASKS_FOLDER if keep_masks and masks is None else None
            make_folder(keep or folder)
            held.enter_context(FolderLock(folder))
            runs.append(_begin(folder, setup, cases, keep, masks))
        for run in runs:
            if run.todo and isinstance(run.record.setup.method, ModelCard):
                _check_computable(run.record.setup.method, device)
        evaluations = []
        for run in runs:
            name = f"{run.record.folder.name}: " if len(runs) > 1 else ""
            evaluations.append((yield from _work_off(run, device, name)))
        return evaluations


@dataclass(frozen=True, slots=True)
class _Run:
    """What is to be done, where it is written down, and what there is before that."""

    todo: Sequence[Task]
    record: Record
    evaluation: Evaluation


def _begin(folder: Path, setup: Setup, cases: Cases, keep: Path | None, given: FoundMasks | None) -> _Run:
    """Take over what an earlier run has left, and write that down."""
    tasks = [task_of(files, setup, keep, given) for files in cases.files]
    earlier = earlier_results(folder, setup)
    record = Record(folder, setup, len(tasks), failures=dict(cases.failures))
    record.results |= {task.id: earlier[task.id] for task in tasks if task.is_done(earlier.get(task.id))}
    return _Run([task for task in tasks if task.id not in record.results], record, record.save())


def _work_off(run: _Run, device: str, name: str) -> Work[Evaluation]:
    """Do the tasks one by one and write down what came of each; `name` stands before each in the reports."""
    pace, record, evaluation = Pace(len(run.todo), ""), run.record, run.evaluation
    for done, task in enumerate(run.todo):
        report = replace(pace.report(done), stage=f"{name}{task.id}")
        yield Scored(report.done, report.total, report.stage, report.seconds_left, evaluation=evaluation)
        try:
            outcome = yield from told_as(evaluate_case(task, record.setup, device), partial(replace, report))
        except DeviceError:
            raise  # the next case would meet it too
        except EngineError as error:
            record.failures[task.id] = str(error)
        else:
            outcome.keep(task, record.setup)
            record.results[task.id] = outcome.result
        evaluation = record.save()
    conclude(evaluation)
    yield Scored(len(run.todo), len(run.todo), f"{name}done", 0.0, evaluation=evaluation)
    return evaluation


def _check_computable(card: ModelCard, device: str) -> None:
    """Raise what would fail every case before the first is read: ModelError, DeviceError."""
    from engine.model.bundle import load_network

    choose_device(device)
    load_network(card)
