"""The result of segmenting a case, and what it remembers of how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.labels import Region
from engine.data.volume import LabelMap


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """How unsure the network is, voxel by voxel and region by region, by its own probabilities.

    A probability is the mean over the passes (the mirror images of test-time augmentation) that saw the voxel, so that
    passes that contradict each other make it unsure as much as one that hesitates; without augmentation it is the one
    pass's own. A network need not be right about how sure it is: these numbers rank voxels and cases for a person to
    look at, and are no measured error rates.

    entropy: (X, Y, Z) float16 on the case's native grid, in bits, in [0, 1]: that of the least sure of the decisions
    ET or not, TC or not, WT or not; 0 where the network is certain, and outside of the brain. It is 1 at a
    probability of 1/2, whatever the model's thresholds are: a region with a threshold below that holds its most
    uncertain voxels inside its border instead of on it.
    confidence: for each region of the model the Dice in [0, 1] that its mask would have if the probabilities were right
    (see `engine.predict.uncertainty.expected_dice`); None where nothing is marked, so that no mask can be judged.
    """

    entropy: NDArray[np.float16]
    confidence: Mapping[Region, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Predicted labels on the case's native grid, with their provenance.

    `model` is the bundle's name, `model_sha256` the hash of its weights; `device` as torch names it; `tta` the scheme;
    `seconds` the wall time from loaded arrays to labels; `notes` lines for a person (a modality that was missing, ...);
    `uncertainty` is there only when it was asked for; `backend` is what computed on the device, one of
    `engine.predict.BACKENDS`, empty where nothing had to be computed.
    """

    labels: LabelMap
    case_id: str
    model: str
    model_sha256: str
    device: str
    tta: str
    seconds: float
    notes: tuple[str, ...] = ()
    uncertainty: Uncertainty | None = None
    backend: str = ""
