"""What training minimises: region Dice and focal loss on logits. This file knows tensors only."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

NCR, ED, ET = 1, 2, 3  # a resection cavity (4) is of no region

Across = Callable[[Tensor], Tensor]
"""The sum of a tensor over the processes that share a batch, with its gradient; see `engine.train.distributed`."""


def alone(values: Tensor) -> Tensor:
    """The sum over one process."""
    return values


def region_targets(labels: Tensor) -> Tensor:
    """Targets (B, 3, X, Y, Z) float32 of the regions ET, TC, WT for labels (B, X, Y, Z) uint8.

    >>> region_targets(torch.tensor([0, 1, 2, 3]).reshape(1, 4, 1, 1)).flatten(2)[0].tolist()
    [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    """
    enhancing = labels == ET
    core = enhancing | (labels == NCR)
    return torch.stack((enhancing, core, core | (labels == ED)), dim=1).float()


def dice_loss(
    logits: Tensor, targets: Tensor, smoothing: float = 1e-5, *, batch: bool = True, across: Across = alone
) -> Tensor:
    """One minus soft Dice, D = 1 - (2 sum p t + eps) / (sum p + sum t + eps), p the sigmoid of the logits.

    With `batch` the sums run over all samples, so one empty case does not rule a step, and D is a mean over regions
    (batch Dice). Without, they run over each sample, and D is a mean over samples and regions, as in MONAI's DiceLoss.
    logits, targets: (B, R, X, Y, Z). Returns a scalar float32.
    """
    axes = (0, 2, 3, 4) if batch else (2, 3, 4)
    probabilities = logits.float().sigmoid()
    sums = torch.stack(((probabilities * targets).sum(axes), probabilities.sum(axes) + targets.sum(axes)))
    if batch:
        sums = across(sums)
    overlap, total = sums  # (R,) or (B, R)
    loss = 1 - (2 * overlap + smoothing) / (total + smoothing)
    return loss.mean() if batch else _mean(loss, across)


def focal_loss(logits: Tensor, targets: Tensor, gamma: float, *, across: Across = alone) -> Tensor:
    """Mean over voxels and regions of -(1 - p_t)^gamma ln p_t; cross-entropy when gamma is 0.

    p_t is the probability given to what is true there (Lin et al. 2017, eq. 4). Shapes as in `dice_loss`.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    return _mean(entropy if gamma == 0 else (1 - torch.exp(-entropy)) ** gamma * entropy, across)


def _mean(values: Tensor, across: Across) -> Tensor:
    """The mean of the values of all processes."""
    sums = across(torch.stack((values.sum(), values.new_tensor(float(values.numel())))))
    return sums[0] / sums[1]
