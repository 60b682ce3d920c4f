"""A prediction and a truth of one image, cut down to what there is to compare."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, LabelMap, Region, grid_difference
from engine.data.box import Box, bounding_box
from engine.errors import CaseError

_BLOCK = 8
"""Voxels along each axis of the blocks that tell one island from another."""


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The voxels of one region that are predicted and those that are true, in `box` of the image."""

    prediction: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """What is labelled at one place in two label maps (uint8, values of `Label`) of one grid, and the box around it.

    box: where the crop lies in the image, which has the shape of `grid`.
    """

    prediction: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    box: Box
    grid: Grid

    def masks(self, region: Region) -> Masks:
        """The voxels of `region`, cropped to them."""
        predicted, true = _mask(region, self.prediction), _mask(region, self.truth)
        inner = bounding_box(predicted | true)
        return Masks(np.ascontiguousarray(predicted[inner]), np.ascontiguousarray(true[inner]), within(self.box, inner))


def islands(prediction: LabelMap, truth: LabelMap) -> list[Pair]:
    """Two label maps of one grid in parts that have at least `_BLOCK` voxels labelled in neither between each other.

    The box around specks that are strewn over an image is nearly the image; the boxes around each are nothing. A box
    may reach into another, but each holds the labels of its own part only.
    Raises CaseError if the two do not lie on one grid.
    """
    from scipy.ndimage import find_objects, label  # takes long to load

    if not prediction.grid.matches(truth.grid):
        raise CaseError(
            f"Compared with the truth, the prediction {grid_difference(prediction.grid, truth.grid)}; "
            "score masks of one image, on that image's grid"
        )
    blocks, _ = label(_blocks(prediction.data) | _blocks(truth.data), structure=np.ones((3, 3, 3)))
    found = [(number, blocks[box], box) for number, box in enumerate(find_objects(blocks), start=1)]
    return [_island(prediction, truth, (near > 0) & (near != number), box) for number, near, box in found]


def _island(prediction: LabelMap, truth: LabelMap, foreign: NDArray[np.bool_], blocks: Sequence[slice]) -> Pair:
    """What the maps hold in a box of `blocks`, but for those of them that are `foreign`."""
    x, y, z = (slice(_BLOCK * extent.start, _BLOCK * extent.stop) for extent in blocks)
    crops = [np.array(labels.data[x, y, z], order="C") for labels in (prediction, truth)]
    for i, j, k in _BLOCK * np.argwhere(foreign):
        for crop in crops:
            crop[i : i + _BLOCK, j : j + _BLOCK, k : k + _BLOCK] = 0
    inner = bounding_box((crops[0] | crops[1]) > 0)
    return Pair(crops[0][inner], crops[1][inner], within((x, y, z), inner), truth.grid)


def _blocks(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether something is labelled in each block of `labels` (X, Y, Z); the last blocks may be smaller."""
    for axis in sorted(range(3), key=lambda axis: -labels.strides[axis]):  # what is gone through first is longest
        along = np.moveaxis(labels, axis, 0)
        slabs = [np.bitwise_or.reduce(along[at : at + _BLOCK]) for at in range(0, len(along), _BLOCK)]
        labels = np.moveaxis(np.stack(slabs), 0, axis)
    return labels > 0


def _mask(region: Region, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """As `Region.mask`; comparing with each of three labels is faster than looking every voxel's label up."""
    mask: NDArray[np.bool_] = np.logical_or.reduce([labels == label for label in region.labels])
    return mask


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around at least one of `boxes`.

    >>> around([(slice(0, 2), slice(0, 2), slice(0, 2)), (slice(1, 3), slice(0, 1), slice(5, 6))])
    (slice(0, 3, None), slice(0, 2, None), slice(0, 6, None))
    """
    x, y, z = (
        slice(min(extent.start for extent in extents), max(extent.stop for extent in extents))
        for extents in zip(*boxes, strict=True)
    )
    return x, y, z


def within(outer: Box, inner: Box) -> Box:
    """Where `inner`, a box of the crop to `outer`, lies in what was cropped.

    >>> within((slice(5, 9), slice(0, 4), slice(1, 9)), (slice(1, 2), slice(0, 4), slice(3, 5)))
    (slice(6, 7, None), slice(0, 4, None), slice(4, 6, None))
    """
    x, y, z = (
        slice(crop.start + extent.start, crop.start + extent.stop) for crop, extent in zip(outer, inner, strict=True)
    )
    return x, y, z
