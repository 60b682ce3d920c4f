"""How far the points of one surface are from another, as exactly as one rank among the distances needs."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Spacing = tuple[float, float, float]

_CLOSE_VOXELS = 3
"""How far `_close_mm` looks, in voxels of the finest axis: at no more than 123 neighbours of a point."""

_BLOCKS = (8, 4, 2, 1)
"""Of how many voxels along each axis one point is measured exactly, from round to round."""

_ROUNDING_MM = 1e-9


def distances_around(
    source: NDArray[np.bool_],
    target: NDArray[np.bool_],
    spacing_mm: Spacing,
    ranked: Callable[[NDArray[np.float64]], tuple[float, float]],
) -> NDArray[np.float64]:
    """Distance in mm of each point of `source` to the nearest of `target`, masks (X, Y, Z) of one grid, as (points,).

    The points are in the order of `numpy.argwhere`; `target` must have one. `ranked` gives the least and the greatest
    of the distances that are of interest, by their rank, so that neither falls when a distance grows. Those distances,
    and all between them, are exact; the others are only known to be less or greater, and stand for a bound.

    What is close is found by a look at the neighbours of each point, ten times faster than a search tree. Of the rest
    one point in each block of voxels is searched for: a point as far as r mm from it is at most r mm nearer or further
    than it. Points whose bounds leave it open on which side of the rank they lie go on to smaller blocks.
    """
    points = np.stack(np.unravel_index(np.flatnonzero(source), source.shape), axis=1)  # (points, 3)
    low, high = _close_mm(points, target, spacing_mm)
    nearest: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    for block in _BLOCKS:
        least, greatest = ranked(low)[0] - _ROUNDING_MM, ranked(high)[1] + _ROUNDING_MM
        unsettled = np.flatnonzero((low < high) & (low <= greatest) & (high >= least))
        if not unsettled.size:
            break
        nearest = nearest or _search(target, spacing_mm)
        places = points[unsettled]
        _, first, block_of = np.unique(
            np.ravel_multi_index(tuple((places // block).T), source.shape), return_index=True, return_inverse=True
        )
        exact = nearest(np.multiply(places[first], spacing_mm, dtype=np.float64))
        apart = np.sqrt(np.square((places - places[first][block_of]) * spacing_mm).sum(axis=1))
        low[unsettled] = np.maximum(low[unsettled], exact[block_of] - apart)
        high[unsettled] = np.minimum(high[unsettled], exact[block_of] + apart)
        low[unsettled[first]] = high[unsettled[first]] = exact
    return low


def _search(target: NDArray[np.bool_], spacing_mm: Spacing) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    from scipy.spatial import KDTree  # takes long to load

    points = np.stack(np.unravel_index(np.flatnonzero(target), target.shape), axis=1)
    tree = KDTree(points * spacing_mm, balanced_tree=False, compact_nodes=False)  # twice as fast for voxels
    return lambda places: np.asarray(tree.query(places)[0])


def _close_mm(
    points: NDArray[np.intp], target: NDArray[np.bool_], spacing_mm: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds in mm of the distance of each of `points` (N, 3) to `target`: equal up to `_CLOSE_VOXELS`, else open."""
    close_mm = _CLOSE_VOXELS * min(spacing_mm)
    reach = np.array([int(close_mm / spacing) for spacing in spacing_mm])  # voxels
    offsets = np.argwhere(np.ones(2 * reach + 1, dtype=bool)) - reach
    offsets_mm = np.linalg.norm(offsets * spacing_mm, axis=1)
    padded = np.pad(target, [(voxels, voxels) for voxels in reach])
    found = np.full(len(points), np.inf)
    left = np.arange(len(points))
    at = (points + reach) @ padded.strides  # into the flat bytes of `padded`
    for nearest in np.argsort(offsets_mm, kind="stable"):
        if offsets_mm[nearest] > close_mm or not left.size:
            break
        hit = padded.ravel()[at[left] + offsets[nearest] @ padded.strides]
        found[left[hit]] = offsets_mm[nearest]
        left = left[~hit]
    return np.minimum(found, close_mm), found
