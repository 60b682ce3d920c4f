"""Gliomas: where they sit, how they push, and which voxel is necrotic core, oedema or enhancing tumour.

Shapes are level sets of a distance from the centre, measured in radii, that noise roughens and tissue modulates.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.data import Label
from engine.synth.anatomy import Anatomy, Grid, Shape
from engine.synth.draw import Draw
from engine.synth.smooth import smooth

SHARES = (Label.NCR, Label.ED, Label.ET)
CORE_SHARES = (0, 2)
FLOOR_MM = -22.0  # from the middle of the head; below lie the cerebellum and the brain stem, where gliomas are rare

Growth = Literal["ring", "multilocular", "solid", "low-grade core", "low-grade infiltration"]
GROWTHS: tuple[tuple[Growth, float], ...] = (
    ("ring", 0.50),
    ("multilocular", 0.20),
    ("solid", 0.08),
    ("low-grade core", 0.13),
    ("low-grade infiltration", 0.09),
)


@dataclass(frozen=True, slots=True)
class Lesion:
    """One focus of tumour, before it is voxels: centre (3,) in mm from the grid's middle, radii in mm."""

    centre_mm: Tensor
    core_mm: float
    oedema_mm: float
    growth: Growth
    push_mm: float


@dataclass(frozen=True, slots=True)
class Tumour:
    """What the tumours of a case are made of.

    labels: (X, Y, Z) uint8 values of `Label`. shares: (3, X, Y, Z) float32, how much of each voxel's signal is NCR, ED
    and ET (`SHARES`): soft at borders, fading towards the oedema's rim.
    """

    labels: Tensor
    shares: Tensor


def draw_lesions(white: Tensor, brain: Tensor, grid: Grid, draw: Draw) -> list[Lesion]:
    """Choose the foci of a case; none for a healthy one.

    white: white-matter share on the grid's lattice, brain: bool of the same shape.
    """
    if draw.chance(0.06):
        return []
    position = grid.positions_mm(_shape(white), draw.device)
    above_tentorium = position[2] > (FLOOR_MM if draw.chance(0.95) else -torch.inf)
    where = torch.nonzero(brain & (white > 0.35) & above_tentorium)
    if not len(where):
        return []
    growth = _draw_growth(draw)
    count = 1 + draw.chance(0.15) + draw.chance(0.07)
    lesions: list[Lesion] = []
    for _ in range(count):
        x, y, z = where[draw.index(len(where))].tolist()
        lesions.append(_draw_lesion(position[:, x, y, z], growth, 1.0 if not lesions else 0.6, draw))
    return lesions


def _draw_growth(draw: Draw) -> Growth:
    at = draw.uniform(0, 1)
    for growth, share in GROWTHS:
        at -= share
        if at < 0:
            return growth
    return GROWTHS[-1][0]


def _draw_lesion(centre_mm: Tensor, growth: Growth, size: float, draw: Draw) -> Lesion:
    core = draw.uniform(4, 14) if draw.chance(0.3) else draw.uniform(15, 38)
    if growth == "low-grade infiltration":
        core = draw.uniform(2, 9)
    core *= size
    spread = draw.uniform(1, 8) if draw.chance(0.25) else draw.uniform(8, 30)
    push = core * draw.uniform(0, 0.5)
    return Lesion(centre_mm, core, core + spread * (0.5 + 0.5 * size), growth, push)


def displace(field: Tensor, lesions: list[Lesion], grid: Grid) -> Tensor:
    """Mass effect: what lay at a lesion's centre is now found further out.

    field: (3, *lattice) in mm of the atlas. Returns the field bent.
    """
    position = grid.positions_mm(_shape(field[0]), field.device)
    moved = field
    for lesion in lesions:
        away = position - lesion.centre_mm[:, None, None, None]
        radius = away.square().sum(0).sqrt().clamp(min=1e-3)
        reach = radius / lesion.core_mm
        size = lesion.push_mm * reach.clamp(max=1) * torch.exp(-((reach / 2.2) ** 2))
        inward = -away / radius * size  # in the case's frame; the head's own turn is small enough to ignore its mirror
        moved = moved + inward * _signs(field)[:, None, None, None]
    return moved


def _signs(field: Tensor) -> Tensor:
    """Direction (+1 or -1) in which the atlas runs along each axis of the case, which may be mirrored."""
    ends = [field[axis].select(axis, -1).mean() - field[axis].select(axis, 0).mean() for axis in range(3)]
    return torch.stack(ends).sign()


def grow(anatomy: Anatomy, lesions: list[Lesion], grid: Grid, draw: Draw) -> Tumour:
    """Fill the lesions in: labels and signal shares on the full grid."""
    position = grid.positions_mm(anatomy.shape, draw.device)
    labels = torch.zeros(anatomy.shape, dtype=torch.uint8, device=draw.device)
    fade = torch.zeros(anatomy.shape, device=draw.device)
    barrier = _barrier(anatomy, draw)
    for lesion in lesions:
        away = position - lesion.centre_mm[:, None, None, None]
        core, oedema = _core_and_oedema(anatomy, lesion, away, barrier, grid, draw)
        _paint(labels, lesion, core, oedema, grid, draw)
        fade = torch.maximum(fade, torch.sigmoid((1 - oedema) * draw.uniform(3, 9)))
    labels *= anatomy.brain
    return Tumour(labels, _shares(labels, fade, grid, draw))


