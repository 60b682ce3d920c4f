"""Where patches are cut, and cutting them: from a stored case no more is read than what the patch shows.

Images are (C, X, Y, Z) float32, labels (X, Y, Z) uint8; a patch has the size of a window. What sticks out of a case is
background, 0.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.data.box import Box
from engine.runs.settings import Shape, TrainConfig
from engine.synth.draw import Draw
from engine.train.cache import StoredCase

TURN = 0.2
SCALE = 0.2
MOST_DEGREES = 30.0
ZOOM = (0.7, 1.4)

Matrix = NDArray[np.float64]


def cut_patch(images: Tensor, labels: Tensor, config: TrainConfig, draw: Draw) -> tuple[Tensor, Tensor]:
    """A window of the configuration's size, about a voxel of tumour or anywhere; the case where it is that size."""
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    if shape == config.window:
        return images, labels
    centre = [draw.index(size) for size in shape]
    if draw.chance(config.foreground):
        tumour = torch.nonzero(labels)
        if len(tumour):
            centre = tumour[draw.index(len(tumour))].tolist()
    starts = [_start(place, size, length) for place, size, length in zip(centre, shape, config.window, strict=True)]
    return _window(images, starts, config.window), _window(labels, starts, config.window)


def _start(centre: int, size: int, length: int) -> int:
    """First voxel of a window of `length` about `centre`, within `size` voxels or, if it is longer, over all of them.

    >>> _start(2, 100, 10), _start(50, 100, 10), _start(99, 100, 10), _start(3, 6, 10)
    (0, 45, 90, -2)
    """
    if length >= size:
        return _before(size, length)
    return min(max(centre - length // 2, 0), size - length)


def _before(size: int, length: int) -> int:
    """First voxel of a window over all of a shorter axis: half of the padding before it, as in prediction.

    >>> _before(5, 8)
    -1
    """
    return -((length - size) // 2)


def _window(volume: Tensor, starts: list[int], window: Shape) -> Tensor:
    """`window` voxels of (..., X, Y, Z) from `starts`, with zeros where there are none."""
    pads: list[int] = []
    for axis, start, length in zip((-3, -2, -1), starts, window, strict=True):
        size = volume.shape[axis]
        low, high = max(start, 0), min(start + length, size)
        volume = volume.narrow(axis, low, high - low)
        pads = [low - start, start + length - high, *pads]
    return functional.pad(volume, pads) if any(pads) else volume


def stored_patch(case: StoredCase, config: TrainConfig, draw: Draw) -> tuple[Tensor, Tensor]:
    """A patch of a stored case on the draw's device; with full augmentation it may be turned and scaled.

    A turn is by up to 30 degrees about each axis, a scale 0.7 to 1.4, each with probability 0.2
    (nnU-Net, doi:10.1038/s41592-020-01008-z).
    """
    starts = place_patch(case, config, draw)
    if config.augmentation == "full":
        turn = np.eye(3)
        if draw.chance(TURN):
            turn = rotation([math.radians(draw.uniform(-MOST_DEGREES, MOST_DEGREES)) for _ in range(3)])
        if draw.chance(SCALE):
            turn = turn * (draw.uniform(ZOOM[0], 1) if draw.chance(0.5) else draw.uniform(1, ZOOM[1]))
        if not np.array_equal(turn, np.eye(3)):
            return turned_patch(case, starts, config.window, turn, draw.device)
    box, pads = _inside(starts, config.window, case.shape)
    images, labels = (functional.pad(volume, pads) for volume in _read(case, box, draw.device))
    return images.float(), labels


def place_patch(case: StoredCase, config: TrainConfig, draw: Draw) -> list[int]:
    """First voxels of a patch: anywhere within the case, or about a voxel of a region, all regions alike.

    A rare region is so seen as often as a large one.
    """
    regions = [count for count in case.region_voxels if count]
    if regions and draw.chance(config.foreground):
        voxel = int(case.array("tumour")[draw.index(regions[draw.index(len(regions))])])
        centre = np.unravel_index(voxel, case.shape)
        places = zip(centre, case.shape, config.window, strict=True)
        return [_start(int(place), size, length) for place, size, length in places]
    sizes = zip(case.shape, config.window, strict=True)
    return [draw.index(size - length + 1) if size > length else _before(size, length) for size, length in sizes]


def rotation(angles: list[float]) -> Matrix:
    """The matrix that turns by an angle in radians about each axis, about the last axis first.

    >>> rotation([0.0, 0.0, math.pi / 2]).round(3).tolist()
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = (i for i in range(3) if i != axis)
        turn = np.eye(3)
        turn[one, one] = turn[other, other] = math.cos(angle)
        turn[one, other], turn[other, one] = math.sin(angle), -math.sin(angle)
        matrix = matrix @ turn
    return matrix


def turned_patch(
    case: StoredCase, starts: list[int], window: Shape, turn: Matrix, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The patch at `starts` with voxel o, counted from its middle, showing the case at turn @ o from that middle.

    Images are interpolated linearly, labels taken from the nearest voxel.
    """
    size = np.array(window, dtype=np.float64)
    middle = np.array(starts) + (size - 1) / 2
    reach = np.abs(turn) @ ((size - 1) / 2)
    low = np.floor(middle - reach).astype(int).tolist()
    high = (np.ceil(middle + reach).astype(int) + 1).tolist()
    box, _ = _inside(low, (high[0] - low[0], high[1] - low[1], high[2] - low[2]), case.shape)
    images, labels = _read(case, box, device)
    # In affine_grid's coordinates -1 and 1 are the outer faces of a volume, and its axes come in the order z, y, x.
    extent = np.array(labels.shape, dtype=np.float64)
    linear = turn * size[None, :] / extent[:, None]
    shift = (2 * (middle - [part.start for part in box]) + 1) / extent - 1
    theta = torch.from_numpy(np.concatenate((linear[::-1, ::-1], shift[::-1, None]), axis=1).astype(np.float32))
    points = functional.affine_grid(theta[None].to(device), [1, 1, *window], align_corners=False)
    turned = functional.grid_sample(images[None].float(), points, align_corners=False)[0]
    nearest = functional.grid_sample(labels[None, None].float(), points, mode="nearest", align_corners=False)[0, 0]
    return turned, nearest.to(torch.uint8)


def _inside(starts: list[int], window: Shape, shape: Shape) -> tuple[Box, list[int]]:
    """The part of a window that lies in a case, one voxel at least, and the padding for `functional.pad` around it."""
    box: list[slice] = []
    pads: list[int] = []
    for start, length, size in zip(starts, window, shape, strict=True):
        low, high = min(max(start, 0), size - 1), max(min(start + length, size), 1)
        box.append(slice(low, high))
        pads = [low - start, start + length - high, *pads]
    return (box[0], box[1], box[2]), pads


def _read(case: StoredCase, box: Box, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images float16 and labels in a box of a stored case, on the device."""
    images = torch.from_numpy(np.array(case.array("images")[(slice(None), *box)]))
    labels = torch.from_numpy(np.array(case.array("labels")[box]))
    if device.type == "cuda":
        images, labels = images.pin_memory(), labels.pin_memory()
    return images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
