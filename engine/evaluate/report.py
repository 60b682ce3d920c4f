"""What an evaluation came to, for people: its tables and its lowest cases as a text, and its box plots."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from engine import RESEARCH_USE
from engine.data import Modality
from engine.data.atomic import write_atomically
from engine.evaluate.box_plot import draw_box_plot
from engine.evaluate.results import BOX_PLOT_FILE, REPORT_FILE, TABLE_FILE, Evaluation
from engine.evaluate.table import HASH_DIGITS
from engine.score import LOW_DICE, Spread

TITLES = {
    "dice": "Dice",
    "hd95_mm": "HD95 in mm",
    "lesionwise_dice": "Lesion-wise Dice (BraTS 2023)",
    "lesionwise_hd95_mm": "Lesion-wise HD95 in mm (BraTS 2023)",
}
"""The measures that people are told of, the first one first."""

ABSENT = "a region that is absent from the truth scores 1 if nothing is predicted, else 0"
_ROWS = (("mean", "mean"), ("std", "std"), ("25th", "percentile_25"), ("75th", "percentile_75"))
_SHOWN_LOW, _SHOWN_PATIENTS = 5, 3
_WIDTH = 118
_TEST_COLUMNS = (
    *(("", 8), ("difference", 11), ("95 % interval", 22), ("p", 9), ("p Holm", 9)),
    *(("better", 8), ("worse", 7), ("equal", 7), ("n", 6)),
)
FEW_CASES = 20
"""Of fewer a bootstrap interval is markedly too narrow."""


def conclude(evaluation: Evaluation) -> None:
    """Write the text and the box plots of an evaluation that has ended; nothing where no case was scored."""
    if evaluation.results:
        plot = draw_box_plot({evaluation.name: evaluation.results})
        text = f"{report(evaluation)}\n"
        write_atomically({evaluation.folder / BOX_PLOT_FILE: plot, evaluation.folder / REPORT_FILE: text.encode()})


def report(evaluation: Evaluation) -> str:
    """The tables of an evaluation with at least one result, its lowest cases, and what was evaluated how."""
    first, *others = TITLES
    return "\n".join(
        (
            table(evaluation.table(first)),
            "",
            f"Dice of {count(evaluation.summary['cases'])}; {ABSENT}.",
            f"average: of the three in each case. std: {evaluation.summary['std']}.",
            *(line for measure in others for line in _block(TITLES[measure], evaluation.table(measure), measure)),
            *lowest_lines(evaluation.summary["lowest"]),
            "",
            f"{method_line(evaluation.summary)}; each case is in {evaluation.folder / TABLE_FILE}",
            *_split_cautions(evaluation.summary.get("split")),
            RESEARCH_USE,
        )
    )


def comparison_report(summary: Mapping[str, Any]) -> str:
    """The tables of several models with results, and the tests of each against the first."""
    models, comparison = summary["models"], summary["comparison"]
    lines: list[str] = []
    for measure, title in TITLES.items():
        lines += [f"{title}, mean (std)", *_means(models, measure), ""]
        for name, columns in comparison["differences"][measure].items():
            if columns:
                lines += [f"{title}: {name} minus {comparison['first']}", *_test_lines(columns, measure), ""]
    lines += [f"Dice: {ABSENT}.", f"std: {summary['std']}. average: of the three in each case."]
    for note in comparison["notes"].values():
        lines += wrap(note, _WIDTH, subsequent_indent="  ")
    lines += [*_cautions(comparison["cases"]), *_split_cautions(summary["split"])]
    for model in models:
        place = f"each case is in {model['folder']}/{TABLE_FILE}"
        lines += ["", f"{model['folder']}: {method_line(model | {'split': summary['split']})}; {place}"]
        lines += list(lowest_lines(model["lowest"]))[1:]
    return "\n".join((*lines, "", RESEARCH_USE))


def _means(models: Sequence[Mapping[str, Any]], measure: str) -> Iterator[str]:
    digits, width = digits_of(measure), max(len(model["folder"]) for model in models)
    columns = list(dict.fromkeys(column for model in models for column in model["table"][measure]))
    yield " " * width + "".join(f"{column:>16}" for column in columns) + f"{'cases':>8}"
    for model in models:
        cells = (_mean(model["table"][measure].get(column), digits) for column in columns)
        yield f"{model['folder']:{width}}" + "".join(f"{cell:>16}" for cell in cells) + f"{model['cases']:>8}"


def _mean(spread: Mapping[str, float | None] | None, digits: int) -> str:
    if spread is None:
        return "-"
    std = spread["std"]
    return f"{spread['mean']:.{digits}f} ({'-' if std is None else f'{std:.{digits}f}'})"


def _test_lines(columns: Mapping[str, Mapping[str, Any]], measure: str) -> Iterator[str]:
    digits, less_is_better = digits_of(measure), measure.endswith("_mm")
    yield "".join(f"{heading:>{width}}" for heading, width in _TEST_COLUMNS)
    for column, found in columns.items():
        low, high, n = found["low"], found["high"], found["n"]
        interval = "-" if low is None else f"{low:+.{digits}f} to {high:+.{digits}f}"
        better, worse = (found["above"], found["below"])[:: -1 if less_is_better else 1]
        yield (
            f"{column:8}{found['mean']:>+11.{digits}f}{interval:>22}{_p(found['p']):>9}{_p(found['p_holm']):>9}"
            f"{better:>8}{worse:>7}{n - better - worse:>7}{n:>6}"
        )


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _cautions(cases: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """What a reader should keep in mind who looks at the tests."""
    few = sorted(name for name, found in cases.items() if found["both"] < FEW_CASES)
    if few:
        yield f"Fewer than {FEW_CASES} cases in common with {', '.join(few)}: intervals too narrow, tests see little."
    if any(found["patients"] < found["both"] for found in cases.values()):
        yield "Some cases are of one patient, by their names, and not independent: p and intervals are too small."


def _split_cautions(split: Mapping[str, Any] | None) -> Iterator[str]:
    if split and split["straddling"]:
        patients = ", ".join(split["straddling"][:_SHOWN_PATIENTS])
        more = len(split["straddling"]) - _SHOWN_PATIENTS
        patients += f" and {more} more" if more > 0 else ""
        yield f"The split has cases of one patient in two parts ({patients}): scores flatter a model trained on it."


def table(columns: Mapping[str, Spread], digits: int = 3) -> str:
    """Mean and spread as lines, under the columns' names."""
    lines = [" " * 6 + "".join(f"{name:>9}" for name in columns)]
    for heading, name in _ROWS:
        values = (getattr(spread, name) for spread in columns.values())
        cells = ("-" if value is None else f"{value:.{digits}f}" for value in values)
        lines.append(f"{heading:6}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def _block(title: str, columns: Mapping[str, Spread], measure: str) -> tuple[str, ...]:
    return ("", title, table(columns, digits_of(measure))) if columns else ()


def digits_of(measure: str) -> int:
    """Decimals of a measure that mean something."""
    return 2 if measure.endswith("_mm") else 3


def lowest_lines(lowest: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lowest cases of a summary, with their reasons."""
    if lowest:
        yield from ("", f"Lowest cases (a region's Dice below {LOW_DICE}), by their average:")
    for case in lowest[:_SHOWN_LOW]:
        yield f"{case['dice_average']:.3f}  {case['case']}: {'; '.join(case['reasons'])}"


def method_line(summary: Mapping[str, Any]) -> str:
    """What was evaluated how, and on which part of a split."""
    model, split = summary["model"], summary.get("split")
    part = f"; part {split['part']} of {split['file']}" if split else ""
    if "masks" in model:
        return f"masks {model['name']} ({model['masks']}){part}"
    modalities = [Modality(name) for name in summary["modalities"]]
    images = "" if len(modalities) == len(Modality) else f", of {', '.join(m.display_name for m in modalities)} only"
    return f"model {model['name']} ({model['sha256'][:HASH_DIGITS]}), TTA {summary['tta']}{images}{part}"


def count(cases: int) -> str:
    """So many cases, in words.

    >>> count(1), count(74)
    ('1 case', '74 cases')
    """
    return "1 case" if cases == 1 else f"{cases} cases"
