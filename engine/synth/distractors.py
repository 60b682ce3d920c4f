"""What is bright or dark without being tumour, because a network that never saw it takes it for tumour.

White matter of old age, old strokes, bleeding and calcification; on T1C vessels, meninges, sinuses and choroid plexus.
Everything is added to the healthy images (4, X, Y, Z) in place.
"""

import torch
from torch import Tensor

from engine.synth.anatomy import TENTORIUM_MM, Anatomy, FieldOfView
from engine.synth.contrast import T1C, T1N, T2F, T2W
from engine.synth.draw import Draw


def add_distractors(images: Tensor, anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> None:
    """Add each kind as often and as strongly as chance has it."""
    _add_white_matter_lesions(images, anatomy, grid, draw)
    _add_contrast_agent(images, anatomy, grid, draw)
    if draw.chance(0.1):
        _add_stroke(images, anatomy, grid, draw)
    if draw.chance(0.08):
        _add_blood_or_chalk(images, anatomy, grid, draw)


def _add_white_matter_lesions(images: Tensor, anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> None:
    """Bright rims and caps along the ventricles, and scattered bright spots (leukoaraiosis): on FLAIR, less on T2."""
    distance = anatomy.ventricle.clamp(min=0)
    along = torch.exp(distance / -draw.uniform(1.5, 5)).mul_(1 - anatomy.fluid)
    caps = draw.noise(anatomy.shape, draw.uniform(12, 22) / grid.spacing_mm)[0].mul_(draw.uniform(0.4, 1.1))
    along *= caps.add_(1).clamp_(min=0)
    strength = draw.uniform(0, 0.3) if draw.chance(0.5) else draw.uniform(0.3, 1.2)
    images[T2F].add_(along, alpha=strength)
    images[T2W].add_(along, alpha=strength * draw.uniform(0.2, 0.8))
    if draw.chance(0.55):
        pattern = draw.noise(anatomy.shape, max(2.0, draw.uniform(3, 9) / grid.spacing_mm))[0]
        pattern.add_(torch.exp(distance / -12), alpha=draw.uniform(0, 1.2)).sub_(draw.uniform(1.8, 3.0)).mul_(6)
        spots = pattern.sigmoid_().mul_(anatomy.white)
        images[T2F].add_(spots, alpha=draw.uniform(0.2, 0.9))
        images[T2W].add_(spots, alpha=draw.uniform(0.1, 0.8))
        images[T1N : T1C + 1].sub_(spots, alpha=draw.uniform(0, 0.2))


def _add_contrast_agent(images: Tensor, anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> None:
    """What takes up contrast agent without being tumour: vessels, meninges and sinuses, choroid plexus, on T1C."""
    shape, mm = anatomy.shape, grid.spacing_mm
    one, other = draw.noise(shape, max(2.0, draw.uniform(6, 14) / mm), 2)
    depth = anatomy.depth.clamp(min=0)
    near_fluid = (2.5 * anatomy.fluid).add_(anatomy.grey, alpha=0.4).clamp_(max=1)
    radius = draw.uniform(0.07, 0.18) * max(1.0, mm / 1.5)
    across = one.square().add_(other.square()).mul_(-1 / radius**2).clamp_(min=-40)
    vessels = across.exp_().mul_(near_fluid)  # where two surfaces cross: a tube
    vessel = draw.uniform(0.1, 2.5)
    if not draw.chance(0.1):
        agent = images[T1C]
        midline = anatomy.lateral.square()
        falx = torch.exp((midline / -(draw.uniform(0.8, 2.0) ** 2)).clamp_(min=-40)).mul_(1 - anatomy.white)
        falx *= ((18 - depth) / 4).sigmoid_()
        sinus = _sinuses(anatomy, draw)
        if draw.chance(0.75):  # flowing blood gives no signal without the agent
            for modality in (T1N, T2W, T2F):
                images[modality].mul_(1 - draw.uniform(0.2, 0.9) * sinus)
        meninges = torch.exp(depth / -draw.uniform(0.8, 2.0)).mul_((one + 0.5).clamp_(0, 1.5))
        plexus = anatomy.inside_ventricle * (other - draw.uniform(0.5, 1.5)).mul_(6).sigmoid_()
        agent.add_(vessels, alpha=vessel).add_(falx, alpha=draw.uniform(0, 0.9))
        agent.add_(sinus, alpha=draw.uniform(0, 2.2) if draw.chance(0.55) else draw.uniform(1.5, 6.0))
        agent.add_(meninges, alpha=draw.uniform(0, 0.9)).add_(plexus, alpha=draw.uniform(0, 2.0))
        images[T2F].add_(plexus, alpha=draw.uniform(-0.2, 0.5))
        if draw.chance(0.3):  # slow blood and fat at the sinuses, bright without the agent
            images[T1N].add_(sinus, alpha=draw.uniform(0, 1.0))
    if draw.chance(0.5):  # flow voids
        images[T2W] *= 1 - 0.7 * vessels
    images[T1N].add_(vessels, alpha=draw.uniform(0, 0.3) * vessel)


def _sinuses(anatomy: Anatomy, draw: Draw) -> Tensor:
    """Share of each voxel that is a venous sinus, (X, Y, Z): the sagittal one, and those along the tentorium."""
    depth, midline = anatomy.depth.clamp(min=0).square(), anatomy.lateral.square()
    level = (anatomy.height - TENTORIUM_MM).square()
    width_mm, depth_mm = draw.uniform(2.5, 7), draw.uniform(2, 12)
    sinus = torch.exp((torch.minimum(midline, level) / -(width_mm**2) - depth / depth_mm**2).clamp_(min=-40))
    if draw.chance(0.5):  # the confluence, where they meet at the back, may be a pool of its own
        pool = (midline + level) / -(draw.uniform(6, 14) ** 2) - depth / draw.uniform(5, 14) ** 2
        sinus = torch.maximum(sinus, torch.exp(pool.clamp_(min=-40)))
    return sinus


def _blob(anatomy: Anatomy, radius_mm: float, grid: FieldOfView, draw: Draw) -> Tensor:
    """How deep each voxel lies in a rough ball somewhere in the brain, (X, Y, Z): 1 in its middle, 0 on its surface."""
    seats = torch.nonzero(anatomy.depth[::4, ::4, ::4] > 3) * 4
    if not len(seats):
        return torch.full(anatomy.shape, -1.0, device=draw.device)
    x, y, z = (
        (torch.arange(size, device=draw.device) - place) * grid.spacing_mm
        for size, place in zip(anatomy.shape, seats[draw.index(len(seats))], strict=True)
    )
    distance: Tensor = (x.square()[:, None, None] + y.square()[:, None] + z.square()).sqrt_().div_(radius_mm)
    distance.add_(draw.noise(anatomy.shape, max(2.0, 7 / grid.spacing_mm))[0], alpha=0.25)
    return distance.neg_().add_(1)


def _add_stroke(images: Tensor, anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> None:
    """An old infarct: a hole filled with fluid, its rim scarred and bright on FLAIR."""
    inside, tissue = _blob(anatomy, draw.uniform(5, 18), grid, draw), 1 - anatomy.fluid
    hole = (inside - draw.uniform(0.2, 0.6)).mul_(12).sigmoid_()
    rim = (inside * 12).sigmoid_().sub_(hole).clamp_(min=0).mul_(tissue)
    hole *= tissue
    fluid = (draw.uniform(0.2, 0.5), draw.uniform(0.2, 0.5), draw.uniform(1.8, 3.2), draw.uniform(0.2, 0.7))
    scar = (draw.uniform(-0.2, 0), draw.uniform(-0.2, 0), draw.uniform(0.2, 1.0), draw.uniform(0.2, 1.0))
    for image, level, change in zip(images, fluid, scar, strict=True):
        image.lerp_(torch.full_like(image, level), hole).add_(rim, alpha=change)


def _add_blood_or_chalk(images: Tensor, anatomy: Anatomy, grid: FieldOfView, draw: Draw) -> None:
    """A small old bleeding, bright on both T1, or a calcification, dark on all."""
    inside = _blob(anatomy, draw.uniform(2, 8), grid, draw).mul_(8).sigmoid_()
    if draw.chance(0.5):
        images[T1N : T1C + 1].add_(inside, alpha=draw.uniform(0.2, 1.0))
        images[T2W : T2F + 1].mul_(1 - draw.uniform(-0.4, 0.8) * inside)
    else:
        images.mul_(1 - draw.uniform(0.3, 0.9) * inside)
