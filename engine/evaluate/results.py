"""The folder of an evaluation's results: its table of cases and its summary, from which a later run goes on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import RESEARCH_USE, __version__
from engine.data.atomic import write_atomically
from engine.data.mark import EVALUATION, PROGRAM, SUMMARY_FILE, read_summary
from engine.errors import EvaluationError
from engine.evaluate.setup import Setup, check_same
from engine.evaluate.table import CASE_MEASURES, LESIONWISE, CaseResult, from_csv, to_csv
from engine.progress import Progress
from engine.score import AVERAGE, Spread, cohort_table, reasons
from engine.score.export import DEFINITIONS

TABLE_FILE = "cases.csv"
BOX_PLOT_FILE = "box_plot.png"
REPORT_FILE = "summary.txt"
MASKS_FOLDER = "masks"
MODELS = "models"
"""What a summary has only where it is of several models: each of them with the folder of its own results."""

_LOWEST = 10
"""So many of the lowest cases stand in a summary with their reasons."""
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation came to.

    `results` are sorted by id. `failures` says of each case or folder that could not be scored why. `summary` is the
    content of the summary file in `folder`.
    """

    folder: Path
    results: tuple[CaseResult, ...]
    failures: Mapping[str, str]
    summary: Mapping[str, Any]

    @property
    def dice(self) -> dict[str, Spread]:
        """The table of Dice: ET, TC, WT and their average over the cases."""
        return cohort_table([result.scores for result in self.results])

    @property
    def name(self) -> str:
        """What people call the model, or the masks, that were evaluated."""
        return str(self.summary["model"]["name"])

    def table(self, measure: str) -> dict[str, Spread]:
        """The same of any of `CASE_MEASURES`; without a column for which no case has a value."""
        return table_of(self.results, measure)

    def mask_path(self, case: str) -> Path:
        """Where the mask of a case lies; nothing is there if predicted masks were not kept, or the case failed."""
        if "masks" in self.summary["model"]:
            given = next((result.mask for result in self.results if result.id == case and result.mask), None)
            if given:
                return Path(given)
        return self.folder / MASKS_FOLDER / f"{case}.nii.gz"


def table_of(results: Iterable[CaseResult], measure: str) -> dict[str, Spread]:
    """Mean and spread over cases of one of `CASE_MEASURES`: ET, TC, WT and their average."""
    found = [result.measured(measure) for result in results]
    return cohort_table([of_regions for of_regions, _ in found if of_regions], measure.removeprefix(LESIONWISE))


@dataclass(frozen=True, slots=True)
class Scored(Progress):
    """The report with which an evaluation goes on to its next case, and the last one: with it comes what is done."""

    evaluation: Evaluation = field(kw_only=True)


def read_results(folder: Path) -> Evaluation:
    """What an evaluation has written into `folder`, whether it has ended or not.

    Of several models, those of the first. Raises EvaluationError if `folder` holds no results, or they cannot be read.
    """
    summary = read_summary(folder)
    if summary is None:
        raise EvaluationError(f"{folder}: holds no results of an evaluation; choose the folder that one wrote into")
    try:
        if MODELS in summary:
            return read_results(folder / str(summary[MODELS][0]["folder"]))
        failures = {str(found["case"]): str(found["reason"]) for found in summary["failures"]}
    except (KeyError, TypeError, IndexError) as error:
        raise EvaluationError(f"{folder / SUMMARY_FILE}: is damaged; evaluate again into another folder") from error
    results = sorted(_table(folder), key=lambda result: result.id)
    return Evaluation(folder, tuple(results), failures, summary)


def check_folder(folder: Path, setup: Setup) -> bool:
    """Whether an earlier run of the same setup has left its summary in `folder`.

    Raises EvaluationError if the folder holds the results of another setup, or such files of another program.
    """
    summary = summary_of(folder, TABLE_FILE)
    if summary is None:
        return False
    if MODELS in summary:
        raise EvaluationError(f"{folder}: holds the comparison of several models; choose another folder with -o")
    check_same(folder, summary, setup.to_json())
    return True


