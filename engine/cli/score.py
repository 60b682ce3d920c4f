"""`brats-engine score`: a prediction against the truth."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from engine.data import CONVENTIONS, LabelMap, decide_convention, read_labels
from engine.errors import LabelConventionError
from engine.score import score, to_json

_COLUMNS = (  # key, heading, width, decimals
    ("dice", "Dice", 8, 3),
    ("hd95_mm", "HD95 mm", 10, 2),
    ("sensitivity", "sens.", 8, 3),
    ("specificity", "spec.", 8, 4),
    ("prediction_ml", "pred. ml", 10, 2),
    ("truth_ml", "truth ml", 10, 2),
)
_log = logging.getLogger(__name__)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "score",
        parents=[shared],
        help="compare a prediction with the truth",
        description="Dice, 95th percentile Hausdorff distance (mm), sensitivity, specificity, volumes of ET, TC, WT.",
    )
    parser.add_argument("prediction", type=Path, metavar="PREDICTION")
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    for which in ("prediction", "truth"):
        parser.add_argument(
            f"--{which}-labels",
            choices=tuple(CONVENTIONS),
            help=f"what the integers of {which.upper()} mean; needed where its name does not say it",
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Score one pair of masks."""
    prediction = _read(options.prediction, options.prediction_labels, "--prediction-labels")
    truth = _read(options.truth, options.truth_labels, "--truth-labels")
    result = to_json(score(prediction, truth))
    print(json.dumps(result, indent=2) if options.json else _table(result))


def _read(path: Path, convention_name: str | None, option: str) -> LabelMap:
    if convention_name:
        return read_labels(path, CONVENTIONS[convention_name])
    convention, reason = decide_convention(path)
    if convention is None:
        raise LabelConventionError(f"{path}: {reason}; say {option} {'|'.join(CONVENTIONS)}")
    _log.info("%s: labels of %s (%s)", path, convention.title, reason)
    return read_labels(path, convention)


def _table(result: dict[str, Any]) -> str:
    lines = [" " * 4 + "".join(f"{heading:>{width}}" for _, heading, width, _ in _COLUMNS)]
    for region, row in result["regions"].items():
        cells = [(row[key], width, decimals) for key, _, width, decimals in _COLUMNS]
        shown = ("-" if value is None else f"{value:.{decimals}f}" for value, _, decimals in cells)
        lines.append(
            f"{region:4}" + "".join(f"{text:>{width}}" for text, (_, width, _) in zip(shown, cells, strict=True))
        )
    return "\n".join(lines)
