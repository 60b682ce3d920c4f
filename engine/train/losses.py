"""What training minimises: region Dice and focal loss on logits. This file knows tensors only."""

import torch
from torch import Tensor
from torch.nn import functional

NCR, ED, ET = 1, 2, 3  # a resection cavity (4) is of no region


def region_targets(labels: Tensor) -> Tensor:
    """Targets (B, 3, X, Y, Z) float32 of the regions ET, TC, WT for labels (B, X, Y, Z) uint8.

    >>> region_targets(torch.tensor([0, 1, 2, 3]).reshape(1, 4, 1, 1)).flatten(2)[0].tolist()
    [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    """
    enhancing = labels == ET
    core = enhancing | (labels == NCR)
    return torch.stack((enhancing, core, core | (labels == ED)), dim=1).float()


def dice_loss(logits: Tensor, targets: Tensor, smoothing: float = 1e-5) -> Tensor:
    """One minus soft Dice, mean over regions; sums run over the whole batch, so one empty case does not rule a step.

    D = 1 - (2 sum p t + eps) / (sum p + sum t + eps), p the sigmoid of the logits, for each region (batch Dice).
    logits, targets: (B, R, X, Y, Z). Returns a scalar float32.
    """
    axes = (0, 2, 3, 4)
    probabilities = logits.float().sigmoid()
    overlap = (probabilities * targets).sum(axes)
    total = probabilities.sum(axes) + targets.sum(axes)
    return 1 - ((2 * overlap + smoothing) / (total + smoothing)).mean()


def focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Mean over voxels and regions of -(1 - p_t)^gamma ln p_t; cross-entropy when gamma is 0.

    p_t is the probability given to what is true there (Lin et al. 2017, eq. 4). Shapes as in `dice_loss`.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    if gamma == 0:
        return entropy.mean()
    return ((1 - torch.exp(-entropy)) ** gamma * entropy).mean()
