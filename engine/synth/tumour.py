"""Gliomas: where they sit, how they push, and which voxel is necrotic core, oedema or enhancing tumour.

Shapes are level sets of a distance from the centre, measured in radii, that noise roughens and tissue modulates.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.data import Label
from engine.synth.anatomy import TENTORIUM_MM, Anatomy, FieldOfView, Shape, axis_signs
from engine.synth.draw import Draw
from engine.synth.smooth import smooth

MASS_REACH = 2.6  # in radii of the core: where mass effect fades
SHARES = (Label.NCR, Label.ED, Label.ET)
CORE_SHARES = (0, 2)

Growth = Literal["ring", "multilocular", "solid", "patchy", "low-grade core", "low-grade infiltration"]
GROWTHS: tuple[tuple[Growth, float], ...] = (
    ("ring", 0.50),
    ("multilocular", 0.20),
    ("solid", 0.08),
    ("patchy", 0.08),
    ("low-grade core", 0.11),
    ("low-grade infiltration", 0.03),
)


@dataclass(frozen=True, slots=True)
class Lesion:
    """One focus of tumour, before it is voxels: centre (3,) in mm from the grid's middle, radii in mm.

    crosses: it grows through the corpus callosum to the other side, as a butterfly glioma does.
    """

    centre_mm: Tensor
    core_mm: float
    oedema_mm: float
    growth: Growth
    push_mm: float
    crosses: bool


@dataclass(frozen=True, slots=True)
class Tumour:
    """What the tumours of a case are made of.

    labels: (X, Y, Z) uint8 values of `Label`. shares: (3, X, Y, Z) float32, how much of each voxel's signal is NCR, ED
    and ET (`SHARES`): soft at borders, fading towards the oedema's rim. enhances: whether there is any ET.
    """

    labels: Tensor
    shares: Tensor
    enhances: bool


def draw_lesions(scout: dict[str, Tensor], grid: FieldOfView, draw: Draw) -> list[Lesion]:
    """Choose the foci of a case; none for a healthy one.

    scout: the atlas's maps on the grid's lattice, and "lateral" and "height" as in `Anatomy`.
    """
    if draw.chance(0.14):
        return []
    growth = draw.choose(GROWTHS)
    crosses = draw.chance(0.05)
    count = 1 + draw.chance(0.13) + draw.chance(0.06)
    where = _seats(scout, crosses, draw)
    position = grid.positions_mm(_shape(scout["white"]), draw.device)
    lesions: list[Lesion] = []
    for _ in range(count if len(where) else 0):
        x, y, z = where[draw.index(len(where))].tolist()
        lesions.append(_draw_lesion(position[:, x, y, z], growth, crosses, 0.6 if lesions else 1.0, draw))
    return lesions


def _seats(scout: dict[str, Tensor], crosses: bool, draw: Draw) -> Tensor:
    """Indices (N, 3) of the lattice points where a tumour may begin: white matter, or the corpus callosum."""
    above_tentorium = scout["height"] > (TENTORIUM_MM if draw.chance(0.95) else -torch.inf)  # gliomas below are rare
    seats = (scout["depth"] > 0) & (scout["white"] > 0.35) & above_tentorium
    if crosses:
        middle = seats & (scout["lateral"].abs() < 8) & (scout["ventricle"] < 14)
        seats = middle if bool(middle.any()) else seats
    return torch.nonzero(seats)


def _draw_lesion(centre_mm: Tensor, growth: Growth, crosses: bool, size: float, draw: Draw) -> Lesion:
    core = draw.log_normal(20.5, 0.46, 4, 38)
    spread = draw.uniform(0, 4) if draw.chance(0.12) else draw.log_normal(19, 0.5, 2, 34)
    if growth == "low-grade core":
        core, spread = core * 1.1, spread * 0.6
    if growth == "low-grade infiltration":
        core = draw.uniform(6, 12)
    core *= size
    push = core * (draw.uniform(0, 0.35) if draw.chance(0.5) else draw.uniform(0.35, 0.8))
    return Lesion(centre_mm, core, core + spread * (0.5 + 0.5 * size), growth, push, crosses)


def displace(field: Tensor, lesions: list[Lesion], grid: FieldOfView) -> Tensor:
    """Mass effect: what lay at a lesion's centre is now found further out.

    field: (3, *lattice) in mm of the atlas. Returns the field bent.
    """
    position = grid.positions_mm(_shape(field[0]), field.device)
    moved = field
    for lesion in lesions:
        away = position - lesion.centre_mm[:, None, None, None]
        radius = away.square().sum(0).sqrt().clamp(min=1e-3)
        reach = radius / lesion.core_mm
        size = lesion.push_mm * reach.clamp(max=1) * torch.exp(-((reach / MASS_REACH) ** 2))
        inward = -away / radius * size  # in the case's frame; the head's own turn is small enough to ignore its mirror
        moved = moved + inward * axis_signs(field)
    return moved


def grow(anatomy: Anatomy, lesions: list[Lesion], grid: FieldOfView, draw: Draw) -> Tumour | None:
    """Fill the lesions in: labels and signal shares on the full grid; None if there is nothing to fill."""
    if not lesions:
        return None
    labels = torch.zeros(anatomy.shape, dtype=torch.uint8, device=draw.device)
    fade = torch.zeros(anatomy.shape, device=draw.device)
    barrier = _barrier(anatomy, draw)
    for lesion in lesions:
        core, oedema = _core_and_oedema(anatomy, lesion, barrier, grid, draw)
        _paint(labels, lesion, core, oedema, grid, draw)
        fade = torch.maximum(fade, torch.sigmoid((1 - oedema).mul_(draw.uniform(3, 9))))
    labels *= anatomy.brain
    if not bool(labels.any()):
        return None
    return Tumour(labels, _shares(labels, fade, grid, draw), bool((labels == Label.ET).any()))


def _barrier(anatomy: Anatomy, draw: Draw) -> Tensor:
    """How much harder than white matter each voxel is for oedema to enter, in radii."""
    fluid, deep = draw.uniform(0.6, 1.2), draw.uniform(0.0, 0.4)
    grey = draw.uniform(0.05, 0.45) if draw.chance(0.6) else draw.uniform(0.45, 1.0)  # often it spares the cortex
    barrier = fluid * anatomy.fluid
    return (
        barrier.add_(anatomy.grey, alpha=grey)
        .add_(anatomy.deep_grey, alpha=deep - grey)
        .add_(anatomy.inside_ventricle, alpha=2)
    )


def _core_and_oedema(
    anatomy: Anatomy, lesion: Lesion, barrier: Tensor, grid: FieldOfView, draw: Draw
) -> tuple[Tensor, Tensor]:
    """Distances (X, Y, Z) from the centre in radii of core and oedema, each of which is where its distance is below 1.

    barrier: (X, Y, Z), see `_barrier`.
    """
    shape = anatomy.shape
    rough = draw.noise(shape, draw.uniform(8, 16) / grid.spacing_mm)[0]
    fine = draw.noise(shape, max(1.5, draw.uniform(3, 6) / grid.spacing_mm))[0]
    core = _distance_mm(lesion.centre_mm, shape, grid, draw).div_(lesion.core_mm)
    if draw.chance(0.35):  # lobed
        lobe_mm = lesion.core_mm * draw.uniform(0.45, 0.8)
        centre = lesion.centre_mm + draw.direction() * lesion.core_mm * draw.uniform(0.6, 1.0)
        core = torch.minimum(core, _distance_mm(centre, shape, grid, draw).div_(lobe_mm))
    amount = draw.uniform(0.05, 0.22)
    core.add_(rough, alpha=amount).add_(fine, alpha=0.4 * amount).add_(anatomy.fluid, alpha=0.35)
    spread = lesion.oedema_mm - lesion.core_mm
    centre = lesion.centre_mm + draw.direction() * spread * draw.uniform(0, 0.6)  # oedema is rarely even all around
    oedema = _distance_mm(centre, shape, grid, draw).div_(lesion.oedema_mm)
    amount = draw.uniform(0.04, 0.2)
    oedema.add_(rough.flip(0), alpha=amount).add_(fine.flip(1), alpha=0.3 * amount).add_(barrier)
    if not lesion.crosses:
        side = torch.sign(anatomy.lateral[_voxel_at(lesion.centre_mm, shape, grid)])
        crossed = (anatomy.lateral * side < -1) * (1 - anatomy.white)
        crossed = crossed.mul_(draw.uniform(0.3, 1.5))
        oedema.add_(crossed)
        core.add_(crossed, alpha=0.8)
    core.add_(anatomy.inside_ventricle, alpha=2)
    return core, torch.minimum(oedema, core + 0.02)


def _distance_mm(centre_mm: Tensor, shape: Shape, grid: FieldOfView, draw: Draw) -> Tensor:
    """Distance (X, Y, Z) in mm from a centre, of a space that is stretched along random axes: balls are ellipsoids."""
    widths = torch.tensor([draw.uniform(0.75, 1.3) for _ in range(3)], device=draw.device)
    turn = draw.rotation(3.1) * widths[:, None]
    form = turn.T @ turn
    x, y, z = (axis - middle for axis, middle in zip(grid.axes_mm(shape, draw.device), centre_mm, strict=True))
    plane = form[0, 0] * x.square()[:, None] + form[1, 1] * y.square() + 2 * form[0, 1] * x[:, None] * y
    slope = 2 * (form[0, 2] * x[:, None] + form[1, 2] * y)
    square: Tensor = slope[..., None] * z
    square.add_(plane[..., None]).add_(form[2, 2] * z.square())
    return square.clamp_(min=0).sqrt_()


def _voxel_at(centre_mm: Tensor, shape: Shape, grid: FieldOfView) -> tuple[int, int, int]:
    """Index of the voxel nearest to a position."""
    axes = grid.axes_mm(shape, centre_mm.device)
    x, y, z = (int((axis - middle).abs().argmin()) for axis, middle in zip(axes, centre_mm, strict=True))
    return x, y, z


def _paint(labels: Tensor, lesion: Lesion, core: Tensor, oedema: Tensor, grid: FieldOfView, draw: Draw) -> None:
    """Write a lesion's labels into `labels`; core wins over the oedema of another lesion."""
    shape, mm = _shape(core), grid.spacing_mm
    labels.masked_fill_((oedema < 1) & (labels == 0), Label.ED)
    inside = core < 1
    labels.masked_fill_(inside, Label.NCR)
    texture = draw.noise(shape, max(2.0, draw.uniform(4, 10) / mm))[0]
    if draw.chance(0.05):  # tumour that does not enhance, outside of the ring
        outer = oedema < 0.75 + 0.2 * texture
        labels.masked_fill_(outer & (labels == Label.ED), Label.NCR)
    enhancing = _enhancing(lesion, core, texture, grid, draw)
    if enhancing is not None:
        labels.masked_fill_(enhancing & inside, Label.ET)
        if draw.chance(0.1):  # foci apart from the core
            foci = draw.noise(shape, max(2.0, draw.uniform(6, 12) / mm))[0] > draw.uniform(2.2, 2.8)
            labels.masked_fill_(foci & (oedema < 0.85) & (core < 1.8), Label.ET)


