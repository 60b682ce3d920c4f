"""Intensity normalisation, the same in training and in prediction.

This file imports torch only.
"""

import torch
from torch import Tensor


def zscore(images: Tensor, foreground: Tensor) -> Tensor:
    """Z-score of each channel over its foreground, 0 outside of it.

    MR intensities have no unit, so each modality is brought to mean 0 and standard deviation 1 over the brain. A
    channel without foreground (a missing modality), or of one single value, becomes all 0.

    images: (..., X, Y, Z) float; foreground: bool, broadcastable to it. Returns float32 of the images' shape.

    >>> image = torch.tensor([0.0, 1.0, 3.0, 5.0]).reshape(1, 4, 1, 1)
    >>> [round(value, 3) for value in zscore(image, image > 0).flatten().tolist()]
    [0.0, -1.225, 0.0, 1.225]
    """
    axes = (-3, -2, -1)
    images = images.float()
    foreground = foreground.expand(images.shape)
    count = foreground.sum(axes, keepdim=True).clamp(min=1)
    mean = torch.where(foreground, images, 0.0).sum(axes, keepdim=True) / count
    centred = torch.where(foreground, images - mean, 0.0)
    deviation = (centred.square().sum(axes, keepdim=True) / count).sqrt()
    return torch.where(deviation > 1e-6 * mean.abs().clamp(min=1e-12), centred / deviation, 0.0)


def slice_minmax(images: Tensor, foreground: Tensor) -> Tensor:
    """Each axial slice of each channel scaled to [0, 1], as the reference system does; a constant slice becomes 0.

    The background, 0 in every slice of a head, counts as one of the slice's values though images are cropped to the
    brain; outside of the foreground it stays 0, also where the brain holds values below it.

    images: (..., X, Y, Z) float, Z to superior or inferior; foreground: bool, broadcastable to it. Returns float32 of
    the images' shape.

    >>> images = torch.tensor([[[2.0, 8.0]], [[4.0, 0.0]]])
    >>> slice_minmax(images, images > 0).tolist()
    [[[0.5, 1.0]], [[1.0, 0.0]]]
    """
    images = torch.where(foreground, images.float(), 0.0)
    low = images.amin((-3, -2), keepdim=True).clamp(max=0)
    extent = images.amax((-3, -2), keepdim=True) - low
    return torch.where(foreground & (extent > 0), (images - low) / extent, 0.0)


def normalise(images: Tensor, foreground: Tensor, scheme: str) -> Tensor:
    """The images normalised as a model's card names it: "zscore" or "slice_minmax"; 0 outside of the foreground."""
    if scheme == "zscore":
        return zscore(images, foreground)
    return slice_minmax(images, foreground)
