"""How far apart the surfaces of two masks are."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.score.nearest import Spacing, distances_around

ABSENT_HD95_MM = 373.12866
"""What BraTS gives where one of two masks is empty: the diagonal of its image of 240 x 240 x 155 mm."""


def hd95_mm(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Spacing) -> float:
    """The 95th percentile Hausdorff distance in mm of two masks (X, Y, Z) of one grid, from 0.

    A mask's surface is the centres of its voxels that have one of their six neighbours outside the mask or the image.
    Both directed distances are taken, from each surface voxel of one mask to the nearest of the other; of each the
    95th percentile (linear between ranks), and of the two the larger. This is MONAI's
    `compute_hausdorff_distance(percentile=95)`. It is neither the percentile of both directions pooled, nor the
    distance between the marching-cubes surfaces weighted by their area (DeepMind's `surface-distance`, which the
    lesion-wise scores of BraTS 2023 use).

    spacing_mm: between voxels along each axis; the axes are taken as perpendicular.
    Both masks empty: 0. One empty: `ABSENT_HD95_MM`.
    """
    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else ABSENT_HD95_MM
    surfaces = surface(prediction), surface(truth)
    directed = (_percentile_mm(surfaces[one], surfaces[other], spacing_mm) for one, other in ((0, 1), (1, 0)))
    return max(directed)


def surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The voxels of `mask` (X, Y, Z) that have one of their six neighbours outside the mask or the image.

    >>> surface(np.ones((3, 3, 3), dtype=bool)).sum()
    np.int64(26)
    """
    inside = mask.copy()
    for axis in range(3):
        source, target = np.moveaxis(mask, axis, 0), np.moveaxis(inside, axis, 0)
        target[1:] &= source[:-1]
        target[:-1] &= source[1:]
        target[[0, -1]] = False
    return mask & ~inside


def _percentile_mm(source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: Spacing) -> float:
    """Distance to `target` at the 95th percentile of the points of `source`."""
    return float(np.percentile(distances_around(source, target, spacing_mm, _ranks_mm), 95))


def _ranks_mm(distances: NDArray[np.float64]) -> tuple[float, float]:
    """The ranks that the 95th percentile lies between."""
    place = 0.95 * (distances.size - 1)
    ranks = math.floor(place), math.ceil(place)
    least, greatest = np.partition(distances, ranks)[list(ranks)].tolist()
    return least, greatest
