"""The surface of a mask in small elements of known area ("surfels"), as the lesion-wise HD95 of BraTS 2023 weighs it.

A surfel lies at a corner that up to eight voxels share, where some of them are in the mask and some are not. Its area
is that of the marching-cubes triangles (Lorensen and Cline, SIGGRAPH 1987) in the cube between the eight voxels'
centres, with their vertices in the middle of the cube's edges. Marching cubes leaves a choice of triangles; those here
have the areas of DeepMind's `surface-distance` (github.com/google-deepmind/surface-distance), which BraTS uses.
"""

from functools import cache, partial
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from engine.score.nearest import Directed, Spacing, furthest, voxels_of

_SHARE = 0.95
_DOUBT = 1e-9
"""What the order in which areas are summed may add to a share or take from it, and far more."""
_BINS = 256

_TRIANGLES = {
    0b00000001: ((1, 1, 1),),
    0b00000011: ((2, 2, 0), (2, 2, 0)),
    0b00000110: ((1, 1, 1), (1, 1, 1)),
    0b00000111: ((1, 1, 1), (2, 2, 2), (4, 0, 0)),
    0b00001111: ((4, 0, 0), (4, 0, 0)),
    0b00010110: ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    0b00010111: ((1, 1, 1), (1, 1, 1), (2, 2, 2), (2, 2, 2)),
    0b00011000: ((1, 1, 1), (1, 1, 1)),
    0b00011001: ((1, 1, 1), (0, 2, 2), (0, 2, 2)),
    0b00011011: ((1, 1, 1), (3, 3, 3), (0, 2, 2), (2, 0, 2)),
    0b00011110: ((1, 1, 1), (1, 1, 1), (2, 2, 2), (4, 0, 0)),
    0b00111100: ((2, 2, 0), (2, 2, 0), (2, 2, 0), (2, 2, 0)),
    0b01101001: ((1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
}
"""For one of each kind of neighbourhood: which voxels are in the mask, and the triangles between in and out.

Bit 4a + 2b + c is the voxel (a, b, c) of the 2 x 2 x 2. A triangle is its normal, without signs, as long as its area in
eighths: (0, 2, 2) covers a quarter of a voxel's face across the second axis and of one across the third.
"""


def surfel_hd95_mm(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: Spacing) -> float:
    """The 95th percentile Hausdorff distance in mm between the surfels of two masks (X, Y, Z), neither empty, from 0.

    Of each mask it is the distance to the other's nearest surfel that 95 percent of its surface, by area, stays
    within; of the two the larger. It is `compute_robust_hausdorff(..., 95)` of DeepMind's `surface-distance`, and
    differs from `hd95_mm`, which counts the voxels of the surfaces.
    """
    areas_mm2 = _areas_mm2(spacing_mm)
    surfels, areas = [], []
    for mask in (prediction, truth):
        codes = _codes(mask)
        surfels.append(voxels_of((codes > 0) & (codes < 255)))
        areas.append(areas_mm2[codes[tuple(surfels[-1])]])
    directions = [
        Directed(surfels[one], surfels[other], spacing_mm, partial(_ranked, areas=areas[one]))
        for one, other in ((0, 1), (1, 0))
    ]
    far = furthest(directions)
    if far.least == far.greatest:
        return far.value
    # The last digits of the sum of the areas decide, so they are summed as the organisers' implementation does.
    return max(_weighted_percentile(each.exact(), area) for each, area in zip(directions, areas, strict=True))


def _ranked(distances: NDArray[np.float64], areas: NDArray[np.float64]) -> tuple[float, float, float]:
    """The least and the greatest of `distances` (N,) that 95 percent of `areas` (N,) may end at, and the greatest.

    Only those that share a bin with one of the two are sorted.
    """
    bins = (distances * ((_BINS - 1) / max(distances.max(), _DOUBT))).astype(np.intp)
    until = np.cumsum(np.bincount(bins, areas, _BINS))  # of each bin the area that ends in it or before
    ends = until[-1] * np.array([_SHARE - _DOUBT, _SHARE + _DOUBT])
    first, last = np.searchsorted(until, ends)
    near = np.flatnonzero((bins >= first) & (bins <= last))
    order = near[np.argsort(distances[near])]
    share = np.cumsum(areas[order]) + (until[first - 1] if first else 0.0)
    least, greatest = distances[order][np.minimum(np.searchsorted(share, ends), order.size - 1)].tolist()
    return least, greatest, greatest


def _weighted_percentile(distances: NDArray[np.float64], areas: NDArray[np.float64]) -> float:
    """The smallest of `distances` (N,) up to which at least 95 percent of `areas` (N,) lie.

    >>> _weighted_percentile(np.array([3.0, 1.0, 2.0]), np.array([4.0, 1.0, 95.0]))
    2.0
    """
    order = np.lexsort((areas, distances))
    share = np.cumsum(areas[order]) / np.sum(areas[order])
    return float(distances[order][min(int(np.searchsorted(share, _SHARE)), share.size - 1)])


def _codes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Which of the eight voxels around each corner of a voxel are in `mask` (X, Y, Z); (X + 1, Y + 1, Z + 1).

    >>> _codes(np.ones((1, 1, 1), dtype=bool)).ravel().tolist()
    [128, 64, 32, 16, 8, 4, 2, 1]
    """
    codes: NDArray[np.uint8] = np.pad(mask, 1).view(np.uint8)
    for axis, bits in ((2, 1), (1, 2), (0, 4)):  # first of two voxels, then of four, then of eight
        along = np.moveaxis(codes, axis, 0)
        codes = np.moveaxis(along[:-1] | along[1:] << np.uint8(bits), 0, axis)
    return codes


def _areas_mm2(spacing_mm: Spacing) -> NDArray[np.float64]:
    """Area of the surfel of each of the 256 neighbourhoods, (256,), in mm^2."""
    faces_mm2 = np.prod(spacing_mm) / np.array(spacing_mm)  # of a voxel, across each axis
    areas: NDArray[np.float64] = np.linalg.norm(_normals() * faces_mm2, axis=2).sum(axis=1)
    return areas


@cache
def _normals() -> NDArray[np.float64]:
    """`_TRIANGLES` of all 256 neighbourhoods as parts of a voxel's faces, (256, 4, 3); what is missing is 0.

    A neighbourhood that is turned, mirrored, or filled where the other is empty, has the same triangles so turned.
    """
    normals = np.zeros((256, 4, 3))
    voxels = np.array(list(product((0, 1), repeat=3)))  # (8, 3)
    for code, triangles in _TRIANGLES.items():
        inside = voxels[[bit for bit in range(8) if code >> bit & 1]]
        for axes, mirror in product(permutations(range(3)), voxels):
            turned = sum(1 << int(bit) for bit in (inside[:, axes] ^ mirror) @ (4, 2, 1))
            for same in (turned, 255 - turned):
                normals[same, : len(triangles)] = np.array(triangles)[:, axes] / 8
    return normals
