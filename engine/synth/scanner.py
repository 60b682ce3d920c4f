"""What a scanner and the skull stripping do to the images: position, resolution, bias field, noise, a faulty mask."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from engine.synth.anatomy import Anatomy, FieldOfView, Shape
from engine.synth.draw import Draw
from engine.synth.smooth import smooth


def draw_coverage(anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> Tensor:
    """How much of each voxel a skull stripper left, (X, Y, Z) in [0, 1]: the brain, with a rim that fades to nothing.

    It is too wide or too tight in places, and now and then the field of view ends early.
    """
    uneven = draw.noise(anatomy.shape, draw.uniform(10, 25) / grid.spacing_mm)[0]
    threshold = draw.uniform(-1.5, 2.5) + draw.uniform(0, 1.2) * uneven
    if draw.chance(0.4):  # the fluid in the sulci went with the skull
        threshold = threshold.add_(anatomy.fluid, alpha=draw.uniform(0.5, 3))
    if draw.chance(0.15):  # bites and remnants
        threshold = threshold + draw.uniform(1, 4) * torch.where(uneven.abs() > 1.5, uneven, 0)
    coverage = (anatomy.depth - threshold.clamp_(min=-6)).div_(draw.uniform(0.5, 5.0)).clamp_(0, 1)
    if draw.chance(0.12):
        _end_early(coverage, draw)
    return coverage


def _end_early(coverage: Tensor, draw: Draw) -> None:
    """Cut some slices off at one end, mostly the lowest or the highest, in place."""
    axis = 2 if draw.chance(0.7) else draw.index(2)
    others = [other for other in range(3) if other != axis]
    inside = coverage.amax(others).nonzero()
    first, last = int(inside[0]), int(inside[-1])
    lost = int((last - first) * draw.uniform(0.03, 0.2))
    start = first if draw.chance(0.5) else last + 1 - lost
    coverage.narrow(axis, start, lost).zero_()


def acquire(images: Tensor, coverage: Tensor, grid: FieldOfView, draw: Draw) -> Tensor:
    """Images (4, X, Y, Z) as a scanner would give them: positive where `coverage` is, 0 elsewhere."""
    return torch.stack([_acquire_one(image, coverage, grid, draw) for image in images])


def _acquire_one(image: Tensor, coverage: Tensor, grid: FieldOfView, draw: Draw) -> Tensor:
    shape = _shape(image)
    if draw.chance(0.3):
        image = _misplace(image, grid, draw)
    if draw.chance(0.4):
        image = _lower_resolution(image, grid, draw)
    if draw.chance(0.2):
        image = smooth(image)
    unevenness = draw.uniform(0, 0.1) if draw.chance(0.8) else draw.uniform(0.1, 0.25)
    bias = draw.noise(shape, 70 / grid.spacing_mm)[0].mul_(unevenness)
    if draw.chance(0.25):
        bias += _slope(shape, draw)
    if draw.chance(0.08):
        bias += _ripple(shape, grid, draw)
    image = image * bias.exp_()
    texture = draw.noise(shape, max(1.0, 2.5 / grid.spacing_mm))[0]
    image.addcmul_(image, texture, value=draw.uniform(0, 0.03))
    sigma = draw.uniform(0.002, 0.02) if draw.chance(0.85) else draw.uniform(0.02, 0.06)
    noise = draw.white_noise(shape).mul_(sigma)
    # Rician: the magnitude of a complex signal; the imaginary noise may be the real one of another place.
    image = image.add_(noise).square_().add_(noise.flip(0).square_()).sqrt_()
    top = image.amax().clamp(min=1e-3)
    if draw.chance(0.1):  # the brightest were clipped
        top = torch.quantile(image[::3, ::3, ::3].flatten(), min(1.0, draw.uniform(0.995, 0.9998))).clamp(min=0.5)
    image = image.div_(top).clamp_(max=1).pow_(draw.uniform(0.75, 1.3)).mul_(top)
    floor = draw.uniform(0.0, 0.5)
    image.mul_(coverage * (1 - floor) + floor).clamp_(min=1e-3)
    return image.masked_fill_(coverage <= 0, 0.0)


def _misplace(image: Tensor, grid: FieldOfView, draw: Draw) -> Tensor:
    """Shifted by up to 1.5 mm along each axis: registration of the modalities to each other is never perfect."""
    for axis in range(3):
        shift = draw.uniform(-1.5, 1.5) / grid.spacing_mm
        whole = math.floor(shift)
        part = shift - whole
        image = torch.roll(image, whole, axis).mul_(1 - part).add_(torch.roll(image, whole + 1, axis), alpha=part)
    return image


def _slope(shape: Shape, draw: Draw) -> Tensor:
    """Brighter towards one end of an axis, mostly the lower or the upper, by up to 40 %, (X, Y, Z) by broadcasting."""
    axis = 2 if draw.chance(0.6) else draw.index(2)
    half = draw.uniform(0, 0.2) * (1 if draw.chance(0.5) else -1)
    slope = torch.linspace(-half, half, shape[axis], device=draw.device)
    return slope.reshape([-1 if other == axis else 1 for other in range(3)])


def _ripple(shape: Shape, grid: FieldOfView, draw: Draw) -> Tensor:
    """Stripes along one axis, as motion or a clipped spectrum leaves them, (X, Y, Z) by broadcasting."""
    axis = draw.index(3)
    position = torch.arange(shape[axis], device=draw.device) * grid.spacing_mm
    wave = torch.sin(position * (2 * math.pi / draw.uniform(5, 25)) + draw.uniform(0, 2 * math.pi))
    return wave.mul_(draw.uniform(0.01, 0.06)).reshape([-1 if other == axis else 1 for other in range(3)])


def _lower_resolution(image: Tensor, grid: FieldOfView, draw: Draw) -> Tensor:
    """Slices of 2 to 6 mm along one axis, brought back to the grid."""
    axis = draw.index(3)
    thickness = draw.uniform(2, 6)
    small = list(_shape(image))
    small[axis] = max(2, round(small[axis] * grid.spacing_mm / max(thickness, grid.spacing_mm)))
    low = functional.interpolate(image[None, None], size=small, mode="area")
    return functional.interpolate(low, size=_shape(image), mode="trilinear")[0, 0]


def _shape(image: Tensor) -> Shape:
    x, y, z = image.shape
    return x, y, z
