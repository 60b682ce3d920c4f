"""From a coarse lattice to a full grid, one axis at a time.

Each axis is a small matrix, so a field grows by three matrix products: ten times as fast on a CPU as the general
trilinear interpolation, and the same on a GPU. The first and the last knot (of a linear join) lie on the first and the
last voxel.
"""

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Join = Literal["linear", "spline"]
SPLINE_MARGIN = 2
"""Knots that a spline needs beyond a linear join: its pieces reach one knot further on either side."""


@lru_cache(maxsize=512)
def weights(knots: int, size: int, join: Join, device: torch.device) -> Tensor:
    """Matrix (size, knots) float32 that joins knots along one axis; rows sum to 1.

    linear: hat functions. spline: uniform cubic B-splines, smooth to the second derivative; the outermost knots lie
    outside of the grid.

    >>> weights(2, 3, "linear", torch.device("cpu")).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    first, last = (0.0, knots - 1.0) if join == "linear" else (1.0, knots - 2.0)
    at = torch.linspace(first, last, size)
    distance = (at[:, None] - torch.arange(knots)).abs()
    if join == "linear":
        return (1 - distance).clamp(min=0).to(device)
    near = 2 / 3 - distance.square() * (1 - distance / 2)
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far).to(device)


def stretch(field: Tensor, shape: tuple[int, int, int], join: Join = "linear") -> Tensor:
    """`field` (..., x, y, z) float32 on knots, brought to the grid of `shape`: (..., *shape) float32.

    >>> corners = torch.tensor([0.0, 2.0]).reshape(2, 1, 1).expand(2, 2, 2)
    >>> stretch(corners, (3, 2, 2))[:, 0, 0].tolist()
    [0.0, 1.0, 2.0]
    """
    lead = field.shape[:-3]
    x, y, z = (weights(knots, size, join, field.device) for knots, size in zip(field.shape[-3:], shape, strict=True))
    field = field.flatten(0, -4) if lead else field[None]
    field = x @ field.flatten(2)  # (C, X, y z)
    field = y @ field.reshape(-1, len(x), y.shape[1], z.shape[1])  # (C, X, Y, z)
    return (field @ z.T).reshape(*lead, *shape)
