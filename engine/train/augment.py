"""What is done to patches before the network sees them, after they are cut: mirrors, intensities, missing modalities.

Images are (B, C, X, Y, Z) float32, normalised and 0 outside of the brain; a row is one modality of one of them. What
happens to a sample is decided by its own `Draw`, so it does not depend on the batch that the sample is in.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.data import Modality
from engine.synth.draw import Draw

SUBSETS: tuple[tuple[tuple[Modality, ...], float], ...] = (
    ((Modality.T1C, Modality.T2F), 0.3),
    ((Modality.T1C, Modality.T2W, Modality.T2F), 0.2),
    ((Modality.T1N, Modality.T2W, Modality.T2F), 0.1),
    ((), 0.4),
)
"""What is kept where modalities are missing: the subsets that scanners and studies give, else any (the empty one)."""
REFERENCE_NOISE = 0.1
"""Variance of the reference system's noise, as a share of the image's."""

_BLUR_RADIUS = 3  # voxels: three of the largest sigma


def flip(images: Tensor, labels: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """One sample, images (C, X, Y, Z) and labels (X, Y, Z), mirrored along each axis with probability 1/2."""
    axes = [axis for axis in (-3, -2, -1) if draw.chance(0.5)]
    return (images.flip(axes), labels.flip(axes)) if axes else (images, labels)


def drop_modalities(images: Tensor, modalities: Sequence[Modality], draw: Draw) -> Tensor:
    """Some channels of one sample (C, X, Y, Z) blanked, as a missing modality is; see `SUBSETS`."""
    subset = draw.choose(SUBSETS)
    kept = [channel for channel, modality in enumerate(modalities) if modality in subset]
    if not kept:  # any, but not none
        kept = [channel for channel in range(len(images)) if draw.chance(0.5)] or [draw.index(len(images))]
    keep = torch.tensor([float(channel in kept) for channel in range(len(images))], device=images.device)
    return images * keep[:, None, None, None]


def reference_noise(images: Tensor, draws: Sequence[Draw]) -> Tensor:
    """The reference system's noise, in place: with probability 0.8 Gaussian of variance 0.1 times that of the sample.

    The variance is over all of a sample's modalities and voxels, its padding included, and the noise falls on all of
    them. A sample within [0, 1], where the reference's normalisation brings it, is held there: scikit-image's
    random_noise, with which it was trained, clips.
    """
    for image, draw in zip(images, draws, strict=True):
        if draw.chance(0.8):
            bounded = bool(image.amin() >= 0) and bool(image.amax() <= 1)
            image += (REFERENCE_NOISE * image.var(correction=0)).sqrt() * draw.white_noise(tuple(image.shape))
            if bounded:
                image.clamp_(0, 1)
    return images


def vary_intensities(images: Tensor, draws: Sequence[Draw]) -> Tensor:
    """The intensities as another scanner might have given them, changed in place; the background stays 0.

    Noise, blur, brightness, contrast, resolution, gamma of the inverted image and gamma, in this order and with the
    probabilities and ranges of nnU-Net (doi:10.1038/s41592-020-01008-z, supplement), but that statistics are taken over
    the brain.
    """
    channels = images.shape[1]
    inside = images != 0
    for image, draw in zip(images, draws, strict=True):
        if draw.chance(0.1):
            image += draw.uniform(0, 0.1) ** 0.5 * draw.white_noise(tuple(image.shape))
    rows, brain = images.flatten(0, 1), inside.flatten(0, 1)  # (B * C, X, Y, Z)

    def some(probability: float, value: Callable[[Draw], float], each: float = 1.0) -> tuple[Tensor, Tensor]:
        """Rows on which something falls by chance, of a sample's rows each with probability `each`; their values."""
        chosen = {
            place * channels + channel: value(draw)
            for place, draw in enumerate(draws)
            if draw.chance(probability)
            for channel in range(channels)
            if draw.chance(each)
        }
        index = torch.tensor(list(chosen), dtype=torch.long, device=images.device)
        return index, torch.tensor(list(chosen.values()), device=images.device)

    index, sigmas = some(0.2, lambda draw: draw.uniform(0.5, 1), each=0.5)
    if len(index):
        rows[index] = blurred(rows[index], sigmas)
    index, factors = some(0.15, lambda draw: draw.uniform(0.75, 1.25))
    if len(index):
        rows[index] *= factors[:, None, None, None]
    index, factors = some(0.15, lambda draw: draw.uniform(0.75, 1.25))
    if len(index):
        rows[index] = contrasted(rows[index], brain[index], factors)
    index, scales = some(0.25, lambda draw: draw.uniform(0.5, 1), each=0.5)
    for row, scale in zip(index.tolist(), scales.tolist(), strict=True):
        rows[row] = coarsened(rows[row], scale)
    for probability, sign in ((0.1, -1), (0.3, 1)):
        index, gammas = some(probability, _gamma)
        if len(index):
            rows[index] = sign * bent(sign * rows[index], brain[index], gammas)
    return images.masked_fill_(~inside, 0)


