"""A prediction and a truth of one image, cropped to what there is to compare."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, LabelMap, Region, grid_difference
from engine.data.box import NOTHING, Box, bounding_box
from engine.errors import CaseError


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The voxels of one region that are predicted and those that are true, in `box` of the image."""

    prediction: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two label maps (uint8, values of `Label`) of one grid, cropped to the box around everything labelled in either.

    box: where the crop lies in the image, which has the shape of `grid`; empty where nothing is labelled.
    """

    prediction: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    box: Box
    grid: Grid

    @classmethod
    def of(cls, prediction: LabelMap, truth: LabelMap, margin: int = 0) -> "Pair":
        """Crop the two to their common box and `margin` more voxels on each side, as far as the image reaches.

        Raises CaseError if the two do not lie on one grid.
        """
        if not prediction.grid.matches(truth.grid):
            raise CaseError(
                f"Compared with the truth, the prediction {grid_difference(prediction.grid, truth.grid)}; "
                "score masks of one image, on that image's grid"
            )
        # Each by itself, since one may lie in memory in the order of C and the other in that of Fortran.
        boxes = [bounding_box(labels.data > 0, margin) for labels in (prediction, truth)]
        box = around([box for box in boxes if box != NOTHING] or [NOTHING])
        predicted, true = (np.ascontiguousarray(labels.data[box]) for labels in (prediction, truth))
        return cls(predicted, true, box, truth.grid)

    def masks(self, region: Region, margin: int = 0) -> Masks:
        """The voxels of `region`, cropped to them and `margin` more on each side, as far as this crop reaches."""
        predicted, true = _mask(region, self.prediction), _mask(region, self.truth)
        inner = bounding_box(predicted | true, margin)
        box = within(self.box, inner)
        return Masks(np.ascontiguousarray(predicted[inner]), np.ascontiguousarray(true[inner]), box)


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
