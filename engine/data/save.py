"""Saving a segmentation: its mask and uncertainty on the case's native grid, and beside each where it came from."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine import RESEARCH_USE, __version__
from engine.data.atomic import write_atomically
from engine.data.case import Case, CaseFiles
from engine.data.labels import LabelConvention
from engine.data.mark import KIND, PROGRAM, mark, provenance_path, read_provenance
from engine.data.nifti_write import encode_labels, encode_volume
from engine.data.segmentation import Segmentation, Uncertainty
from engine.data.volume import LabelMap, Volume
from engine.errors import ImageFileError

_UNCERTAINTY_MARK = f"{PROGRAM} {KIND}, labels none, entropy in bits, {__version__}"


def save_segmentation(
    path: Path,
    segmentation: Segmentation,
    case: Case,
    convention: LabelConvention,
    uncertainty_path: Path | None = None,
) -> tuple[Path, Path]:
    """Write the mask to `path` (.nii.gz or .nii) and its provenance beside it; returns both paths.

    With `uncertainty_path` the entropy is written there, in bits as float32, with a provenance of its own. All are
    written and verified, or none. Each image carries a mark by which `find_case` never takes it for truth or image.
    Raises ImageFileError, also where `check_targets` does, and LabelConventionError if a label has no integer in
    `convention`.
    """
    check_targets(case.files, path, uncertainty_path)
    if segmentation.labels.data.shape != case.native.shape:
        raise ValueError(f"labels of shape {segmentation.labels.data.shape} are not on the grid of {case.id}")
    mask = encode_labels(
        path, LabelMap(segmentation.labels.data, case.native), convention, f"{mark(convention)}, {__version__}"
    )
    origin = _origin(segmentation, case)
    contents = _with_record(path, mask, origin, {"mask": _fingerprint(path, mask), "labels": _meaning(convention)})
    if uncertainty_path is not None:
        entropy = _entropy(segmentation.uncertainty, case)
        numbers = encode_volume(uncertainty_path, entropy, _UNCERTAINTY_MARK)
        measure = {"measure": "entropy", "unit": "bit", **_fingerprint(uncertainty_path, numbers)}
        contents |= _with_record(uncertainty_path, numbers, origin, {"uncertainty": measure})
    write_atomically(contents)
    return path, provenance_path(path)


def check_targets(files: CaseFiles, path: Path, uncertainty_path: Path | None = None) -> None:
    """Raise ImageFileError where a segmentation of this case, saved there, would replace what it must not.

    That is one of the case's own files, a file beside it that is no provenance of ours, or the one of its own.
    """
    images = [path] if uncertainty_path is None else [path, uncertainty_path]
    targets = {target.resolve() for image in images for target in (image, provenance_path(image))}
    if len(targets) < 2 * len(images):
        raise ImageFileError(
            f"{uncertainty_path}: would replace the mask {path} or its provenance; choose another name"
        )
    inputs = [source.path for source in files.images.values()]
    if files.truth is not None:
        inputs.append(files.truth)
    for image in images:
        if any(image.exists() and file.exists() and image.samefile(file) for file in inputs):
            raise ImageFileError(f"{image}: is a file of the case itself and is not overwritten; choose another name")
        record = provenance_path(image)
        if record.exists() and read_provenance(image) is None:
            raise ImageFileError(
                f"{record}: is not a file of this program and would be overwritten; choose another name for "
                f"{image.name}"
            )


def _entropy(uncertainty: Uncertainty | None, case: Case) -> Volume:
    if uncertainty is None or uncertainty.entropy.shape != case.native.shape:
        raise ValueError(f"there is no uncertainty on the grid of {case.id}")
    return Volume(uncertainty.entropy.astype(np.float32), case.native)


def _with_record(path: Path, content: bytes, origin: dict[str, Any], what: dict[str, Any]) -> dict[Path, bytes]:
    """An image and its provenance, as they are to be written."""
    text = json.dumps(origin | what, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {provenance_path(path): text.encode(), path: content}


def _fingerprint(path: Path, content: bytes) -> dict[str, str]:
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest()}


def _meaning(convention: LabelConvention) -> dict[str, Any]:
    return {
        "convention": convention.name,
        "title": convention.title,
        "values": {str(value): label.name for value, label in sorted(convention.values.items())},
    }


def _origin(segmentation: Segmentation, case: Case) -> dict[str, Any]:
    """What the provenance says of every image that is saved of a segmentation."""
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
        "model": {"name": segmentation.model, "sha256": segmentation.model_sha256},
        "device": segmentation.device,
        "backend": segmentation.backend,
        "tta": segmentation.tta,
        "seconds": round(segmentation.seconds, 3),
        "confidence": dict(segmentation.uncertainty.confidence) if segmentation.uncertainty else None,
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
