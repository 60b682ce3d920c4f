"""The table of an evaluation's cases, as a CSV file that people open and a later run goes on from."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from engine.data import Region
from engine.errors import EvaluationError
from engine.score import Score, average

HASH_DIGITS = 12
_MEASURES = tuple(field.name for field in fields(Score))
_COLUMNS = (
    "case",
    *(f"dice_{region}" for region in Region),
    "dice_average",
    *(f"{measure}_{region}" for measure in _MEASURES if measure != "dice" for region in Region),
    *("seconds", "device", "model", "model_sha256", "warnings", "files"),
)
_BETWEEN_WARNINGS = " | "


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case: a row of the table.

    `scores` are at the case's native grid. `seconds` is the wall time of the segmentation, without reading and scoring.
    `model_sha256` is the beginning of the hash of the weights. `files` is the `fingerprint` of the case's files.
    """

    id: str
    scores: Mapping[Region, Score]
    seconds: float
    device: str
    model: str
    model_sha256: str
    warnings: tuple[str, ...]
    files: str


def to_csv(results: Iterable[CaseResult]) -> str:
    """The table with a line for each result; every number reads back as it was."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        writer.writerow(_row(result))
    return text.getvalue()


def from_csv(text: str, path: Path) -> list[CaseResult]:
    """The results that the table at `path` holds; a line that is damaged or cut off is left out, so it is done again.

    Raises EvaluationError if it is no such table.
    """
    header, *lines, _ = text.split("\n") if "\n" in text else [",".join(_COLUMNS), ""]
    if next(csv.reader([header]), []) != list(_COLUMNS):
        raise EvaluationError(f"{path}: is not the table of an evaluation by this version; choose another folder")
    results = []
    for line in lines:
        cells = next(csv.reader([line]), [])
        try:
            results.append(_result(dict(zip(_COLUMNS, cells, strict=True))))
        except ValueError:
            continue
    return results


def _row(result: CaseResult) -> dict[str, object]:
    row: dict[str, object] = {
        f"{measure}_{region}": getattr(score, measure)
        for region, score in result.scores.items()
        for measure in _MEASURES
    }
    return row | {
        "case": result.id,
        "dice_average": average(result.scores),
        "seconds": result.seconds,
        "device": result.device,
        "model": result.model,
        "model_sha256": result.model_sha256,
        "warnings": _BETWEEN_WARNINGS.join(" ".join(line.split()) for line in result.warnings),
        "files": result.files,
    }


def _result(row: Mapping[str, str]) -> CaseResult:
    """Raises ValueError where a cell does not hold what it must."""
    scores = {
        region: Score(
            **{measure: float(row[f"{measure}_{region}"]) for measure in _MEASURES if measure != "specificity"},
            specificity=float(row[f"specificity_{region}"]) if row[f"specificity_{region}"] else None,
        )
        for region in Region
    }
    return CaseResult(
        id=row["case"],
        scores=scores,
        seconds=float(row["seconds"]),
        device=row["device"],
        model=row["model"],
        model_sha256=row["model_sha256"],
        warnings=tuple(row["warnings"].split(_BETWEEN_WARNINGS)) if row["warnings"] else (),
        files=row["files"],
    )
