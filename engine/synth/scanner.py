"""What a scanner and the skull stripping do to the images: resolution, bias field, noise, grey scale, a faulty mask."""

import torch
from torch import Tensor
from torch.nn import functional

from engine.synth.anatomy import Anatomy, Grid
from engine.synth.draw import Draw
from engine.synth.smooth import smooth


def draw_coverage(anatomy: Anatomy, grid: Grid, draw: Draw) -> Tensor:
    """How much of each voxel a skull stripper left, (X, Y, Z) in [0, 1]: the brain, with a rim that fades to nothing.

    It is too wide or too tight in places, and now and then the field of view ends early.
    """
    uneven = draw.noise(anatomy.shape, draw.uniform(10, 25) / grid.spacing_mm)[0]
    threshold = draw.uniform(-1.5, 2.0) + draw.uniform(0, 1.2) * uneven
    if draw.chance(0.15):  # bites and remnants
        threshold = threshold + draw.uniform(1, 4) * torch.where(uneven.abs() > 1.5, uneven, 0)
    coverage = ((anatomy.depth - threshold.clamp(min=-6)) / draw.uniform(0.5, 5.0)).clamp(0, 1)
    if draw.chance(0.1):
        _end_early(coverage, draw)
    return coverage


def _end_early(coverage: Tensor, draw: Draw) -> None:
    """Cut some of the lowest or highest slices off, in place."""
    inside = coverage.amax((0, 1)).nonzero()
    first, last = int(inside[0]), int(inside[-1])
    lost = int((last - first) * draw.uniform(0.03, 0.2))
    if draw.chance(0.5):
        coverage[:, :, : first + lost] = 0
    else:
        coverage[:, :, last - lost :] = 0


def acquire(images: Tensor, coverage: Tensor, grid: Grid, draw: Draw) -> Tensor:
    """Images (4, X, Y, Z) as a scanner would give them: positive where `coverage` is, 0 elsewhere."""
    return torch.stack([_acquire_one(image, coverage, grid, draw) for image in images])


def _acquire_one(image: Tensor, coverage: Tensor, grid: Grid, draw: Draw) -> Tensor:
    if draw.chance(0.4):
        image = _lower_resolution(image, grid, draw)
    if draw.chance(0.2):
        image = smooth(image)
    bias = draw.noise(_shape(image), 70 / grid.spacing_mm)[0] * draw.uniform(0, 0.14)
    image = image * torch.exp(bias)
    image = image * (1 + draw.uniform(0, 0.04) * draw.noise(_shape(image), max(1.0, 2.5 / grid.spacing_mm))[0])
    sigma = draw.uniform(0.003, 0.02) if draw.chance(0.75) else draw.uniform(0.02, 0.06)
    real, imaginary = draw.white_noise((2, *image.shape)) * sigma
    image = ((image + real).square() + imaginary.square()).sqrt()  # Rician: the magnitude of a complex signal
    top = image.amax().clamp(min=1e-3)
    image = (image / top) ** draw.uniform(0.75, 1.3) * top
    floor = draw.uniform(0.0, 0.5)
    return torch.where(coverage > 0, (image * (floor + (1 - floor) * coverage)).clamp(min=1e-3), 0.0)


def _lower_resolution(image: Tensor, grid: Grid, draw: Draw) -> Tensor:
    """Slices of 2 to 6 mm along one axis, brought back to the grid."""
    axis = draw.index(3)
    thickness = draw.uniform(2, 6)
    small = list(_shape(image))
    small[axis] = max(2, round(small[axis] * grid.spacing_mm / max(thickness, grid.spacing_mm)))
    low = functional.interpolate(image[None, None], size=small, mode="area")
    return functional.interpolate(low, size=_shape(image), mode="trilinear")[0, 0]


def _shape(image: Tensor) -> tuple[int, int, int]:
    x, y, z = image.shape
    return x, y, z
