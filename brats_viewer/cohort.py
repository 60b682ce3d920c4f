"""A cohort: the cases of a folder with what an evaluation made of each, their order, and the table of them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engine.data import CaseFiles, Region
from engine.score import AVERAGE, Score, reasons
from engine.score.export import as_text

VERY_LOW_DICE = 0.5
"""The table draws what is below in red."""

DICE_COLUMNS = (*(region.value for region in Region), AVERAGE)
"""What the box plot and the table of means are of, in the order of the engine's tables."""


class Result(Protocol):
    """What the window needs of a row of an evaluation's table."""

    @property
    def id(self) -> str:
        """The case's."""

    @property
    def scores(self) -> Mapping[Region, Score]:
        """On the case's own grid, of every region."""


class Evaluation(Protocol):
    """What the window needs of an evaluation's results."""

    @property
    def folder(self) -> Path:
        """Where they lie."""

    @property
    def results(self) -> Sequence[Result]:
        """Of the cases that were scored."""

    @property
    def failures(self) -> Mapping[str, str]:
        """Why the others were not, by the cases' ids."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """What was evaluated and how, as the summary file has it."""

    def mask_path(self, case: str, /) -> Path:
        """Where the predicted mask of a case lies, if masks were kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A case of the cohort. `mask` is where the evaluation puts its predicted mask, whether or not it kept masks."""

    files: CaseFiles
    scores: Mapping[Region, Score] | None = None
    mask: Path | None = None
    failure: str | None = None

    @property
    def id(self) -> str:
        """The case's."""
        return self.files.id

    @property
    def remark(self) -> str:
        """Why there is no score, or why it is low; empty where there is nothing to say."""
        if self.failure:
            return self.failure.removeprefix(f"{self.files.folder}: ")
        return "; ".join(reasons(self.scores)) if self.scores else ""


def entries(cases: Iterable[CaseFiles], evaluation: Evaluation | None) -> tuple[Entry, ...]:
    """The cases, each with what the evaluation has of it; results of other cases are left out."""
    if evaluation is None:
        return tuple(map(Entry, cases))
    scores = {result.id: result.scores for result in evaluation.results}
    return tuple(
        Entry(files, scores[files.id], evaluation.mask_path(files.id))
        if files.id in scores
        else Entry(files, failure=evaluation.failures.get(files.id))
        for files in cases
    )


def dice(scores: Mapping[Region, Score], column: str) -> float:
    """The Dice of one of `DICE_COLUMNS`."""
    return (
        float(np.mean([score.dice for score in scores.values()])) if column == AVERAGE else scores[Region(column)].dice
    )


# The table


class Column(StrEnum):
    """A column of the table, by its heading."""

    CASE = "Case"
    AVERAGE = "Average"
    ET = "ET"
    TC = "TC"
    WT = "WT"
    HD95_ET = "HD95 ET"
    HD95_TC = "HD95 TC"
    HD95_WT = "HD95 WT"
    REMARK = "Remarks"

    @property
    def is_dice(self) -> bool:
        """Whether it holds Dice scores."""
        return self in (Column.AVERAGE, Column.ET, Column.TC, Column.WT)

    @property
    def is_hd95(self) -> bool:
        """Whether it holds distances in mm."""
        return self.startswith("HD95")

    @property
    def meaning(self) -> str:
        """What it holds, in a sentence."""
        if self is Column.AVERAGE:
            return "Mean of the Dice of ET, TC and WT: 1 is perfect"
        if self.is_dice:
            return f"Dice of the {Region(self.value).display_name}, the overlap of prediction and truth: 1 is perfect"
        if self.is_hd95:
            name = Region(self.removeprefix("HD95 ")).display_name
            return f"95th percentile of the distance between the surfaces of the {name}, in mm: 0 is perfect"
        return "The case's name" if self is Column.CASE else "Why a case has no score, or a low one"


def value(entry: Entry, column: Column) -> float | str | None:
    """What a cell holds: a number, words, or None where there is nothing."""
    if column is Column.CASE:
        return entry.id
    if column is Column.REMARK:
        return entry.remark or None
    if entry.scores is None:
        return None
    if column is Column.AVERAGE:
        return dice(entry.scores, AVERAGE)
    if column.is_hd95:
        return entry.scores[Region(column.removeprefix("HD95 "))].hd95_mm
    return dice(entry.scores, column.value)


def text(entry: Entry, column: Column) -> str:
    """A cell as a person reads it."""
    held = value(entry, column)
    if held is None:
        return "" if column is Column.REMARK else "–"
    if isinstance(held, str):
        return held
    return f"{held:.1f}" if column.is_hd95 else f"{held:.3f}"


def ordered(cohort: Iterable[Entry], column: Column, *, descending: bool) -> list[Entry]:
    """The entries by a column, those of one value by their ids; those without a value are last either way."""
    by_id = sorted(cohort, key=lambda entry: entry.id.casefold())
    values = {entry.id: value(entry, column) for entry in by_id}
    known = [entry for entry in by_id if values[entry.id] is not None]
    known.sort(key=lambda entry: _sort_key(values[entry.id]), reverse=descending)
    return known + [entry for entry in by_id if values[entry.id] is None]


def _sort_key(held: float | str | None) -> tuple[float, str]:
    return (0.0, held.casefold()) if isinstance(held, str) else (held or 0.0, "")


def matches(entry: Entry, words: str) -> bool:
    """Whether a case's name and remarks hold every one of the words, capital or not."""
    wanted = words.casefold().split()
    if not wanted:
        return True
    said = f"{entry.id} {entry.remark}".casefold()
    return all(word in said for word in wanted)


_REGION_COLUMNS = ("hd95_mm", "sensitivity", "prediction_ml", "truth_ml")
_EXPORTED = (
    "case",
    "dice_average",
    *(f"dice_{region}" for region in Region),
    *(f"{measure}_{region}" for measure in _REGION_COLUMNS for region in Region),
    "remarks",
)


def table_text(cohort: Iterable[Entry], delimiter: str) -> str:
    """The table for another program: a line for each case, under the names that the engine's own table has.

    Words that begin a formula get a ' before them.
    """
    made = io.StringIO()
    writer = csv.DictWriter(made, _EXPORTED, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    for entry in cohort:
        writer.writerow({"case": as_text(entry.id), "remarks": as_text(entry.remark)} | _numbers(entry.scores))
    return made.getvalue()


def _numbers(scores: Mapping[Region, Score] | None) -> dict[str, float]:
    if scores is None:
        return {}
    measured = {
        f"{measure}_{region}": getattr(score, measure)
        for region, score in scores.items()
        for measure in ("dice", *_REGION_COLUMNS)
    }
    return {"dice_average": round(dice(scores, AVERAGE), 6)} | measured
