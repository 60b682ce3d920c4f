"""A prediction and a truth of one image, cropped to what there is to compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, LabelMap, Region, grid_difference
from engine.data.box import Box, bounding_box
from engine.errors import CaseError


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
        box = bounding_box(np.logical_or(prediction.data, truth.data), margin)
        predicted, true = (np.ascontiguousarray(labels.data[box]) for labels in (prediction, truth))
        return cls(predicted, true, box, truth.grid)

    def masks(self, region: Region) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The voxels of `region` in the crop: predicted, true."""
        return region.mask(self.prediction), region.mask(self.truth)