def summary_of(folder: Path, *files: str) -> dict[str, Any] | None:
    """The summary in `folder`; raises EvaluationError where one of `files`, or of what is always there, is foreign."""
    summary = read_summary(folder)
    if summary is None:
        for path in (folder / name for name in (SUMMARY_FILE, REPORT_FILE, BOX_PLOT_FILE, *files)):
            if path.exists():
                raise EvaluationError(f"{path}: is not a result of this program; choose another folder with -o")
    return summary


def earlier_results(folder: Path, setup: Setup) -> dict[str, CaseResult]:
    """What an earlier run of the same setup left in `folder`, by the cases' ids; nothing where there was none.

    Raises EvaluationError as `check_folder` does.
    """
    return {result.id: result for result in _table(folder)} if check_folder(folder, setup) else {}


def _table(folder: Path) -> list[CaseResult]:
    """The rows of the table in `folder`; none where there is no table, as before an evaluation's first case."""
    table = folder / TABLE_FILE
    try:
        text = table.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{table}: cannot be read ({error}); choose another folder") from error
    return from_csv(text, table)


@dataclass(slots=True)
class Record:
    """The results so far of a running evaluation, and the writing of them. `cases_found` counts the data set's cases.

    `results` and `failures` are by the cases' ids; a folder that is no case has its failure under its path.
    """

    folder: Path
    setup: Setup
    cases_found: int
    results: dict[str, CaseResult] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def save(self) -> Evaluation:
        """Write the table and the summary, both or neither; raises ImageFileError if the disk does not take them."""
        ordered = tuple(sorted(self.results.values(), key=lambda result: result.id))
        summary = {
            **heading(),
            **self.setup.to_json(),
            "cases": len(ordered),
            "cases_found": self.cases_found,
            "table": {measure: plain_table(table_of(ordered, measure)) for measure in CASE_MEASURES},
            "std": "of a sample (n - 1)",
            "definitions": {part: DEFINITIONS[part] for part in ("region", "lesionwise", "lesion")},
            "lowest": _lowest(ordered),
            "failures": [{"case": name, "reason": reason} for name, reason in sorted(self.failures.items())],
        }
        table = to_csv(ordered)
        # The summary first: a table alone would not say what it is of.
        write_atomically({self.folder / SUMMARY_FILE: to_text(summary), self.folder / TABLE_FILE: table.encode()})
        return Evaluation(self.folder, ordered, dict(self.failures), summary)


def heading() -> dict[str, Any]:
    """What every summary begins with: what it is, and what made it when."""
    return {
        "program": PROGRAM,
        "kind": EVALUATION,
        "version": __version__,
        "notice": RESEARCH_USE,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def to_text(summary: Mapping[str, Any]) -> bytes:
    """The content of a summary file; every number is finite or null."""
    return (json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def plain_table(table: Mapping[str, Spread]) -> dict[str, dict[str, float | None]]:
    """A table as a summary holds it, with the digits that mean something."""
    return {column: rounded(asdict(values)) for column, values in table.items()}


def rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The values with the digits that mean something."""
    return {name: None if value is None else round(value, _DIGITS) for name, value in values.items()}


def _lowest(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    """The cases with a low score, the lowest average first, and in words what is wrong in each."""
    low: list[dict[str, Any]] = [
        {"case": result.id, "dice_average": round(result.value("dice", AVERAGE) or 0.0, _DIGITS), "reasons": said}
        for result in results
        if (said := reasons(result.scores))
    ]
    return sorted(low, key=lambda case: case["dice_average"])[:_LOWEST]


def make_folder(folder: Path) -> None:
    """Make a folder for results, with those above it; raises EvaluationError if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot be made ({error.strerror or error}); choose another -o") from error
