"""A case as a network sees it, and its statistics.

No two scanners share a unit of intensity, so within an image a value counts from the median of the healthy brain (brain
without a label), in units of that brain's interquartile range (IQR).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Label, Modality, Region

LABELS = (Label.NCR, Label.ED, Label.ET)
LEAST_VOXELS = 20
"""Of fewer voxels nothing but the volume is told."""
TABLES = {
    "volume": "Volumes in ml, of the cases that have the region",
    "intensity": "Median of a label, from the healthy brain's median in units of its IQR",
    "texture": "IQR within a label, and the median step between neighbouring healthy voxels, in the same units",
    "healthy": "Percentiles of the healthy brain in the same units; its IQR in those of the whole brain's deviation",
}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A case as a network sees it, axes to left, posterior, superior.

    images: (4, X, Y, Z) float32, z-scored, 0 outside the brain. labels: (X, Y, Z) uint8, values of `Label`.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    spacing_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is kept of a case: its statistics by name, without those of regions that it lacks; its picture or ()."""

    id: str
    values: Mapping[str, float]
    picture: Sequence[NDArray[np.float32]]


def measure(view: View) -> dict[str, float]:
    """The statistics of a case by name, which begins with the one of `TABLES` that it belongs to."""
    masks = {label.name: view.labels == label for label in LABELS}
    inside = view.images != 0
    voxel_ml = view.spacing_mm**3 / 1000
    regions = {region.name: region.mask(view.labels) for region in Region} | masks | {"brain": inside.any(0)}
    values = {f"volume/{name}": voxel_ml * mask.sum() or math.nan for name, mask in regions.items()}
    units = []
    for modality, image, brain in zip(Modality, view.images, inside, strict=True):
        name, healthy = modality.display_name, brain & (view.labels == Label.BACKGROUND)
        low, middle, high = percentiles(image[healthy], 25, 50, 75)
        units.append((image - middle) / ((high - low) or math.nan))
        for label, mask in masks.items():
            quarter, values[f"intensity/{name}/{label}"], three = percentiles(units[-1][mask & brain], 25, 50, 75)
            values[f"texture/{name}/{label}"] = three - quarter
        values[f"texture/steps/{name}"] = step_between_neighbours(units[-1], healthy)
        for at in (1, 5, 95, 99, 99.9):
            (values[f"healthy/{name}/{at} %"],) = percentiles(units[-1][healthy], at)
        values[f"healthy/{name}/IQR"] = high - low
    t1n, t1c = list(Modality).index(Modality.T1N), list(Modality).index(Modality.T1C)
    uptake = (units[t1c] - units[t1n])[masks["ET"] & inside[t1c] & inside[t1n]]
    (values["intensity/T1CE - T1/ET"],) = percentiles(uptake, 50)
    return {name: float(value) for name, value in values.items() if not math.isnan(value)}


def percentiles(values: NDArray[np.float32], *at: float) -> list[float]:
    """Percentiles, linear between ranks; NaN of fewer than `LEAST_VOXELS` values."""
    return np.percentile(values, at).tolist() if values.size >= LEAST_VOXELS else [math.nan] * len(at)


def step_between_neighbours(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Median absolute difference of voxels of `mask` that share a face: how noisy, or how smooth, an image is."""
    steps = []
    for axis in range(3):
        along, inside = image.swapaxes(0, axis), mask.swapaxes(0, axis)
        steps.append(np.abs(along[1:] - along[:-1])[inside[1:] & inside[:-1]])
    return percentiles(np.concatenate(steps), 50)[0]
