"""A comparison on paper: as a table and as a record, each with what was compared and how its numbers are defined."""

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine import RESEARCH_USE, __version__
from engine.data import Grid, Region
from engine.data.mark import PROGRAM
from engine.score.compare import Comparison
from engine.score.lesions import ABSENT_LESION_HD95_MM, SMALLEST_LESION_MM3, LesionKind
from engine.score.surface import ABSENT_HD95_MM

KIND = "comparison"
PLANES = ("sagittal", "coronal", "axial")
"""Of a grid whose axes are R, A, S: the plane across each axis."""

DEFINITIONS = {
    "region": (
        "of all voxels of the region; hd95_mm: 95th percentile of the distances between the voxels of the surfaces, "
        f"the larger of both directions; empty in both: Dice 1, HD95 0; in one: Dice 0, HD95 {ABSENT_HD95_MM} mm"
    ),
    "lesionwise": (
        "mean over the region's lesions but the ignored, by the rules of BraTS 2023; without any: Dice 1, HD95 0"
    ),
    "lesion": (
        "of one lesion; hd95_mm between surfaces weighted by area; missed or false positive: Dice 0, HD95 "
        f"{ABSENT_LESION_HD95_MM:g} mm; ignored: up to {SMALLEST_LESION_MM3:g} mm3 in the truth"
    ),
    "slice": "Dice of one slice, counted from 1; slices without the region in both are left out",
}
"""What the numbers of each part of a comparison are."""

_COLUMNS = (
    *("case", "prediction", "prediction_file", "truth", "truth_file", "model", "model_sha256", "version"),
    *("part", "region", "plane", "number", "kind", "dice", "hd95_mm", "sensitivity", "specificity"),
    *("prediction_ml", "truth_ml", "x_mm", "y_mm", "z_mm", "definition"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Where a label map is from: what a person calls it, its file if it has one, and the model that made it if one did.

    model_sha256: of the model's weights. device, tta, seconds: as in `Segmentation`.
    """

    title: str
    file: Path | None = None
    model: str = ""
    model_sha256: str = ""
    device: str = ""
    tta: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonRecord:
    """A comparison of two label maps on `grid`, whose axes are R, A, S, and which two they were."""

    case_id: str
    folder: Path
    prediction: LabelSource
    truth: LabelSource
    grid: Grid
    comparison: Comparison

    def to_json(self) -> str:
        """Everything that was compared, as a JSON object whose numbers are finite or null.

        The slices are those of each plane in order, the first of them the most left, posterior or inferior one.
        """
        content = {
            "program": PROGRAM,
            "kind": KIND,
            "version": __version__,
            "notice": RESEARCH_USE,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "case": self.case_id,
            "folder": str(self.folder.absolute()),
            "prediction": _plain(self.prediction),
            "truth": _plain(self.truth),
            "grid": {"shape": self.grid.shape, "spacing_mm": self.grid.spacing_mm, "axes": "RAS"},
            "definitions": DEFINITIONS,
            "regions": {region.value: self._of_region(region) for region in Region},
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """One line for each region, each lesion and each slice with tumour; words that begin a formula get a '."""
        made = io.StringIO()
        writer = csv.DictWriter(made, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        about = {
            "case": self.case_id,
            "prediction": self.prediction.title,
            "prediction_file": _path(self.prediction),
            "truth": self.truth.title,
            "truth_file": _path(self.truth),
            "model": self.prediction.model,
            "model_sha256": self.prediction.model_sha256,
            "version": __version__,
        }
        safe = {name: as_text(str(words)) for name, words in about.items()}
        for row in self._rows():
            writer.writerow(safe | row | {"definition": DEFINITIONS[row["part"]]})
        return made.getvalue()

    def _of_region(self, region: Region) -> dict[str, Any]:
        lesions = self.comparison.lesions[region]
        return {
            **asdict(self.comparison.scores[region]),
            "lesionwise": {
                "dice": lesions.dice,
                "hd95_mm": lesions.hd95_mm,
                "counts": {kind.value: lesions.count(kind) for kind in LesionKind},
                "lesions": [asdict(lesion) | {"centre": self._place(lesion.centre)} for lesion in lesions.lesions],
            },
            "slices": {
                plane: {
                    "both": scores[region].both.tolist(),
                    "prediction": scores[region].prediction.tolist(),
                    "truth": scores[region].truth.tolist(),
                    "dice": [None if math.isnan(dice) else dice for dice in scores[region].dice.tolist()],
                }
                for plane, scores in zip(PLANES, self.comparison.slices, strict=True)
            },
        }

    def _rows(self) -> Iterator[dict[str, Any]]:
        for region in Region:
            lesions = self.comparison.lesions[region]
            yield {"part": "region", "region": region, **asdict(self.comparison.scores[region])}
            yield {"part": "lesionwise", "region": region, "dice": lesions.dice, "hd95_mm": lesions.hd95_mm}
            for lesion in lesions.lesions:
                row = asdict(lesion)
                yield {"part": "lesion", "region": region, **self._place(row.pop("centre")), **row}
        for plane, scores in zip(PLANES, self.comparison.slices, strict=True):
            for region, of_region in scores.items():
                for number, dice in enumerate(of_region.dice.tolist(), start=1):
                    if not math.isnan(dice):
                        yield {"part": "slice", "region": region, "plane": plane, "number": number, "dice": dice}

    def _place(self, ijk: tuple[int, int, int]) -> dict[str, float]:
        """A voxel's place in the world."""
        x, y, z = self.grid.to_world(np.asarray(ijk, dtype=np.float64)).round(3).tolist()
        return {"x_mm": x, "y_mm": y, "z_mm": z}


def _plain(source: LabelSource) -> dict[str, Any]:
    return {name: value or None for name, value in (asdict(source) | {"file": _path(source)}).items()}


def _path(source: LabelSource) -> str:
    return str(source.file.absolute()) if source.file else ""


def as_text(words: str) -> str:
    """Words that no spreadsheet takes for a formula.

    >>> as_text("=1+1"), as_text("case 1")
    ("'=1+1", 'case 1')
    """
    return f"'{words}" if words.startswith(_FORMULA) else words