def _gamma(draw: Draw) -> float:
    return draw.uniform(0.7, 1) if draw.chance(0.5) else draw.uniform(1, 1.5)


def blurred(rows: Tensor, sigmas: Tensor) -> Tensor:
    """Rows (N, X, Y, Z), each blurred by a Gaussian of its sigma (N,) in voxels, up to 1; faces are continued."""
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=rows.device)
    taps = torch.exp(-0.5 * (offsets / sigmas[:, None]).square())  # (N, taps)
    taps = (taps / taps.sum(1, keepdim=True))[:, :, None, None, None]
    for axis in (1, 2, 3):
        size = rows.shape[axis]
        pads = [_BLUR_RADIUS if 2 * (3 - axis) <= place < 2 * (4 - axis) else 0 for place in range(6)]
        padded = functional.pad(rows[None], pads, mode="replicate")[0]
        rows = taps[:, 0] * padded.narrow(axis, 0, size)
        for place in range(1, 2 * _BLUR_RADIUS + 1):
            rows.addcmul_(taps[:, place], padded.narrow(axis, place, size))
    return rows


def contrasted(rows: Tensor, brain: Tensor, factors: Tensor) -> Tensor:
    """Rows (N, X, Y, Z) with their distance from the brain's mean times a factor (N,), within the brain's range."""
    mean, _ = _moments(rows, brain)
    low, high = _range(rows, brain)
    return torch.clamp((rows - mean) * factors[:, None, None, None] + mean, low, high)


def coarsened(row: Tensor, scale: float) -> Tensor:
    """A row (X, Y, Z) as if scanned with `scale` times as many voxels along each axis."""
    small = [max(1, round(size * scale)) for size in row.shape]
    low = functional.interpolate(row[None, None], size=small, mode="nearest-exact")
    return functional.interpolate(low, size=list(row.shape), mode="trilinear")[0, 0]


def bent(rows: Tensor, brain: Tensor, gammas: Tensor) -> Tensor:
    """Rows (N, X, Y, Z) with their brain, scaled to [0, 1], to the power of a gamma (N,); mean and deviation stay."""
    mean, deviation = _moments(rows, brain)
    low, high = _range(rows, brain)
    unit = ((rows - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
    curved = unit ** gammas[:, None, None, None]
    mean_now, deviation_now = _moments(curved, brain)
    return (curved - mean_now) / deviation_now.clamp(min=1e-6) * deviation + mean


def _moments(rows: Tensor, brain: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each row over its brain, (N, 1, 1, 1)."""
    axes = (1, 2, 3)
    count = brain.sum(axes, keepdim=True).clamp(min=1)
    mean = (rows * brain).sum(axes, keepdim=True) / count
    variance = ((rows - mean).square() * brain).sum(axes, keepdim=True) / count
    return mean, variance.sqrt()


def _range(rows: Tensor, brain: Tensor) -> tuple[Tensor, Tensor]:
    """Lowest and highest value of each row over its brain, (N, 1, 1, 1)."""
    axes = (1, 2, 3)
    low = rows.masked_fill(~brain, torch.inf).amin(axes, keepdim=True)
    high = rows.masked_fill(~brain, -torch.inf).amax(axes, keepdim=True)
    empty = ~brain.any(3).any(2).any(1)[:, None, None, None]
    return low.masked_fill(empty, 0), high.masked_fill(empty, 0)
