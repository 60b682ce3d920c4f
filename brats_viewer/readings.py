"""The label maps of a case: who or what marked the tumour there, and what can be told of a map alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from engine.data import Label, LabelMap, Orientation, foreground
from engine.data.box import Box, bounding_box

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


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Where a label map marks anything, and how much, on the display grid.

    box: what holds all of it. per_slice: how many voxels are marked in each slice along each axis. voxels: how many
    each label has.
    """

    box: Box
    per_slice: tuple[NDArray[np.int64], ...]
    voxels: Mapping[Label, int]

    @classmethod
    def of(cls, labels: LabelMap, orientation: Orientation) -> "Marks":
        """Look through `labels`, which lie on the orientation's native grid."""
        marked = orientation.forward(labels.data > 0)  # to compare a view with flipped axes takes longer
        box = bounding_box(marked)
        inside, cut = marked[box], orientation.forward(labels.data)[box]
        counts = []
        for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
            counts.append(np.zeros(marked.shape[axis], dtype=np.int64))
            counts[axis][box[axis]] = np.count_nonzero(inside, axis=others)
        voxels: dict[Label, int] = {
            label: int(np.count_nonzero(cut == label)) for label in Label if label is not Label.BACKGROUND
        }
        return cls(box, tuple(counts), MappingProxyType(voxels))


def largest_slice_centre(mask: NDArray[np.bool_]) -> Index | None:
    """The voxel of `mask` nearest to the middle of the last-axis slice that holds most; None where there is none.

    >>> mask = np.zeros((5, 5, 3), bool)
    >>> mask[1:4, 2, 1] = mask[0, 0, 2] = True
    >>> largest_slice_centre(mask)
    (2, 2, 1)
    """
    if not mask.size:
        return None
    k = int(np.count_nonzero(mask, axis=(0, 1)).argmax())
    return slice_centre(mask[:, :, k], 2, k)


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
