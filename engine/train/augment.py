"""What is done to an example before the network sees it: a patch, mirrors, missing modalities; for real images more.

Images are (4, X, Y, Z) float32, z-scored over the brain and 0 outside of it; labels (X, Y, Z) uint8.
"""

import torch
from torch import Tensor
from torch.nn import functional

from engine.runs.settings import Shape, TrainConfig
from engine.synth.contrast import T1C, T1N, T2F, T2W
from engine.synth.draw import Draw

SUBSETS: tuple[tuple[tuple[int, ...], float], ...] = (
    ((T1C, T2F), 0.3),
    ((T1C, T2W, T2F), 0.2),
    ((T1N, T2W, T2F), 0.1),
    ((), 0.4),
)
"""What is kept where modalities are missing: the subsets that scanners and studies give, else any (the empty one)."""


def cut_patch(images: Tensor, labels: Tensor, config: TrainConfig, draw: Draw) -> tuple[Tensor, Tensor]:
    """A window of the configuration's size, about a voxel of tumour or anywhere; the case where it is that size.

    What sticks out of a case is background.
    """
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
        return (size - length) // 2
    return min(max(centre - length // 2, 0), size - length)


def _window(volume: Tensor, starts: list[int], window: Shape) -> Tensor:
    """`window` voxels of (..., X, Y, Z) from `starts`, with zeros where there are none."""
    pads: list[int] = []
    for axis, start, length in zip((-3, -2, -1), starts, window, strict=True):
        size = volume.shape[axis]
        low, high = max(start, 0), min(start + length, size)
        volume = volume.narrow(axis, low, high - low)
        pads = [low - start, start + length - high, *pads]
    return functional.pad(volume, pads) if any(pads) else volume


def flip(images: Tensor, labels: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Mirrored along each axis with probability 1/2."""
    axes = [axis for axis in (-3, -2, -1) if draw.chance(0.5)]
    return (images.flip(axes), labels.flip(axes)) if axes else (images, labels)


def drop_modalities(images: Tensor, draw: Draw) -> Tensor:
    """Some channels blanked, as a missing modality is; see `SUBSETS`."""
    kept = draw.choose(SUBSETS)
    if not kept:  # any, but not none
        kept = tuple(channel for channel in range(len(images)) if draw.chance(0.5)) or (draw.index(len(images)),)
    keep = torch.tensor([float(channel in kept) for channel in range(len(images))], device=images.device)
    return images * keep[:, None, None, None]


def turn_and_scale(images: Tensor, labels: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Turned by up to 30 degrees about each axis and scaled by 0.7 to 1.4, about the middle."""
    matrix = draw.rotation(0.52) * draw.uniform(0.7, 1.4)
    size = torch.tensor(labels.shape, dtype=torch.float32, device=images.device)
    aspect = size.flip(0)[None] / size.flip(0)[:, None]  # unit coordinates are relative to each axis's own length
    theta = torch.cat((matrix * aspect, torch.zeros((3, 1), device=images.device)), dim=1)[None]
    points = functional.affine_grid(theta, [1, 1, *labels.shape], align_corners=False)
    turned = functional.grid_sample(images[None], points, align_corners=False)[0]
    nearest = functional.grid_sample(labels[None, None].float(), points, mode="nearest", align_corners=False)[0, 0]
    return turned, nearest.to(torch.uint8)


def vary_intensities(images: Tensor, draw: Draw) -> Tensor:
    """Each modality brighter, flatter, noisier, blurred or bent by a gamma, by chance; the background stays 0.

    Ranges and probabilities are close to those of nnU-Net (doi:10.1038/s41592-020-01008-z).
    """
    varied = []
    for image in images:
        inside = image != 0
        if draw.chance(0.15):
            image = draw.uniform(0.75, 1.25) * image
        if draw.chance(0.15):
            image = image + draw.uniform(-0.3, 0.3)
        if draw.chance(0.1):
            image = image + draw.uniform(0, 0.3) * draw.white_noise(tuple(image.shape))
        if draw.chance(0.25):
            image = _coarser(image, draw.uniform(1, 2))
        if draw.chance(0.3):
            low, high = image.amin(), image.amax()
            unit = (image - low) / (high - low).clamp(min=1e-6)
            image = unit ** draw.uniform(0.7, 1.5) * (high - low) + low
        varied.append(torch.where(inside, image, 0.0))
    return torch.stack(varied)


def _coarser(image: Tensor, factor: float) -> Tensor:
    """At a `factor` lower resolution along each axis, and back."""
    small = [max(2, round(size / factor)) for size in image.shape]
    low = functional.interpolate(image[None, None], size=small, mode="trilinear")
    return functional.interpolate(low, size=list(image.shape), mode="trilinear")[0, 0]
