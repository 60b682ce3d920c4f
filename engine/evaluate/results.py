"""The folder of an evaluation's results: its table of cases and its summary, from which a later run goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import RESEARCH_USE, __version__
from engine.data import LabelConvention, Modality
from engine.data.atomic import write_atomically
from engine.data.mark import EVALUATION, PROGRAM, SUMMARY_FILE, read_summary
from engine.errors import EvaluationError
from engine.evaluate.table import HASH_DIGITS, CaseResult, from_csv, to_csv
from engine.model import ModelCard
from engine.progress import Progress
from engine.score import MEASURES, Spread, cohort_table

TABLE_FILE = "cases.csv"
MASKS_FOLDER = "masks"
_OF_PEOPLE = ("name", "title", "description", "training", "scores", "limits")
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides an evaluation's numbers: only results of one setup may stand in one table."""

    dataset: Path
    card: ModelCard
    tta: str
    modalities: tuple[Modality, ...]
    convention: LabelConvention | None

    def to_json(self) -> dict[str, Any]:
        """Plain types, as a summary holds them; of the model's card all that changes a mask."""
        card = {name: value for name, value in self.card.to_json().items() if name not in _OF_PEOPLE}
        content = {
            "dataset": str(self.dataset.resolve()),
            "model": {"name": self.card.name, "sha256": self.card.sha256, "card": card},
            "tta": self.tta,
            "modalities": list(self.modalities),
            "labels": self.convention.name if self.convention else "as the files are named",
        }
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


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

    def mask_path(self, case: str) -> Path:
        """Where the predicted mask of a case lies; nothing is there if masks were not kept, or the case failed."""
        return self.folder / MASKS_FOLDER / f"{case}.nii.gz"


@dataclass(frozen=True, slots=True)
class Scored(Progress):
    """The report with which an evaluation goes on to its next case, and the last one: with it comes what is done."""

    evaluation: Evaluation = field(kw_only=True)


def read_results(folder: Path) -> Evaluation:
    """What an evaluation has written into `folder`, whether it has ended or not.

    Raises EvaluationError if `folder` holds no results, or they cannot be read.
    """
    summary = read_summary(folder)
    if summary is None:
        raise EvaluationError(f"{folder}: holds no results of an evaluation; choose the folder that one wrote into")
    try:
        failures = {str(found["case"]): str(found["reason"]) for found in summary["failures"]}
    except (KeyError, TypeError) as error:
        raise EvaluationError(f"{folder / SUMMARY_FILE}: is damaged; evaluate again into another folder") from error
    results = sorted(_table(folder), key=lambda result: result.id)
    return Evaluation(folder, tuple(results), failures, summary)


def earlier_results(folder: Path, setup: Setup) -> dict[str, CaseResult]:
    """What an earlier run of the same setup left in `folder`, by the cases' ids; nothing where there was none.

    Raises EvaluationError if the folder holds the results of another setup, or such files of another program.
    """
    summary, table = read_summary(folder), folder / TABLE_FILE
    if summary is None:
        for path in (folder / SUMMARY_FILE, table):
            if path.exists():
                raise EvaluationError(f"{path}: is not a result of this program; choose another folder with -o")
        return {}
    _check_same(folder, summary, setup.to_json())
    return {result.id: result for result in _table(folder)}


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
        scores = [result.scores for result in ordered]
        summary = {
            "program": PROGRAM,
            "kind": EVALUATION,
            "version": __version__,
            "notice": RESEARCH_USE,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            **self.setup.to_json(),
            "cases": len(ordered),
            "cases_found": self.cases_found,
            "table": {measure: _plain(cohort_table(scores, measure)) for measure in MEASURES},
            "std": "of a sample (n - 1)",
            "failures": [{"case": name, "reason": reason} for name, reason in sorted(self.failures.items())],
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        table = to_csv(ordered)
        # The summary first: a table alone would not say what it is of.
        write_atomically({self.folder / SUMMARY_FILE: text.encode(), self.folder / TABLE_FILE: table.encode()})
        return Evaluation(self.folder, ordered, dict(self.failures), summary)


def make_folder(folder: Path) -> None:
    """Make a folder for results, with those above it; raises EvaluationError if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{folder}: cannot be made ({error.strerror or error}); choose another -o") from error


def _check_same(folder: Path, summary: Mapping[str, Any], setup: Mapping[str, Any]) -> None:
    before, now = ({**content, "model": _without_name(content.get("model"))} for content in (summary, setup))
    different = [name for name in setup if before.get(name) != now[name]]
    if different:
        told = "; ".join(_difference(name, summary.get(name), setup[name]) for name in different)
        raise EvaluationError(
            f"{folder}: holds the results of another evaluation ({told}); choose another folder with -o"
        )


def _without_name(model: object) -> object:
    return {key: value for key, value in model.items() if key != "name"} if isinstance(model, dict) else model


def _difference(name: str, before: object, now: object) -> str:
    """What differs, for people; of a model with the same weights, the fields of its card."""
    shown, now_shown = _shown(before), _shown(now)
    if shown == now_shown and isinstance(before, dict) and isinstance(now, dict):
        cards = before.get("card") or {}, now.get("card") or {}
        fields = sorted(key for key in {*cards[0], *cards[1]} if cards[0].get(key) != cards[1].get(key))
        return f"{name} {shown}: its card differs in {', '.join(fields)}"
    return f"{name}: {shown}, now {now_shown}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"{value.get('name')} {str(value.get('sha256'))[:HASH_DIGITS]}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _plain(table: Mapping[str, Spread]) -> dict[str, dict[str, float | None]]:
    return {
        column: {name: None if value is None else round(value, _DIGITS) for name, value in asdict(values).items()}
        for column, values in table.items()
    }
