"""Deep supervision: in training, coarser levels of the decoder are asked for the regions too.

Each has a head of its own, which no model keeps: what ships is the plain network.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.model.unet import UNet, UNetConfig
from engine.runs.settings import TrainConfig
from engine.train.losses import Across, alone, dice_loss, focal_loss


class DeepHeads(nn.ModuleList):
    """A 1x1x1 convolution for each of the `levels` decoder levels next to the full resolution, finest first."""

    def __init__(self, network: UNetConfig, levels: int) -> None:
        super().__init__(nn.Conv3d(network.width * 2**level, network.out_channels, 1) for level in range(1, levels + 1))


def all_logits(network: UNet, heads: DeepHeads, images: Tensor) -> list[Tensor]:
    """The network's own logits (B, R, X, Y, Z) for images (B, C, X, Y, Z), then each head's at half the size before."""
    finest, *coarser = list(network.features(images))[::-1]
    return [network.head(finest), *(head(level) for head, level in zip(heads, coarser, strict=False))]


def deep_loss(config: TrainConfig, logits: list[Tensor], targets: Tensor, across: Across = alone) -> Tensor:
    """Dice and focal loss of each level, in a mean weighted with 1, 1/2, 1/4, ... from the finest to the coarsest.

    logits: see `all_logits`; targets: (B, R, X, Y, Z). Returns a scalar float32. The weights are those of nnU-Net
    (doi:10.1038/s41592-020-01008-z). The Dice's smoothing counts voxels, and is the same volume at each level.
    """
    weights = [0.5**level for level in range(len(logits))]
    total = torch.zeros((), device=targets.device)
    for level, (weight, here, truth) in enumerate(zip(weights, logits, pyramid(targets), strict=False)):
        smoothing = config.dice_smoothing / 8**level
        dice = dice_loss(here, truth, smoothing, batch=config.batch_dice, across=across)
        focal = focal_loss(here, truth, config.focal_gamma, across=across)
        total = total + weight * (dice + config.focal_weight * focal)
    return total / sum(weights)


def pyramid(targets: Tensor) -> Iterator[Tensor]:
    """Targets (B, R, X, Y, Z), then at half the size without end: 1 where any voxel of the eight is.

    So a rim of one voxel is there on every level, a mirrored case has the mirrored targets and ET lies in TC in WT.
    The nearest voxel, as nnU-Net takes it, has none of this but the last: it drops a rim that misses its lattice.

    >>> levels = pyramid(torch.tensor([0.0, 1, 0, 0]).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 2, 2))
    >>> [next(levels)[0, 0, :, 0, 0].tolist() for _ in range(2)]
    [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0]]
    """
    while True:
        yield targets
        targets = functional.max_pool3d(targets, 2)
