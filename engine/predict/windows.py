"""Windows over a volume and how their predictions are put together again."""

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

Window = tuple[slice, slice, slice]
Shape = tuple[int, int, int]


def window_starts(size: int, window: int, overlap: float) -> list[int]:
    """First voxels of windows along one axis: evenly spread, end to end, neighbours sharing at least `overlap`.

    >>> window_starts(240, 128, 0.5)
    [0, 56, 112]
    >>> window_starts(100, 128, 0.5)
    [0]
    """
    if size <= window:
        return [0]
    step = max(1, int(window * (1.0 - overlap)))
    gaps = -(-(size - window) // step)
    return [round(index * (size - window) / gaps) for index in range(gaps + 1)]


def windows(shape: Shape, window: Shape, overlap: float) -> list[Window]:
    """The windows that cover a volume of `shape`, each axis of which is at least as long as its window."""
    return [_at(corner, window) for corner in product(*_starts("none", shape, window, overlap))]


def corner_chunks(shape: Shape, window: Shape) -> list[Window]:
    """The reference system's eight overlapping chunks, one in each corner of the volume.

    Where an axis is longer than two windows, chunks are put between the corners, so that every voxel lies in one.
    """
    return [_at(corner, window) for corner in product(*_starts("reference", shape, window, 0.0))]


def _starts(scheme: str, shape: Shape, window: Shape, overlap: float) -> list[list[int]]:
    """First voxels of a scheme's windows along each axis."""
    if scheme != "reference":
        return [window_starts(size, length, overlap) for size, length in zip(shape, window, strict=True)]
    starts: list[list[int]] = []
    for size, length in zip(shape, window, strict=True):
        gaps = max(1, -(-(size - length) // length))
        starts.append([round(index * (size - length) / gaps) for index in range(gaps + 1)])
    return starts


def _at(corner: tuple[int, ...], window: Shape) -> Window:
    x, y, z = (slice(start, start + length) for start, length in zip(corner, window, strict=True))
    return x, y, z


def gaussian_weights(window: Shape) -> Tensor:
    """Weight of each voxel of a window, (X, Y, Z) float32 in (0, 1], 1 in the middle.

    A window's rim sees less context, so it counts less: a Gaussian of sigma = window / 8 as in nnU-Net
    (doi:10.1038/s41592-020-01008-z), bounded below so that a voxel that only a corner covers keeps its value.
    """
    weights = torch.ones(1)
    for length in window:
        offset = torch.arange(length, dtype=torch.float32) - (length - 1) / 2
        profile = torch.exp(-0.5 * (offset / (length / 8)).square())
        weights = weights[..., None] * profile
    return (weights[0] / weights.max()).clamp(min=1e-4)


class Stitch:
    """The weighted mean of logits, or of probabilities, from overlapping windows and passes, over one volume."""

    def __init__(self, channels: int, shape: Shape, weights: Tensor) -> None:
        """`weights` (X, Y, Z) are a window's; the sums live on its device."""
        self._window_weights = weights
        self._sum = torch.zeros((channels, *shape), device=weights.device)
        self._weight = torch.zeros(shape, device=weights.device)

    def add(self, values: Tensor, window: Window) -> None:
        """Count a window's values (channels, X, Y, Z) in."""
        self._sum[(slice(None), *window)] += values * self._window_weights
        self._weight[window] += self._window_weights

    def mean(self) -> Tensor:
        """The mean values (channels, X, Y, Z) float32; every voxel must lie in some window."""
        return self._sum / self._weight


def padding(shape: Shape, window: Shape) -> tuple[tuple[int, int], ...]:
    """How many voxels of background to put before and after each axis, so that it is at least a window long.

    >>> padding((3, 8, 9), (8, 8, 8))
    ((2, 3), (0, 0), (0, 0))
    """
    missing = [max(0, length - size) for size, length in zip(shape, window, strict=True)]
    return tuple((gap // 2, gap - gap // 2) for gap in missing)


def inner(shape: Shape, pads: tuple[tuple[int, int], ...]) -> Window:
    """Where a volume of `shape` lies after `padding` was put around it."""
    x, y, z = (slice(before, before + size) for size, (before, _) in zip(shape, pads, strict=True))
    return x, y, z


def _axes_of(bits: int) -> tuple[int, ...]:
    return tuple(axis for axis in (1, 2, 3) if bits >> (axis - 1) & 1)


ALL_FLIPS: tuple[tuple[int, ...], ...] = tuple(_axes_of(bits) for bits in range(8))
"""The axes (of a (C, X, Y, Z) tensor) to flip in each of the eight mirror passes; the first flips none."""


def pass_count(scheme: str, shape: Shape, window: Shape, overlap: float) -> int:
    """How many passes `passes` makes.

    >>> pass_count("flips", (8, 8, 12), (8, 8, 8), 0.5)
    16
    """
    places = math.prod(len(starts) for starts in _starts(scheme, shape, window, overlap))
    return places * (len(ALL_FLIPS) if scheme == "flips" else 1)


def passes(
    scheme: str, shape: Shape, window: Shape, overlap: float, seed: int = 0
) -> Iterator[tuple[Window, tuple[int, ...]]]:
    """Every forward pass of a scheme of test-time augmentation, as its window and the axes to flip in it.

    "none": each window once. "flips": each window in all eight mirrorings. "reference": the corner chunks, each in one
    mirroring drawn at random (each axis with probability 1/2; drawn anew from `seed`, so a mask can be made again).
    """
    if scheme not in ("none", "flips", "reference"):
        raise ValueError(f"{scheme!r} is no scheme of test-time augmentation")
    generator = torch.Generator().manual_seed(seed)
    starts = _starts(scheme, shape, window, overlap)
    for flips in ALL_FLIPS if scheme == "flips" else ALL_FLIPS[:1]:
        for corner in product(*starts):
            if scheme == "reference":
                yield _at(corner, window), ALL_FLIPS[int(torch.randint(len(ALL_FLIPS), (), generator=generator))]
            else:
                yield _at(corner, window), flips
