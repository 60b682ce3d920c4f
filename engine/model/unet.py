"""The 3D U-Net: by default, exactly the reference network of the project.

This file knows tensors only: not what the channels are, nor where the weights come from.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Norm = Literal["group", "instance", "batch", "none"]

GROUPS = 4


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """The shape of a U-Net; the defaults are the reference network (5,647,283 parameters).

    `width` is the number of channels at full resolution; each of the `depth` poolings doubles it. `width` must be a
    multiple of 4 for the group norm's four groups.
    """

    in_channels: int = 3
    out_channels: int = 3
    width: int = 16
    depth: int = 4
    norm: Norm = "group"

    @property
    def stride(self) -> int:
        """Every spatial size the network is given must be a multiple of this.

        >>> UNetConfig().stride
        16
        """
        return int(2**self.depth)


def _norm(kind: Norm, channels: int) -> nn.Module:
    match kind:
        case "group":
            return nn.GroupNorm(GROUPS, channels)
        case "instance":
            return nn.InstanceNorm3d(channels, affine=True)
        case "batch":
            return nn.BatchNorm3d(channels)
        case "none":
            return nn.Identity()
    raise ValueError(f"{kind!r} is not a norm")


class Block(nn.Sequential):
    """Two times 3x3x3 convolution, norm, ReLU; the first convolution changes the number of channels."""

    def __init__(self, in_channels: int, out_channels: int, norm: Norm) -> None:
        bias = norm == "none"
        super().__init__(
            nn.Conv3d(in_channels, out_channels, 3, padding=1, bias=bias),
            _norm(norm, out_channels),
            nn.ReLU(inplace=True),
            nn.Conv3d(out_channels, out_channels, 3, padding=1, bias=bias),
            _norm(norm, out_channels),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """Encoder and decoder of `config.depth` poolings with skip connections; gives one logit per region and voxel."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        inputs = [config.in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            Block(before, after, config.norm) for before, after in zip(inputs, widths, strict=True)
        )
        self.pool = nn.MaxPool3d(2)
        deep_to_shallow = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose3d(deep, shallow, 2, stride=2) for deep, shallow in deep_to_shallow)
        self.decoder = nn.ModuleList(Block(2 * shallow, shallow, config.norm) for _, shallow in deep_to_shallow)
        self.head = nn.Conv3d(config.width, config.out_channels, 1)

    def features(self, x: Tensor) -> Iterator[Tensor]:
        """What each level of the decoder makes of x, coarsest first, each as soon as it is there.

        x: (B, in_channels, X, Y, Z). Of level l = depth - 1, ..., 0: (B, width 2^l, X/2^l, Y/2^l, Z/2^l).
        """
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        x = skips.pop()
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat((skips.pop(), up(x)), dim=1))
            yield x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, out_channels, X, Y, Z) for x (B, in_channels, X, Y, Z), each size a multiple of the stride."""
        finest = deque(self.features(x), maxlen=1).pop()
        logits: Tensor = self.head(finest)
        return logits


def parameter_count(network: nn.Module) -> int:
    """Number of trainable parameters.

    >>> parameter_count(UNet(UNetConfig()))
    5647283
    """
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
