"""The scores of one case, region by region."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from engine.data import LabelMap, Region
from engine.score.overlap import Overlap
from engine.score.pair import Pair
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
    pair = Pair.of(prediction, truth)
    return {region: _score_region(region, pair) for region in Region}


def to_json(scores: Mapping[Region, Score]) -> dict[str, Any]:
    """What `brats-engine score --json` prints: the fields of each region's `Score`, every number finite or None."""
    return {"regions": {region.value: asdict(result) for region, result in scores.items()}}


def _score_region(region: Region, pair: Pair) -> Score:
    masks = pair.masks(region)
    overlap = Overlap.of(masks.prediction, masks.truth, outside=math.prod(pair.grid.shape) - masks.truth.size)
    return Score(
        dice=overlap.dice,
        hd95_mm=hd95_mm(masks.prediction, masks.truth, pair.grid.spacing_mm),
        sensitivity=overlap.sensitivity,
        specificity=overlap.specificity,
        prediction_ml=overlap.prediction * pair.grid.voxel_ml,
        truth_ml=overlap.truth * pair.grid.voxel_ml,
    )
