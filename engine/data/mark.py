"""How the program's own results are told from images and from truth, whatever they are called.

A prediction carries a mark in its NIfTI header, and beside it a JSON file of provenance. A folder of an evaluation's
results holds a JSON file that says so.
"""

import json
import re
from pathlib import Path
from typing import Any

from engine.data.labels import CONVENTIONS, Label, LabelConvention
from engine.data.naming import stem
from engine.data.nifti import read_header
from engine.errors import ImageFileError

PROGRAM = "brats-viewer"
KIND = "prediction"
EVALUATION = "evaluation"
SUMMARY_FILE = "summary.json"
_MARK = re.compile(rf"{PROGRAM} {KIND}, labels ([\w.]+)")


def mark(convention: LabelConvention) -> str:
    """The header text of a prediction whose integers are those of `convention`.

    >>> mark(CONVENTIONS["brats2023"])
    'brats-viewer prediction, labels brats2023'
    """
    return f"{PROGRAM} {KIND}, labels {convention.name}"


def provenance_path(path: Path) -> Path:
    """Where the provenance of the mask at `path` stands.

    >>> provenance_path(Path("a.nii.gz")).name
    'a.json'
    """
    return path.with_name(f"{stem(path.name)}.json")


def read_provenance(path: Path) -> dict[str, Any] | None:
    """The provenance beside the mask at `path`, or None where there is none of ours."""
    return _read_ours(provenance_path(path), KIND)


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of the evaluation whose results lie in `folder`, or None where there is none of ours."""
    return _read_ours(folder / SUMMARY_FILE, EVALUATION)


def is_evaluation(folder: Path) -> bool:
    """Whether `folder` holds the results of an evaluation."""
    return read_summary(folder) is not None


def _read_ours(path: Path, kind: str) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # a foreign file of that name says nothing
    ours = isinstance(record, dict) and record.get("program") == PROGRAM and record.get("kind") == kind
    return record if ours else None


def is_prediction(path: Path, description: str | None = None) -> bool:
    """Whether the image file is one of our own predictions; `description` is its header's, read where not given."""
    text = _description(path) if description is None else description
    return _MARK.match(text) is not None or read_provenance(path) is not None


def prediction_convention(path: Path) -> LabelConvention | None:
    """The label convention that our own prediction at `path` was written in; None if it is none of ours, or unknown."""
    record = read_provenance(path)
    if record is not None:
        try:
            values = {int(value): Label[name] for value, name in record["labels"]["values"].items()}
            return named_convention(str(record["labels"]["convention"]), values)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
    found = _MARK.match(_description(path))
    return CONVENTIONS.get(found.group(1)) if found else None


def named_convention(name: str, values: dict[int, Label]) -> LabelConvention:
    """The known convention with these integers, or else a new one of this name."""
    for known in CONVENTIONS.values():
        if dict(known.values) == values:
            return known
    return LabelConvention(name, name, values)


def _description(path: Path) -> str:
    try:
        return read_header(path).description
    except ImageFileError:
        return ""  # what cannot be read is reported when it is opened
