"""How far the points of one surface lie from another, as exactly as one rank among the distances needs."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Spacing = tuple[float, float, float]
Voxels = NDArray[np.intp]
"""Voxels of one grid, as (3, N): their indices along each axis."""
Distances = NDArray[np.float64]
Ranked = Callable[[Distances], tuple[float, float, float]]
"""Of distances (N,): the least and the greatest that are of interest, by their rank, and a value between the two.

None of the three may fall when a distance grows.
"""

_CLOSE_VOXELS = 3
"""How far `Directed` looks around a point, in voxels of the finest axis: at no more than 123 neighbours."""

_SAMPLE = 512
"""Of about how many points a first look says whether most of them are close."""

_MOSTLY = 0.9
"""Of what share of the sample at least, so that looking at all is worth it."""

_BLOCKS = (8, 4, 2, 1)
"""Of how many voxels along each axis one point is measured exactly, from round to round; the last is repeated."""

_LEAF = 48
"""Points in a leaf of the search tree: more cost less to build, and in voxels no more to search."""

_ROUNDING_MM = 1e-9


class Directed:
    """The distance in mm of each point of `source` (3, N) to the nearest of `target` (3, M), bounded ever closer.

    Neither is empty. `least`, `greatest` and `value` are what `ranked` makes of the upper bounds: never less than what
    it makes of the distances, and once `settled` the same.

    Where most points are close, the neighbours of each are looked at, ten times faster than a search tree. Else one
    point in each block of voxels is searched for, the one nearest to the block's middle. A point r mm from it is at
    most r mm nearer to the target than it, and no further than from the point of the target that was found. Points that
    may still be as far as the rank go on to smaller blocks; most others are never measured.
    """

    def __init__(self, source: Voxels, target: Voxels, spacing_mm: Spacing, ranked: Ranked) -> None:
        self._source, self._target = source, target
        self._spacing_mm = np.array(spacing_mm)[:, None]
        self._ranked = ranked
        self._corner, self._shape = _box_around(source, target)
        diagonal_mm = float(np.linalg.norm((self._shape - 1) * self._spacing_mm))
        self._low, self._high = np.zeros(source.shape[1]), np.full(source.shape[1], diagonal_mm)
        self.least = self.greatest = self.value = diagonal_mm
        self._open = np.flatnonzero(self._low < self._high)
        self._rounds = 0

    @property
    def settled(self) -> bool:
        """Whether no point is left that could change `least`, `greatest` or `value`."""
        return not self._open.size

    def refine(self) -> None:
        """Draw the bounds closer by one step, of which the first are cheap."""
        if self._rounds:
            self._search(_BLOCKS[min(self._rounds, len(_BLOCKS)) - 1])
        else:
            self._look()
        self._rounds += 1
        self.least, self.greatest, self.value = self._ranked(self._high)
        self._open = np.flatnonzero(
            (self._low < self._high)
            & (self._low <= self.greatest + _ROUNDING_MM)
            & (self._high >= self.least - _ROUNDING_MM)
        )

    def exact(self) -> Distances:
        """Every distance, as (N,)."""
        self._open = np.flatnonzero(self._low < self._high)
        self._search(1)
        return self._high

    def _look(self) -> None:
        every = max(1, self._low.size // _SAMPLE)
        low, high = self._close_mm(self._source[:, ::every])
        if every > 1:
            if np.mean(low == high) < _MOSTLY:
                return
            low, high = self._close_mm(self._source)
        self._low, self._high = low, np.minimum(self._high, high)

    def _close_mm(self, points: Voxels) -> tuple[Distances, Distances]:
        """Bounds of the distance of each of `points` (3, n): equal up to `_CLOSE_VOXELS`, else open."""
        padded, reach, nearby, nearby_mm = self._neighbours
        found = np.full(points.shape[1], np.inf)
        left = np.arange(points.shape[1])
        at = np.ravel_multi_index(tuple(points - self._corner + reach), padded.shape)
        for offset, offset_mm in zip(nearby @ padded.strides, nearby_mm, strict=True):
            if not left.size:
                break
            hit = padded.ravel()[at[left] + offset]
            found[left[hit]] = offset_mm
            left = left[~hit]
        return np.minimum(found, _CLOSE_VOXELS * self._spacing_mm.min()), found

    @cached_property
    def _neighbours(self) -> tuple[NDArray[np.bool_], NDArray[np.intp], NDArray[np.intp], Distances]:
        """`target` as a mask with `reach` voxels around, `reach`, and the offsets within it from near to far, in mm."""
        close_mm = _CLOSE_VOXELS * self._spacing_mm.min()
        reach = (close_mm / self._spacing_mm).astype(np.intp)  # (3, 1) voxels
        offsets = np.argwhere(np.ones(2 * reach.ravel() + 1, dtype=bool)) - reach.T  # (neighbours, 3)
        offsets_mm = np.linalg.norm(offsets * self._spacing_mm.T, axis=1)
        nearby = [index for index in np.argsort(offsets_mm, kind="stable") if offsets_mm[index] <= close_mm]
        padded = np.zeros((self._shape + 2 * reach).ravel(), dtype=bool)
        padded[tuple(self._target - self._corner + reach)] = True
        return padded, reach, offsets[nearby], offsets_mm[nearby]

    def _search(self, block: int) -> None:
        places = self._source[:, self._open]
        places_mm = places * self._spacing_mm
        middle, block_of = _middles(places, block)
        found_mm, found = map(np.asarray, self._tree.query(places_mm[:, middle].T))
        apart_mm = _length(places_mm - places_mm[:, middle][:, block_of])
        reached_mm = _length(places_mm - (self._target[:, found] * self._spacing_mm)[:, block_of])
        self._low[self._open] = np.maximum(self._low[self._open], found_mm[block_of] - apart_mm)
        self._high[self._open] = np.minimum(self._high[self._open], reached_mm)
        measured = self._open[middle]
        self._low[measured] = self._high[measured] = found_mm

    @cached_property
    def _tree(self) -> "KDTree":
        from scipy.spatial import KDTree  # takes long to load

        places_mm = (self._target * self._spacing_mm).T
        return KDTree(places_mm, leafsize=_LEAF, balanced_tree=False, compact_nodes=False)  # for voxels twice as fast


def furthest(directions: Sequence[Directed]) -> Directed:
    """That of `directions` with the greatest `value`, settled; the others only as far as it takes to know that."""
    while True:
        first = max(directions, key=lambda directed: directed.value)
        if first.settled:
            return first
        first.refine()


def voxels_of(mask: NDArray[np.bool_]) -> Voxels:
    """The voxels (3, N) in a mask (X, Y, Z), in the order of `numpy.argwhere`."""
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape))


def _box_around(*points: Voxels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first corner (3, 1) of the smallest box that holds all of `points` (3, N), and its shape (3, 1)."""
    first = np.min([each.min(axis=1) for each in points], axis=0)
    last = np.max([each.max(axis=1) for each in points], axis=0)
    return first[:, None], (last - first + 1)[:, None]


def _middles(places: Voxels, block: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each block of voxels with some of `places` (3, N) the place nearest to its middle, and each place's block."""
    if block == 1:
        return np.arange(places.shape[1]), np.arange(places.shape[1])
    blocks = places // block
    corner, shape = _box_around(blocks)
    at = np.ravel_multi_index(tuple(blocks - corner), tuple(shape.ravel()))
    from_middle = np.abs(2 * (places - block * blocks) - (block - 1)).max(axis=0).astype(np.int8)
    inwards = np.argsort(-from_middle, kind="stable")  # small integers are sorted in linear time
    middle = np.full(np.prod(shape), -1)
    middle[at[inwards]] = inwards  # the last one stays
    taken = np.flatnonzero(middle >= 0)
    number = np.empty_like(middle)
    number[taken] = np.arange(taken.size)
    return middle[taken], number[at]


def _length(vectors: Distances) -> Distances:
    """Of vectors (3, N) the lengths (N,)."""
    lengths: Distances = np.sqrt(np.einsum("ij,ij->j", vectors, vectors))
    return lengths