def _barrier(anatomy: Anatomy, draw: Draw) -> Tensor:
    """How much harder than white matter each voxel is for oedema to enter, in radii."""
    fluid, grey, deep = draw.uniform(0.6, 1.2), draw.uniform(0.1, 0.5), draw.uniform(0.0, 0.4)
    inner = torch.sigmoid(-2 * anatomy.ventricle)
    return fluid * anatomy.fluid + grey * (anatomy.grey - anatomy.deep_grey) + deep * anatomy.deep_grey + 2 * inner


def _core_and_oedema(
    anatomy: Anatomy, lesion: Lesion, away: Tensor, barrier: Tensor, grid: Grid, draw: Draw
) -> tuple[Tensor, Tensor]:
    """Distances (X, Y, Z) from the centre in radii of core and oedema, each of which is where its distance is below 1.

    away: (3, X, Y, Z), mm from the centre. barrier: (X, Y, Z), see `_barrier`.
    """
    rough = draw.noise(anatomy.shape, draw.uniform(8, 16) / grid.spacing_mm)[0]
    fine = draw.noise(anatomy.shape, max(2.0, draw.uniform(3, 6) / grid.spacing_mm))[0]
    stretch = torch.tensor([draw.uniform(0.75, 1.3) for _ in range(3)], device=draw.device)
    turned = torch.einsum("ij,jxyz->ixyz", draw.rotation(3.1), away) * stretch[:, None, None, None]
    distance = turned.square().sum(0).sqrt()
    amount = draw.uniform(0.05, 0.22)
    core = distance / lesion.core_mm + amount * (rough + 0.4 * fine) + 0.35 * anatomy.fluid
    side = torch.sign(anatomy.lateral[_nearest(away)])
    crossed = (anatomy.lateral * side < -1).float() * (1 - anatomy.white) * draw.uniform(0.3, 1.5)
    amount = draw.uniform(0.08, 0.3)
    oedema = distance / lesion.oedema_mm + amount * (rough.flip(0) + 0.3 * fine.flip(1)) + barrier + crossed
    core = core + 0.8 * crossed + 2 * torch.sigmoid(-2 * anatomy.ventricle)
    return core, torch.minimum(oedema, core + 0.02)


def _nearest(away: Tensor) -> tuple[int, int, int]:
    """Index of the voxel nearest to the centre."""
    flat = int(away.square().sum(0).argmin())
    _, _, y, z = away.shape
    return flat // (y * z), flat // z % y, flat % z


def _paint(labels: Tensor, lesion: Lesion, core: Tensor, oedema: Tensor, grid: Grid, draw: Draw) -> None:
    """Write a lesion's labels into `labels`; core wins over the oedema of another lesion."""
    shape = _shape(core)
    labels[(oedema < 1) & (labels == 0)] = Label.ED
    inside = core < 1
    labels[inside] = Label.NCR
    texture = draw.noise(shape, max(2.0, draw.uniform(4, 10) / grid.spacing_mm))[0]
    thickness = max(draw.uniform(0.12, 0.6), 2.0 / lesion.core_mm) * (1 + draw.uniform(0.1, 0.5) * texture)
    rim = core > 1 - thickness.clamp(min=1.0 / lesion.core_mm)
    if lesion.growth == "ring":
        gaps = draw.noise(shape, 14 / grid.spacing_mm)[0] > draw.uniform(1.2, 3)
        enhancing = rim & ~gaps
    elif lesion.growth == "multilocular":
        enhancing = (rim & (texture > -1)) | (texture.abs() < draw.uniform(0.15, 0.6))
    elif lesion.growth == "solid":
        enhancing = texture > draw.uniform(-2.5, -1)
    elif draw.chance(0.75):
        return
    else:  # a low-grade tumour with a little enhancement
        enhancing = texture > draw.uniform(1.5, 2.2)
    labels[inside & enhancing] = Label.ET
    if draw.chance(0.07):  # tumour that does not enhance, outside of the ring
        outer = oedema < 0.75 + 0.2 * texture
        labels[outer & (labels == Label.ED)] = Label.NCR


def _shares(labels: Tensor, fade: Tensor, grid: Grid, draw: Draw) -> Tensor:
    hard = torch.stack([labels == label for label in SHARES]).float()
    soft = smooth(hard, 1 if grid.spacing_mm > 1.5 else 3)
    blend = draw.uniform(0.3, 0.8)
    shares = soft * blend + hard * (1 - blend)
    shares[1] *= fade / torch.where(labels == Label.ED, fade, 0).max().clamp(min=0.2)
    return shares.clamp(max=1)


def _shape(volume: Tensor) -> Shape:
    x, y, z = volume.shape
    return x, y, z
