"""Saving a segmentation: the mask on the case's native grid, and beside it where it came from."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import RESEARCH_USE, __version__
from engine.data.atomic import write_atomically
from engine.data.case import Case
from engine.data.labels import LabelConvention
from engine.data.mark import KIND, PROGRAM, mark, provenance_path, read_provenance
from engine.data.nifti_write import encode_labels
from engine.data.segmentation import Segmentation
from engine.data.volume import LabelMap
from engine.errors import ImageFileError


def save_segmentation(
    path: Path, segmentation: Segmentation, case: Case, convention: LabelConvention
) -> tuple[Path, Path]:
    """Write the mask to `path` (.nii.gz or .nii) and its provenance beside it; returns both paths.

    Both are written and verified, or neither. The mask carries a mark by which `find_case` never takes it for truth.
    Raises ImageFileError, also where `path` is one of the case's own files or the provenance would replace a foreign
    file, and LabelConventionError if a label has no integer in `convention`.
    """
    if segmentation.labels.data.shape != case.native.shape:
        raise ValueError(f"labels of shape {segmentation.labels.data.shape} are not on the grid of {case.id}")
    record_path = provenance_path(path)
    _refuse_to_replace(path, record_path, case)
    labels = LabelMap(segmentation.labels.data, case.native)
    mask = encode_labels(path, labels, convention, f"{mark(convention)}, {__version__}")
    record = _provenance(path, mask, segmentation, case, convention)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically({record_path: text.encode(), path: mask})
    return path, record_path


def _refuse_to_replace(path: Path, record_path: Path, case: Case) -> None:
    inputs = [source.path for source in case.files.images.values()]
    if case.files.truth is not None:
        inputs.append(case.files.truth)
    if any(path.exists() and file.exists() and path.samefile(file) for file in inputs):
        raise ImageFileError(f"{path}: is a file of the case itself and is not overwritten; choose another name")
    if record_path.exists() and read_provenance(path) is None:
        raise ImageFileError(
            f"{record_path}: is not a file of this program and would be overwritten; choose another name for the mask"
        )


def _provenance(
    path: Path, mask: bytes, segmentation: Segmentation, case: Case, convention: LabelConvention
) -> dict[str, Any]:
    inputs = {
        modality.name: {"path": str(source.path.absolute()), "volume": source.volume, "sha256": _sha256(source.path)}
        for modality, source in case.files.images.items()
    }
    return {
        "program": PROGRAM,
        "kind": KIND,
        "version": __version__,
        "notice": RESEARCH_USE,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "case": segmentation.case_id,
        "mask": {"file": path.name, "sha256": hashlib.sha256(mask).hexdigest()},
        "labels": {
            "convention": convention.name,
            "title": convention.title,
            "values": {str(value): label.name for value, label in sorted(convention.values.items())},
        },
        "model": {"name": segmentation.model, "sha256": segmentation.model_sha256},
        "device": segmentation.device,
        "tta": segmentation.tta,
        "seconds": round(segmentation.seconds, 3),
        "notes": [*case.warnings, *segmentation.notes],
        "inputs": inputs,
    }


def _sha256(path: Path) -> str | None:
    """The hash of an input file, None if it is no longer there: the mask of a long job is worth more than the hash."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
