"""How much arithmetic a network's pass is. This file imports torch."""

from copy import deepcopy

import torch
from torch import Tensor, nn


def convolution_flops(network: nn.Module, channels: int, shape: tuple[int, int, int]) -> int:
    """Operations of one pass over an image (channels, *shape): a multiplication and an addition for each weight used.

    Convolutions alone are counted: norms and activations are bound by memory, not by arithmetic. Nothing is computed.

    >>> convolution_flops(nn.Conv3d(2, 3, 3, padding=1), 2, (4, 4, 4))  # 2 operations x 2 x 3 x 27 weights x 64 voxels
    20736
    """
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.ConvTranspose3d):  # each voxel of the input meets all weights
            total += 2 * layer.weight.numel() * inputs[0][0, 0].numel()
        elif isinstance(layer, nn.Conv3d):
            total += 2 * layer.weight.numel() * output[0, 0].numel()

    shadow = deepcopy(network).to("meta")
    for layer in shadow.modules():
        layer.register_forward_hook(count)
    shadow(torch.empty((1, channels, *shape), device="meta"))
    return total
