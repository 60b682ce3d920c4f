"""A small made-up case whose every side is known: what tests show, segment and save without a file on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.data import Case, CaseFiles, Grid, Label, LabelMap, Modality, Segmentation, Volume, orient

ScalarT = TypeVar("ScalarT", bound=np.generic)

# Per modality: cerebrospinal fluid, brain, then the three labels of the tumour. Background is 0.
_INTENSITIES = {
    Modality.T1N: (120.0, 400.0, 180.0, 320.0, 340.0),
    Modality.T1C: (130.0, 420.0, 200.0, 340.0, 900.0),
    Modality.T2W: (900.0, 400.0, 700.0, 650.0, 560.0),
    Modality.T2F: (100.0, 380.0, 300.0, 800.0, 600.0),
}


def phantom_case(
    axis_codes: str = "LPS",
    *,
    case_id: str = "phantom",
    shape: tuple[int, int, int] = (40, 48, 36),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    tilt_deg: float = 0.0,
    modalities: Sequence[Modality] = tuple(Modality),
    with_truth: bool = True,
) -> Case:
    """An ellipsoid brain with ventricles and one tumour, at the patient's left, front and top.

    `shape` and `spacing_mm` are given in the order R, A, S; the case is stored with its axes in the order
    `axis_codes`, and stays the same in the world. `tilt_deg` turns the whole grid about the left-right axis (the nose
    goes up), so that axial and coronal planes are that much oblique and sagittal ones are not. The grid's centre is
    the world's origin. The tumour's core lies around (-0.2, 0.18, 0.15) of the grid's extent, seen from its centre.
    """
    tilt = np.radians(tilt_deg)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    orientation = orient(Grid(shape, affine), axis_codes)
    native = orientation.canonical

    tissue = _tissue(shape, spacing_mm)
    noise = np.random.default_rng(0).normal(1.0, 0.03, shape)
    images = {}
    for modality in modalities:
        values = np.array([0.0, *_INTENSITIES[modality]])[tissue] * noise
        images[modality] = Volume(_stored(orientation.forward(values), np.float32), native)
    labels = _stored(orientation.forward(np.array([0, 0, 0, Label.NCR, Label.ED, Label.ET])[tissue]), np.uint8)
    missing = tuple(modality for modality in Modality if modality not in images)
    return Case(
        id=case_id,
        files=CaseFiles(id=case_id, folder=Path(case_id), images={}, missing=missing),
        images=images,
        truth=LabelMap(labels, native) if with_truth else None,
        native=native,
    )


def phantom_segmentation(case: Case) -> Segmentation:
    """A prediction for a phantom with truth: the truth, moved by one voxel along the first stored axis."""
    assert case.truth is not None
    moved = np.roll(case.truth.data, 1, axis=0)
    return Segmentation(
        labels=LabelMap(moved, case.native),
        case_id=case.id,
        model="phantom-model",
        model_sha256="0" * 64,
        device="cpu",
        tta="none",
        seconds=1.0,
    )


def _tissue(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> NDArray[np.intp]:
    """Index into background, fluid, brain, NCR, ED, ET for each voxel (X, Y, Z) of a grid in R, A, S order."""
    extent = np.array(shape) * np.array(spacing_mm)
    ijk = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    place = (ijk - (np.array(shape) - 1) / 2) * np.array(spacing_mm) / extent  # (X, Y, Z, 3) in [-0.5, 0.5]

    def within(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (((place - centre) / radii) ** 2).sum(axis=-1) < 1.0
        return inside

    tissue = np.zeros(shape, dtype=np.intp)
    tissue[within((0.0, 0.0, 0.0), (0.42, 0.45, 0.42))] = 2
    for side in (-0.08, 0.08):
        tissue[within((side, 0.0, 0.05), (0.05, 0.18, 0.08))] = 1
    tumour = (-0.2, 0.18, 0.15)
    brain = tissue > 0
    tissue[within(tumour, (0.19, 0.19, 0.19)) & brain] = 4
    tissue[within(tumour, (0.12, 0.12, 0.12))] = 5
    tissue[within(tumour, (0.06, 0.06, 0.06))] = 3
    return tissue


def _stored(data: NDArray[Any], dtype: type[ScalarT]) -> NDArray[ScalarT]:
    """An own, contiguous copy, as a reader would return."""
    return np.ascontiguousarray(data, dtype=dtype)
