"""Several models on the same cases: each evaluated for itself, then compared case by case with the first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.data import LabelConvention, Modality
from engine.data.atomic import write_atomically
from engine.data.mark import SUMMARY_FILE
from engine.data.split import patient_of
from engine.errors import EvaluationError
from engine.evaluate.box_plot import draw_box_plot
from engine.evaluate.masks import Masks
from engine.evaluate.report import TITLES, comparison_report
from engine.evaluate.results import (
    BOX_PLOT_FILE,
    MODELS,
    REPORT_FILE,
    TABLE_FILE,
    Evaluation,
    check_folder,
    heading,
    make_folder,
    rounded,
    summary_of,
    to_text,
)
from engine.evaluate.run import TEST, Cases, evaluate_each, in_order, method_of
from engine.evaluate.setup import Setup
from engine.evaluate.table import COLUMNS, CaseResult
from engine.lock import FolderLock
from engine.model import ModelCard
from engine.predict.device import AUTO
from engine.progress import Progress, Work
from engine.score import AVERAGE, Paired, holm, paired
from engine.score.paired import CONFIDENCE, RESAMPLES

NOTES = {
    "difference": "difference: mean over the n cases that both have of this model's score minus the first one's.",
    "interval": (
        f"interval: {CONFIDENCE:.0%} confidence interval of that mean, BCa bootstrap over cases, {RESAMPLES} resamples."
    ),
    "p": "p: two-sided Wilcoxon signed-rank test of the differences, those that are 0 ranked with the rest (Pratt).",
    "p_holm": (
        "p Holm: p corrected by Holm's method for the tests of ET, TC and WT of all models in this measure together; "
        "that of the average for the number of models only."
    ),
}
"""How models are compared."""

Tests = Mapping[str, Mapping[str, Mapping[str, Paired]]]
"""By measure, by model, by column (ET, TC, WT, average): that model's scores minus the first one's."""


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """What came of several models on one data set.

    `evaluations` are of the models in their order. `tests` compare each but the first with the first; there is none
    for two that have no case in common. `summary` is the content of the summary file in `folder`.
    """

    folder: Path
    evaluations: tuple[Evaluation, ...]
    tests: Tests
    summary: Mapping[str, Any]


def compare_models(
    dataset: Path,
    folder: Path,
    *,
    models: Sequence[str | Masks],
    device: str = AUTO,
    tta: str = "flips",
    modalities: Collection[Modality] = tuple(Modality),
    convention: LabelConvention | None = None,
    keep_masks: bool = True,
    split: Path | None = None,
    part: str = TEST,
) -> Work[ModelComparison]:
    """Evaluate at least two models, or masks of others, and compare each with the first: a generator like `evaluate`.

    Each has a folder inside `folder`, by its name, with what `evaluate` writes; there it goes on where it was stopped.
    In `folder` itself `summary.json`, `summary.txt` and `box_plot.png` are of all. More models may be named later,
    after those that are there. Arguments and errors are those of `evaluate`; EvaluationError also where two models have
    one name.
    """
    methods = [method_of(model, modalities) for model in models]
    names = _names(methods)
    yield Progress(0, 0, "looking for cases")
    cases = Cases.find(dataset, split, part)
    places = [
        (folder / name, Setup(dataset, method, tta, in_order(modalities), convention, cases.part))
        for name, method in zip(names, methods, strict=True)
    ]
    _check_names(folder, names)
    for place, setup in places:
        check_folder(place, setup)
    make_folder(folder)
    with FolderLock(folder):
        evaluations = yield from evaluate_each(places, cases, device, keep_masks=keep_masks)
        yield Progress(0, 0, "comparing")
        return _conclude(folder, dict(zip(names, evaluations, strict=True)))


def _names(methods: Sequence[ModelCard | Masks]) -> list[str]:
    """A name for each, by which its folder is called: where two have one, with that of the folder that it lies in."""
    if len(methods) < 2:
        raise EvaluationError("one model cannot be compared; name another")
    names = [method.name for method in methods]
    alike = {name.casefold() for name in names if [other.casefold() for other in names].count(name.casefold()) > 1}
    names = [
        f"{method.folder.resolve().parent.name}_{name}" if name.casefold() in alike else name
        for name, method in zip(names, methods, strict=True)
    ]
    if len({name.casefold() for name in names}) < len(names):
        raise EvaluationError(f"two of the models are named alike ({', '.join(names)}); rename the folder of one")
    return names


def _check_names(folder: Path, names: Sequence[str]) -> None:
    """Raise EvaluationError where the folder holds anything else than a comparison of the first of these models."""
    summary = summary_of(folder, TABLE_FILE)
    if summary is None:
        return
    if MODELS not in summary:
        raise EvaluationError(f"{folder}: holds the results of one model; choose another folder with -o")
    before = [str(model["folder"]) for model in summary[MODELS]]
    if before != list(names[: len(before)]):
        raise EvaluationError(
            f"{folder}: holds the comparison of {', '.join(before)}; name these first, in this order, or choose "
            "another folder with -o"
        )


def _conclude(folder: Path, evaluations: Mapping[str, Evaluation]) -> ModelComparison:
    """Compare, and write down what came of it."""
    first, *others = evaluations
    results = {name: evaluation.results for name, evaluation in evaluations.items()}
    of_others = {name: results[name] for name in others}
    tests = {measure: compare_results(results[first], of_others, measure) for measure in TITLES}
    one = evaluations[first].summary
    summary = {
        **heading(),
        **{name: one[name] for name in ("dataset", "labels", "split", "cases_found", "std", "definitions")},
        MODELS: [_of_model(name, evaluation) for name, evaluation in evaluations.items()],
        "comparison": {
            "first": first,
            "notes": NOTES,
            "cases": {name: _in_common(results[first], results[name]) for name in others},
            "differences": {
                measure: {
                    name: {column: _plain(found) for column, found in columns.items()}
                    for name, columns in of_models.items()
                }
                for measure, of_models in tests.items()
            },
        },
    }
    comparison = ModelComparison(folder, tuple(evaluations.values()), tests, summary)
    contents = {folder / SUMMARY_FILE: to_text(summary)}
    if all(results.values()):
        contents[folder / REPORT_FILE] = f"{comparison_report(summary)}\n".encode()
        contents[folder / BOX_PLOT_FILE] = draw_box_plot(results)
    write_atomically(contents)
    return comparison


def _of_model(name: str, evaluation: Evaluation) -> dict[str, Any]:
    """What the summary of a comparison says of one model; the rest stands in the model's own."""
    own = ("model", "tta", "modalities", "cases", "table", "lowest", "failures")
    return {"folder": name, **{key: evaluation.summary[key] for key in own}}


