"""The label maps of a case: who or what marked the tumour there, and what can be told of a map alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.data import Label, LabelMap, foreground
from engine.data.box import bounding_box

Index = tuple[int, int, int]
"""A voxel of the display grid: the case's own voxels with axes put in the order R, A, S (nothing is interpolated)."""
Levels = tuple[float, float]
"""The intensities shown black and white."""


_BLACK_TO_WHITE = (0.01, 0.995)
_SAMPLED_VOXELS = 200_000
_ENOUGH_VOXELS = 4_000_000
"""An image of more voxels than this has enough of them at every second place."""


class Overlay(StrEnum):
    """The keys of the two label maps that most cases have."""

    PREDICTION = "prediction"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One reader's labels of the open case, on its own grid: a model's, an expert's, a file's.

    key: by which it is known, unique in the case. title: by which a person knows it.
    """

    key: str
    title: str
    labels: LabelMap


def largest_slice_centre(labels: NDArray[np.uint8] | NDArray[np.bool_]) -> Index | None:
    """The labelled voxel nearest to the middle of the labels in the last-axis slice that holds most; None if none do.

    >>> labels = np.zeros((5, 5, 3), np.uint8)
    >>> labels[1:4, 2, 1] = labels[0, 0, 2] = Label.ET
    >>> largest_slice_centre(labels)
    (2, 2, 1)
    """
    k = int(marked_per_slice(labels, 2).argmax())
    return slice_centre(labels[:, :, k] > 0, 2, k)


def marked_per_slice(labels: NDArray[np.uint8] | NDArray[np.bool_], axis: int) -> NDArray[np.int64]:
    """How many voxels are labelled in each slice along `axis` of a label map (X, Y, Z).

    >>> marked_per_slice(np.pad(np.ones((1, 2, 3), np.uint8), ((1, 0), (0, 0), (0, 0))), 0).tolist()
    [0, 6]
    """
    marked = labels > 0
    box = bounding_box(marked)
    counts = np.zeros(labels.shape[axis], dtype=np.int64)
    counts[box[axis]] = np.count_nonzero(marked[box], axis=tuple(other for other in range(3) if other != axis))
    return counts


def slice_centre(mask: NDArray[np.bool_], axis: int, number: int) -> Index | None:
    """The voxel nearest to the middle of `mask`, which is slice `number` along `axis`; None if nothing is in it.

    >>> slice_centre(np.ones((4, 5), bool), 0, 1)
    (1, 1, 2)
    """
    voxels = np.argwhere(mask)
    if not len(voxels):
        return None
    nearest = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    i, j, k = np.insert(nearest, axis, number).tolist()
    return i, j, k


def label_volumes_ml(labels: LabelMap) -> Mapping[Label, float]:
    """The volume of each label but the background, in millilitres."""
    marked = labels.data[bounding_box(labels.data > 0)]
    counts = {label: int(np.count_nonzero(marked == label)) for label in Label if label is not Label.BACKGROUND}
    return MappingProxyType({label: count * labels.grid.voxel_ml for label, count in counts.items()})


def brain_levels(image: NDArray[np.float32]) -> Levels:
    """Black and white for an image (X, Y, Z): the 1st and 99.5th percentile of about 200,000 foreground voxels."""
    sparse = image[::2, ::2, ::2] if image.size > _ENOUGH_VOXELS else image
    inside = sparse[foreground(sparse)]
    if inside.size == 0:
        return float(image.min()), float(image.max()) + 1.0
    sample = inside[:: max(1, inside.size // _SAMPLED_VOXELS)]
    ranks = [round(share * (sample.size - 1)) for share in _BLACK_TO_WHITE]
    black, white = (float(value) for value in np.partition(sample, ranks)[ranks])
    return black, white if white > black else black + 1.0
