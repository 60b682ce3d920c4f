"""Change of voxel spacing along the axes of a grid, there and back on exactly the same box.

A grid of n voxels and the one of m voxels that replaces it cover the same extent: the outer faces coincide, so voxel o
of the new grid is centred at (o + 0.5) n / m - 0.5 of the old one. Each axis is one small matrix, so the volume is
resampled by three matrix products, on any device, without an index that could be off by half a voxel.
"""

import numpy as np
import torch
from torch import Tensor


def axis_weights(size: int, new_size: int) -> Tensor:
    """Matrix (new_size, size) float32 that resamples one axis linearly; rows sum to 1.

    Where the new voxels are larger, the triangle is widened to their size, so that every old voxel counts (no aliasing).
    At the ends the weights that would fall outside go to the voxels inside.

    >>> axis_weights(4, 2).tolist()
    [[0.4285714328289032, 0.4285714328289032, 0.1428571492433548, 0.0], [0.0, 0.1428571492433548, 0.4285714328289032, 0.4285714328289032]]
    """  # noqa: E501 (one row of numbers)
    ratio = size / new_size
    centres = (np.arange(new_size) + 0.5) * ratio - 0.5
    if ratio <= 1.0:
        centres = centres.clip(0, size - 1)
    distance = np.abs(np.arange(size)[None, :] - centres[:, None])
    weights = np.clip(1.0 - distance / max(ratio, 1.0), 0.0, None)
    return torch.from_numpy((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))


def resample(volume: Tensor, new_shape: tuple[int, int, int]) -> Tensor:
    """`volume` (..., X, Y, Z) float32 resampled linearly to `new_shape` on the same extent.

    >>> constant = resample(torch.full((1, 5, 6, 7), 3.0), (2, 9, 7))
    >>> tuple(constant.shape), bool(torch.allclose(constant, torch.tensor(3.0)))
    ((1, 2, 9, 7), True)
    """
    for axis, new_size in zip((-3, -2, -1), new_shape, strict=True):
        size = volume.shape[axis]
        if size != new_size:
            weights = axis_weights(size, new_size).to(volume.device)
            volume = torch.tensordot(volume.movedim(axis, -1), weights, dims=([-1], [1])).movedim(-1, axis)
    return volume
