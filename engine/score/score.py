"""The scores of one case, region by region."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, LabelMap, Region
from engine.data.box import Box
from engine.score.nearest import Voxels, voxels_of
from engine.score.overlap import Overlap
from engine.score.pair import Masks, islands
from engine.score.surface import hd95_between_mm, surface


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
    parts = islands(prediction, truth)
    return {region: _score_region([part.masks(region) for part in parts], truth.grid) for region in Region}


def to_json(scores: Mapping[Region, Score]) -> dict[str, Any]:
    """What `brats-engine score --json` prints: the fields of each region's `Score`, every number finite or None."""
    return {"regions": {region.value: asdict(result) for region, result in scores.items()}}


def _score_region(parts: Sequence[Masks], grid: Grid) -> Score:
    unlabelled = math.prod(grid.shape) - sum(part.truth.size for part in parts)
    overlap = sum((Overlap.of(part.prediction, part.truth) for part in parts), start=Overlap(0, 0, 0, unlabelled))
    predicted = _surface_voxels((part.prediction, part.box) for part in parts)
    true = _surface_voxels((part.truth, part.box) for part in parts)
    return Score(
        dice=overlap.dice,
        hd95_mm=hd95_between_mm(predicted, true, grid.spacing_mm),
        sensitivity=overlap.sensitivity,
        specificity=overlap.specificity,
        prediction_ml=overlap.prediction * grid.voxel_ml,
        truth_ml=overlap.truth * grid.voxel_ml,
    )


def _surface_voxels(parts: Iterable[tuple[NDArray[np.bool_], Box]]) -> Voxels:
    """The voxels (3, N) of the image in the surfaces of masks that lie in boxes of it."""
    voxels = [voxels_of(surface(mask)) + [[extent.start] for extent in box] for mask, box in parts]
    return np.concatenate(voxels, axis=1) if voxels else np.empty((3, 0), dtype=np.intp)
