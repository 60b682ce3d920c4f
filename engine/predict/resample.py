"""Change of voxel spacing along the axes of a grid, there and back on exactly the same box.

A grid of n voxels and the one of m voxels that replaces it cover the same extent: the outer faces coincide, so voxel o
of the new grid is centred at (o + 0.5) n / m - 0.5 of the old one. Each axis is one small matrix, so the volume is
resampled by three matrix products, on any device, without an index that could be off by half a voxel.
"""

import numpy as np
import torch
from torch import Tensor

from engine.data.box import Box, bounding_box
from engine.predict.windows import Shape


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


def resample(volume: Tensor, new_shape: Shape) -> Tensor:
    """`volume` (..., X, Y, Z) float32 resampled linearly to `new_shape` on the same extent.

    >>> constant = resample(torch.full((1, 5, 6, 7), 3.0), (2, 9, 7))
    >>> tuple(constant.shape), bool(torch.allclose(constant, torch.tensor(3.0)))
    ((1, 2, 9, 7), True)
    """
    order = sorted((-3, -2, -1), key=volume.stride, reverse=True)  # as it lies in memory, so that nothing is moved
    weights = [axis_weights(volume.shape[axis], new_shape[axis]).to(volume.device) for axis in order]
    turned = _weighted(volume.permute([*range(volume.dim() - 3), *(volume.dim() + axis for axis in order)]), weights)
    lead = range(volume.dim() - 3)
    return turned.permute([*lead, *(len(lead) + order.index(axis) for axis in (-3, -2, -1))])


def resampled_above(volume: Tensor, levels: Tensor, new_shape: Shape) -> tuple[Tensor, Box]:
    """Where `volume` (R, X, Y, Z) float32, resampled to `new_shape`, lies above `levels` (R,): (R, ...) bool in a box.

    Outside of the box it does so nowhere, as no voxel that would enter the mean there is above; of a brain with a tumour
    that is most of it, and so most of the work.

    >>> found, box = resampled_above(torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(1, 4, 1, 1), torch.tensor([0.5]), (8, 1, 1))
    >>> found.flatten().tolist(), box[0]
    ([False, True, True], slice(5, 8, None))
    """  # noqa: E501 (the arguments of an example)
    weights = [axis_weights(size, new) for size, new in zip(volume.shape[1:], new_shape, strict=True)]
    near = bounding_box((volume > levels[:, None, None, None]).any(dim=0).numpy())
    rows = [_reach(part[:, along] != 0, 1) for part, along in zip(weights, near, strict=True)]
    columns = [_reach(part[along] != 0, 0) for part, along in zip(weights, rows, strict=True)]
    inner = [part[row, column] for part, row, column in zip(weights, rows, columns, strict=True)]
    values = _weighted(volume[(slice(None), *columns)], inner)
    return values > levels[:, None, None, None], (rows[0], rows[1], rows[2])


def _reach(used: Tensor, axis: int) -> slice:
    """From the first to the last row (or column) in which anything is used."""
    found = used.any(dim=axis).nonzero()
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)


def _weighted(volume: Tensor, weights: list[Tensor]) -> Tensor:
    """`volume` (..., X, Y, Z) times the matrix of each axis; those that shrink it come first."""
    for axis in sorted(range(3), key=lambda axis: weights[axis].shape[0] / max(weights[axis].shape[1], 1)):
        weight = weights[axis]
        if weight.shape[0] == weight.shape[1] and torch.equal(weight, torch.eye(len(weight), device=weight.device)):
            continue
        match axis:
            case 0:
                planes = weight @ volume.flatten(-2)
                volume = planes.reshape(*planes.shape[:-1], *volume.shape[-2:])
            case 1:
                volume = weight @ volume
            case _:
                volume = volume @ weight.T
    return volume
