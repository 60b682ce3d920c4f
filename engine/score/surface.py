"""How far apart the surfaces of two masks are."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.score.nearest import Directed, Spacing, Voxels, furthest, voxels_of

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
    return hd95_between_mm(voxels_of(surface(prediction)), voxels_of(surface(truth)), spacing_mm)


def hd95_between_mm(one: Voxels, other: Voxels, spacing_mm: Spacing) -> float:
    """As `hd95_mm` of two surfaces that are given as voxels (3, N) and (3, M)."""
    if not one.size or not other.size:
        return 0.0 if one.size == other.size else ABSENT_HD95_MM
    directions = (Directed(*surfaces, spacing_mm, _percentile) for surfaces in ((one, other), (other, one)))
    return furthest(tuple(directions)).value


def surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The voxels of `mask` (X, Y, Z) that have one of their six neighbours outside the mask or the image.

    >>> surface(np.ones((3, 3, 3), dtype=bool)).sum()
    np.int64(26)
    """
    padded = np.pad(mask, 1)
    flat = padded.ravel()  # a neighbour is a fixed step away, which makes one long line of each comparison
    inside = flat.copy()
    for step in padded.strides:
        inside[step:] &= flat[:-step]
        inside[:-step] &= flat[step:]
    return (flat & ~inside).reshape(padded.shape)[1:-1, 1:-1, 1:-1]


def _percentile(distances: NDArray[np.float64]) -> tuple[float, float, float]:
    """The ranks that the 95th percentile lies between, and the percentile: linear, as NumPy's."""
    place = 0.95 * (distances.size - 1)
    ranks = math.floor(place), math.ceil(place)
    least, greatest = np.partition(distances, ranks)[list(ranks)].tolist()
    above = place - ranks[0]
    if above < 0.5:  # from the nearer of the two, which gives NumPy's last digit
        return least, greatest, least + (greatest - least) * above
    return least, greatest, greatest - (greatest - least) * (1 - above)
