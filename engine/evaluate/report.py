"""What an evaluation came to, for people: its tables and its lowest cases as a text, and its box plots."""

from collections.abc import Iterator, Mapping, Sequence
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
_SHOWN_LOW = 5


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
            RESEARCH_USE,
        )
    )


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