def _enhancing(lesion: Lesion, core: Tensor, texture: Tensor, grid: FieldOfView, draw: Draw) -> Tensor | None:
    """Where a core enhances, bool (X, Y, Z), to be taken within it; None if it does not."""
    shape, mm = _shape(core), grid.spacing_mm
    match lesion.growth:
        case "ring" | "multilocular":
            nodules = draw.noise(shape, draw.uniform(12, 20) / mm)[0]
            usual_mm = 7 * (lesion.core_mm / 20) ** 0.5  # larger tumours have thicker rings
            thickness = draw.log_normal(usual_mm, 0.4, max(2.0, 1.2 * mm), 14) / lesion.core_mm
            unevenness = 1 + draw.uniform(0.1, 0.4) * texture + draw.uniform(0.0, 0.6) * nodules
            rim = core > 1 - unevenness.mul_(thickness).clamp_(min=0.6 * mm / lesion.core_mm)
            if lesion.growth == "ring":
                return rim & (nodules.flip(0) < draw.uniform(1.2, 3))  # with gaps
            return (rim & (texture > -1)) | (texture.abs() < draw.uniform(0.15, 0.6))
        case "solid":
            return texture > draw.uniform(-2.5, -0.7)
        case "patchy":  # little and scattered, or at one side only
            side = draw.noise(shape, max(10.0, lesion.core_mm) / mm)[0]
            return texture + draw.uniform(0, 1.5) * side > draw.uniform(0.0, 1.3)
        case _:  # low grade: mostly none, sometimes a little
            return None if draw.chance(0.55) else texture > draw.uniform(1.3, 2.2)


def _shares(labels: Tensor, fade: Tensor, grid: FieldOfView, draw: Draw) -> Tensor:
    hard = torch.stack([labels == label for label in SHARES]).float()
    blend = draw.uniform(0.35, 1.0)
    passes = (1 if grid.spacing_mm > 1.5 else 3) * (2 if draw.chance(0.35) else 1)
    shares = smooth(hard, passes).mul_(blend).add_(hard, alpha=1 - blend)
    shares[1] *= fade / torch.where(labels == Label.ED, fade, 0).max().clamp(min=0.2)
    return shares.clamp_(0, 1)


def _shape(volume: Tensor) -> Shape:
    x, y, z = volume.shape
    return x, y, z
