"""The table of an evaluation's cases, as a CSV file that people open and a later run goes on from."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from engine.data import Region
from engine.errors import EvaluationError
from engine.score import AVERAGE, LESION_MEASURES, MEASURES, Lesionwise, Measured, Score, average, reasons

HASH_DIGITS = 12
LESIONWISE = "lesionwise_"
"""Before the name of a measure that is of lesions."""
CASE_MEASURES = (*MEASURES, *(f"{LESIONWISE}{measure}" for measure in LESION_MEASURES))
"""What is measured of a case in each of `COLUMNS`."""
COLUMNS = (*(region.value for region in Region), AVERAGE)

_OF_SCORE = tuple(field.name for field in fields(Score))
_COLUMNS = (
    "case",
    *(f"dice_{region}" for region in Region),
    "dice_average",
    *(f"{measure}_{region}" for measure in _OF_SCORE if measure != "dice" for region in Region),
    *(f"{LESIONWISE}{measure}_{region}" for measure in LESION_MEASURES for region in Region),
    *("remarks", "seconds", "device", "model", "model_sha256", "mask", "warnings", "files"),
)
_NEEDED = ("case", *(f"{measure}_{region}" for measure in _OF_SCORE for region in Region))
_BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case: a row of the table.

    `scores` are at the case's native grid, and so is `lesionwise`, which a table of an earlier version lacks. `seconds`
    is the wall time of the segmentation, without reading and scoring. `model` is what made the mask, `model_sha256` the
    beginning of the hash of its weights; where masks were given, the name of their folder and nothing, `device` is
    empty, and `mask` is the file. `files` is the `fingerprint` of all files that the result is from.
    """

    id: str
    scores: Mapping[Region, Score]
    lesionwise: Mapping[Region, Lesionwise] = field(default_factory=dict)
    seconds: float | None = None
    device: str = ""
    model: str = ""
    model_sha256: str = ""
    mask: str = ""
    warnings: tuple[str, ...] = ()
    files: str = ""

    def measured(self, measure: str) -> tuple[Measured, str]:
        """Where one of `CASE_MEASURES` is to be found: what there is of every region, and its field of that."""
        if measure.startswith(LESIONWISE):
            return self.lesionwise, measure.removeprefix(LESIONWISE)
        return self.scores, measure

    def value(self, measure: str, column: str) -> float | None:
        """One of `CASE_MEASURES` in a region or the average; None where there is none."""
        found, name = self.measured(measure)
        if not found:
            return None
        if column == AVERAGE:
            return average(found, name)
        value: float | None = getattr(found[Region(column)], name)
        return value


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

    Columns may stand in another order, and others may be among them. Those that a table of an earlier version lacks
    are as `CaseResult` has them by default. Raises EvaluationError if it is no such table.
    """
    header, *lines, _ = text.replace("\r\n", "\n").split("\n") if "\n" in text else [",".join(_COLUMNS), ""]
    columns = next(csv.reader([header]), [])
    if not set(_NEEDED) <= set(columns):
        raise EvaluationError(f"{path}: is not the table of an evaluation; choose another folder")
    results = []
    for line in lines:
        cells = next(csv.reader([line]), [])
        try:
            results.append(_result(dict(zip(columns, cells, strict=True))))
        except ValueError:
            continue
    return results


def _row(result: CaseResult) -> dict[str, object]:
    return {
        **_cells("", result.scores, _OF_SCORE),
        **_cells(LESIONWISE, result.lesionwise, LESION_MEASURES),
        "case": result.id,
        "dice_average": average(result.scores),
        "remarks": "; ".join(reasons(result.scores)),
        "seconds": result.seconds,
        "device": result.device,
        "model": result.model,
        "model_sha256": result.model_sha256,
        "mask": result.mask,
        "warnings": _BETWEEN.join(" ".join(line.split()) for line in result.warnings),
        "files": result.files,
    }


def _cells(prefix: str, measured: Measured, measures: Iterable[str]) -> dict[str, object]:
    return {
        f"{prefix}{measure}_{region}": getattr(of_region, measure)
        for region, of_region in measured.items()
        for measure in measures
    }


def _result(row: Mapping[str, str]) -> CaseResult:
    """Raises ValueError where a cell does not hold what it must."""
    scores = {
        region: Score(
            **{measure: float(row[f"{measure}_{region}"]) for measure in _OF_SCORE if measure != "specificity"},
            specificity=_number(row[f"specificity_{region}"]),
        )
        for region in Region
    }
    warnings = row.get("warnings", "")
    return CaseResult(
        id=row["case"],
        scores=scores,
        lesionwise=_lesionwise(row),
        seconds=_number(row.get("seconds", "")),
        device=row.get("device", ""),
        model=row.get("model", ""),
        model_sha256=row.get("model_sha256", ""),
        mask=row.get("mask", ""),
        warnings=tuple(warnings.split(_BETWEEN)) if warnings else (),
        files=row.get("files", ""),
    )


def _lesionwise(row: Mapping[str, str]) -> dict[Region, Lesionwise]:
    """The means over lesions; nothing where a region's are not there."""
    cells = {
        region: [row.get(f"{LESIONWISE}{measure}_{region}", "") for measure in LESION_MEASURES] for region in Region
    }
    if not all(all(values) for values in cells.values()):
        return {}
    return {region: Lesionwise(*map(float, values)) for region, values in cells.items()}


def _number(cell: str) -> float | None:
    return float(cell) if cell else None
