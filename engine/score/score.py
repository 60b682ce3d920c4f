"""The scores of one case, region by region."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import LabelMap, Region, grid_difference
from engine.errors import CaseError
from engine.score.overlap import Overlap
from engine.score.surface import hd95_mm


@dataclass(frozen=True, slots=True)
class Score:
    """How close a prediction is to the truth in one region.

    dice: in [0, 1], 1 is perfect. hd95_mm: 95th percentile Hausdorff distance between the voxel surfaces in mm, 0 is
    perfect; `engine.score.surface` says which of the definitions in use. sensitivity, specificity: in [0, 1], over the
    voxels of the whole image. prediction_ml, truth_ml: volume of the region in millilitres.

    A region that is empty scores as in the BraTS challenges of 2017 to 2022 and their organisers' tools since:

    |                                | dice | hd95_mm   | sensitivity |
    |--------------------------------|------|-----------|-------------|
    | in prediction and truth        | 1    | 0         | 1           |
    | in the prediction only         | 0    | 373.12866 | 0           |
    | in the truth only              | 0    | 373.12866 | 0           |

    specificity is None where the truth fills the image and so leaves nothing to be specific about.
    """

    dice: float
    hd95_mm: float
    sensitivity: float
    specificity: float | None
    prediction_ml: float
    truth_ml: float


def score(prediction: LabelMap, truth: LabelMap) -> dict[Region, Score]:
    """Score every region of `prediction` against `truth`; a resection cavity belongs to none, so it scores as healthy.

    Raises CaseError if the two do not lie on one grid.
    """
    if not prediction.grid.matches(truth.grid):
        raise CaseError(
            f"Compared with the truth, the prediction {grid_difference(prediction.grid, truth.grid)}; "
            "score masks of one image, on that image's grid"
        )
    box = _bounding_box(Region.WT.mask(prediction.data) | Region.WT.mask(truth.data))
    return {region: _score_region(region, prediction, truth, box) for region in Region}


def to_json(scores: Mapping[Region, Score]) -> dict[str, Any]:
    """What `brats-engine score --json` prints: the fields of each region's `Score`, every number finite or None."""
    return {"regions": {region.value: asdict(result) for region, result in scores.items()}}


def _score_region(region: Region, prediction: LabelMap, truth: LabelMap, box: tuple[slice, ...]) -> Score:
    predicted, true = region.mask(prediction.data[box]), region.mask(truth.data[box])
    overlap = Overlap.of(predicted, true, outside=truth.data.size - true.size)
    return Score(
        dice=overlap.dice,
        hd95_mm=hd95_mm(predicted, true, truth.grid.spacing_mm),
        sensitivity=overlap.sensitivity,
        specificity=overlap.specificity,
        prediction_ml=overlap.prediction * truth.grid.voxel_ml,
        truth_ml=overlap.truth * truth.grid.voxel_ml,
    )


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Slices of the smallest box around `mask` (X, Y, Z); empty ones if it is empty."""
    slices = []
    for axis in range(mask.ndim):
        occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        slices.append(slice(int(occupied[0]), int(occupied[-1]) + 1) if occupied.size else slice(0, 0))
    return tuple(slices)
