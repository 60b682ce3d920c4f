"""`brats-engine score`: a prediction against the truth."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from engine.data import CONVENTIONS, LabelMap, decide_convention, read_labels
from engine.errors import LabelConventionError
from engine.score import lesion_scores, lesions_to_json, score, to_json

_COLUMNS = (  # part of the result, key, heading, width, decimals
    ("regions", "dice", "Dice", 8, 3),
    ("regions", "hd95_mm", "HD95 mm", 10, 2),
    ("regions", "sensitivity", "sens.", 8, 3),
    ("regions", "specificity", "spec.", 8, 4),
    ("regions", "prediction_ml", "pred. ml", 10, 2),
    ("regions", "truth_ml", "truth ml", 10, 2),
    ("lesionwise", "dice", "lesion Dice", 13, 3),
    ("lesionwise", "hd95_mm", "lesion HD95 mm", 16, 2),
)
_LESION_COLUMNS = (  # key, heading, width, decimals
    ("truth_ml", "truth ml", 10, 3),
    ("prediction_ml", "pred. ml", 10, 3),
    ("dice", "Dice", 8, 3),
    ("hd95_mm", "HD95 mm", 10, 2),
)
_log = logging.getLogger(__name__)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "score",
        parents=[shared],
        help="compare a prediction with the truth",
        description="Dice, 95th percentile Hausdorff distance (mm), sensitivity, specificity, volumes of ET, TC, WT; "
        "and Dice and HD95 averaged over lesions, as BraTS has scored adult glioma since 2023.",
    )
    parser.add_argument("prediction", type=Path, metavar="PREDICTION")
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    for which in ("prediction", "truth"):
        parser.add_argument(
            f"--{which}-labels",
            choices=tuple(CONVENTIONS),
            help=f"what the integers of {which.upper()} mean; needed where its name does not say it",
        )
    parser.add_argument("--lesions", action="store_true", help="list each lesion (--json always does)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Score one pair of masks."""
    prediction = _read(options.prediction, options.prediction_labels, "--prediction-labels")
    truth = _read(options.truth, options.truth_labels, "--truth-labels")
    result = to_json(score(prediction, truth)) | lesions_to_json(lesion_scores(prediction, truth))
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(_table(result))
    if options.lesions:
        print("\n" + _lesion_table(result["lesionwise"]))


def _read(path: Path, convention_name: str | None, option: str) -> LabelMap:
    if convention_name:
        return read_labels(path, CONVENTIONS[convention_name])
    convention, reason = decide_convention(path)
    if convention is None:
        raise LabelConventionError(f"{path}: {reason}; say {option} {'|'.join(CONVENTIONS)}")
    _log.info("%s: labels of %s (%s)", path, convention.title, reason)
    return read_labels(path, convention)


def _table(result: dict[str, Any]) -> str:
    lines = [" " * 4 + "".join(f"{heading:>{width}}" for _, _, heading, width, _ in _COLUMNS)]
    for region in result["regions"]:
        cells = (_cell(result[part][region][key], width, decimals) for part, key, _, width, decimals in _COLUMNS)
        lines.append(f"{region:4}" + "".join(cells))
    return "\n".join(lines)


def _lesion_table(regions: dict[str, Any]) -> str:
    """A row for each lesion; the centre is the voxel index of one of its voxels."""
    heading = "".join(f"{heading:>{width}}" for _, heading, width, _ in _LESION_COLUMNS)
    lines = [f"    {'no.':>4}  {'lesion':16}{'centre i j k':>14}" + heading]
    for region, row in regions.items():
        for lesion in row["lesions"]:
            centre = " ".join(f"{index:3}" for index in lesion["centre"])
            cells = (_cell(lesion[key], width, decimals) for key, _, width, decimals in _LESION_COLUMNS)
            kind = lesion["kind"].replace("_", " ")
            lines.append(f"{region:4}{lesion['number']:4}  {kind:16}{centre:>14}" + "".join(cells))
    return "\n".join(lines)


def _cell(value: float | None, width: int, decimals: int) -> str:
    return f"{'-' if value is None else f'{value:.{decimals}f}':>{width}}"