def _in_common(first: Sequence[CaseResult], second: Sequence[CaseResult]) -> dict[str, int]:
    """How many cases both have, and of how many patients those are."""
    cases = {result.id for result in first} & {result.id for result in second}
    return {"both": len(cases), "patients": len({patient_of(case) for case in cases})}


def compare_results(
    first: Sequence[CaseResult], others: Mapping[str, Sequence[CaseResult]], measure: str
) -> dict[str, dict[str, Paired]]:
    """Compare others with the first in a measure: see `engine.score.paired`, on the cases that both have a value of.

    The tests of ET, TC and WT of all others are corrected together, and those of the average, one for each other, too.
    A column without such a case is left out.
    """
    found = {name: _differences(first, results, measure) for name, results in others.items()}
    for family in ([column for column in COLUMNS if column != AVERAGE], [AVERAGE]):
        places = [(name, column) for name, columns in found.items() for column in family if column in columns]
        corrected = holm([found[name][column].p for name, column in places])
        for (name, column), p_holm in zip(places, corrected, strict=True):
            found[name][column] = replace(found[name][column], p_holm=p_holm)
    return found


def _differences(first: Sequence[CaseResult], second: Sequence[CaseResult], measure: str) -> dict[str, Paired]:
    known = {result.id: result for result in second}
    both = [(one, known[one.id]) for one in first if one.id in known]
    tests = {}
    for column in COLUMNS:
        pairs = [(one.value(measure, column), other.value(measure, column)) for one, other in both]
        differences = [after - before for before, after in pairs if before is not None and after is not None]
        if differences:
            tests[column] = paired(differences)
    return tests


def _plain(found: Paired) -> dict[str, float | None]:
    """As a summary holds it; of a p-value all digits, since it may be small."""
    return rounded(asdict(found)) | {"p": found.p, "p_holm": found.p_holm}
