"""How sure the network is of what it marked: entropy by voxel and expected Dice by region, from its probabilities."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data import Region
from engine.data.segmentation import Uncertainty
from engine.predict.prepare import Prepared
from engine.predict.resample import resample


def uncertainty_of(
    probabilities: Tensor, labels: NDArray[np.uint8], prepared: Prepared, regions: Sequence[Region]
) -> Uncertainty:
    """The uncertainty on the case's grid, from mean probabilities (R, X, Y, Z) of the crop at the model's spacing.

    labels: (X, Y, Z), what was marked in the crop at the native spacing.

    The entropy is that of the mean of the passes' probabilities, the predictive entropy; with mirror images as passes
    it is the measure of Wang et al. (doi:10.1016/j.neucom.2019.01.103). Of the regions the largest is taken, not the
    sum: ET lies in TC lies in WT, so one doubt (tumour or not) would be counted up to three times. The entropy of a
    voxel's label lies between the two.
    """
    x, y, z = prepared.brain.shape
    inside = torch.from_numpy(np.flatnonzero(prepared.brain))  # (V,), the voxels that all the rest is about
    marked = labels[prepared.brain]
    unsure = torch.zeros(inside.shape)  # the probability in [0, 1/2] of the less likely answer, the largest so far
    confidence: dict[Region, float | None] = {}
    for region, coarse in zip(regions, probabilities, strict=True):  # one at a time, for the memory's sake
        probability = resample(coarse, (x, y, z)).take(inside)
        confidence[region] = expected_dice(probability, torch.from_numpy(region.mask(marked)))
        unsure = torch.maximum(unsure, torch.minimum(probability, 1.0 - probability))
    entropy = np.zeros((x, y, z), dtype=np.float16)
    entropy[prepared.brain] = binary_entropy(unsure).half().numpy()
    return Uncertainty(prepared.paste(entropy), confidence)


def binary_entropy(probability: Tensor) -> Tensor:
    """Entropy in bits of a yes or no with this probability in [0, 1]: 1 at 1/2, 0 at certainty, growing in between.

    >>> [round(bits, 4) for bits in binary_entropy(torch.tensor([0.0, 0.25, 0.5, 0.75])).tolist()]
    [0.0, 0.8113, 1.0, 0.8113]
    """
    nats: Tensor = torch.special.entr(probability) + torch.special.entr(1.0 - probability)
    return nats / math.log(2.0)


def expected_dice(probability: Tensor, mask: Tensor) -> float | None:
    """The Dice that a mask would have if each voxel were of the region with its probability; None for an empty mask.

    With the mask y and the probabilities p it is 2 sum(p y) / (sum(p) + sum(y)): the Dice's numerator and denominator,
    each replaced by its expected value. Borges et al. (arXiv:2402.10665) show it to lie close to the expected Dice
    itself where voxels are independent, and to tell the cases with a bad mask better than earlier measures do.
    Of an empty mask it would say 0, though that is perfect where there is nothing; so nothing is said.

    To mark one voxel more raises it if that voxel's p is above half of it. So a threshold below 1/2 does not cost
    confidence as such: with voxels of p = 0.35 marked, all that is below 0.7 rises, and what is above falls.

    >>> dice = expected_dice(torch.tensor([0.9, 0.5, 0.1]), torch.tensor([True, True, False]))
    >>> round(dice, 6)  # 2 * 1.4 / (1.5 + 2)
    0.8
    """
    marked = int(mask.sum())
    if marked == 0:
        return None
    return 2.0 * float(torch.where(mask, probability, 0.0).sum()) / (float(probability.sum()) + marked)
