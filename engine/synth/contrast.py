"""How a brain and its tumours look in T1N, T1C, T2W and T2F, drawn much wider than any one scanner would.

Intensities are relative to white matter (1.0). What is bright without being tumour is drawn too, because a network that
never saw it takes it for tumour: grey matter, ageing white matter, vessels, meninges, choroid plexus, the brain's rim.
"""

import torch
from torch import Tensor

from engine.data import Label
from engine.synth.anatomy import Anatomy, Grid
from engine.synth.draw import Draw
from engine.synth.tumour import CORE_SHARES, Tumour

Range = tuple[float, float]
T1N, T1C, T2W, T2F = range(4)
MODALITIES = 4

# Rows: T1N, T1C, T2W, T2F.
GREY: tuple[Range, ...] = ((0.70, 0.97), (0.72, 1.02), (1.08, 1.65), (0.98, 1.55))
DEEP_GREY: tuple[Range, ...] = ((0.78, 1.00), (0.80, 1.02), (0.90, 1.50), (0.90, 1.45))
FLUID: tuple[Range, ...] = ((0.15, 0.55), (0.15, 0.55), (1.60, 3.40), (0.08, 0.70))
NECROSIS: tuple[Range, ...] = ((0.40, 0.90), (0.35, 0.85), (1.50, 3.60), (0.50, 2.20))
OEDEMA: tuple[Range, ...] = ((0.65, 0.97), (0.65, 0.97), (1.45, 2.60), (1.30, 2.40))
ENHANCING: tuple[Range, ...] = ((0.60, 1.05), (1.12, 2.60), (1.20, 2.60), (1.05, 2.20))


def render(anatomy: Anatomy, tumour: Tumour, grid: Grid, draw: Draw) -> Tensor:
    """The four noiseless images (4, X, Y, Z) float32 of a brain with its tumours; white matter is about 1."""
    grey, deep, fluid, necrosis, oedema, enhancing = (
        [draw.uniform(*row) for row in table] for table in (GREY, DEEP_GREY, FLUID, NECROSIS, OEDEMA, ENHANCING)
    )
    oedema[T2W] = max(oedema[T2W], grey[T2W] * draw.uniform(1.05, 1.3))
    oedema[T2F] = max(oedema[T2F], grey[T2F] * draw.uniform(1.06, 1.3))
    enhancing[T1C] = max(enhancing[T1C], necrosis[T1C] + 0.3, grey[T1C] + 0.12)
    if not bool((tumour.labels == Label.ET).any()):  # low grade: the core is solid tumour and not dead tissue
        necrosis[T1C], necrosis[T2F] = draw.uniform(0.45, 0.95), draw.uniform(1.1, 2.3)
    healthy = _healthy(anatomy, grey, deep, fluid, grid, draw)
    _add_white_matter_lesions(healthy, anatomy, grid, draw)
    _add_contrast_agent(healthy, anatomy, grid, draw)
    return _with_tumour(healthy, tumour, necrosis, oedema, enhancing, grid, draw)


def _healthy(
    anatomy: Anatomy, grey: list[float], deep: list[float], fluid: list[float], grid: Grid, draw: Draw
) -> Tensor:
    cortex = anatomy.grey - anatomy.deep_grey
    regional = draw.noise(anatomy.shape, 28 / grid.spacing_mm, 2)
    flow = draw.noise(anatomy.shape, 12 / grid.spacing_mm)[0].relu()
    residual = anatomy.t1 - 0.93 * anatomy.white - 0.75 * anatomy.grey - 0.4 * anatomy.fluid
    rim = torch.exp(-anatomy.depth.clamp(min=0) / 2.5)
    images = []
    for modality in range(MODALITIES):
        white_map = anatomy.white * (1 + draw.uniform(0, 0.07) * regional[0])
        grey_map = cortex * grey[modality] * (1 + draw.uniform(0, 0.10) * regional[1])
        fluid_map = anatomy.fluid * (fluid[modality] + (draw.uniform(-0.1, 0.45) if modality == T2F else 0.0) * flow)
        image = white_map + grey_map + anatomy.deep_grey * deep[modality] + fluid_map
        image = image + draw.normal(0, 0.25) * residual
        images.append(image * (1 + draw.uniform(-0.25, 0.3) * rim))
    return torch.stack(images)


def _add_white_matter_lesions(images: Tensor, anatomy: Anatomy, grid: Grid, draw: Draw) -> None:
    """Bright rims and caps along the ventricles, and scattered bright spots (leukoaraiosis): on FLAIR, less on T2."""
    distance = anatomy.ventricle.clamp(min=0)
    along = torch.exp(-distance / draw.uniform(1.5, 5)) * (1 - anatomy.fluid)
    along = along * (1 + 0.6 * draw.noise(anatomy.shape, 20 / grid.spacing_mm)[0]).clamp(min=0)
    strength = draw.uniform(0, 0.3) if draw.chance(0.6) else draw.uniform(0.3, 0.9)
    images[T2F] += strength * along
    images[T2W] += strength * draw.uniform(0.2, 0.8) * along
    if draw.chance(0.5):
        pattern = draw.noise(anatomy.shape, max(2.0, draw.uniform(3, 8) / grid.spacing_mm))[0]
        pattern = pattern + draw.uniform(0, 1) * torch.exp(-distance / 12)
        spots = torch.sigmoid((pattern - draw.uniform(2.0, 3.0)) * 6) * anatomy.white
        images[T2F] += draw.uniform(0.2, 0.8) * spots
        images[T2W] += draw.uniform(0.1, 0.7) * spots
        images[T1N : T1C + 1] -= draw.uniform(0, 0.2) * spots


def _add_contrast_agent(images: Tensor, anatomy: Anatomy, grid: Grid, draw: Draw) -> None:
    """What takes up contrast agent without being tumour: vessels, meninges and sinuses, choroid plexus, on T1C."""
    shape, mm = anatomy.shape, grid.spacing_mm
    one, other = draw.noise(shape, max(2.0, draw.uniform(5, 10) / mm), 2)
    near_fluid = (2.5 * anatomy.fluid + 0.4 * anatomy.grey).clamp(max=1)
    radius = draw.uniform(0.08, 0.22) * max(1.0, mm / 1.5)
    vessels = torch.exp(-(one.square() + other.square()) / radius**2) * near_fluid  # where two surfaces cross: a tube
    vessel = draw.uniform(0.2, 2.5)
    falx = torch.exp(-((anatomy.lateral / draw.uniform(0.8, 2.0)) ** 2)) * (1 - anatomy.white)
    falx = falx * torch.sigmoid((18 - anatomy.depth) / 4)
    sinus = torch.exp(-((anatomy.lateral / 3.5) ** 2) - (anatomy.depth.clamp(min=0) / 4) ** 2)
    meninges = torch.exp(-anatomy.depth.clamp(min=0) / draw.uniform(0.8, 2.0)) * (one + 0.5).clamp(0, 1.5)
    plexus = torch.sigmoid(-2 * anatomy.ventricle) * torch.sigmoid((other - draw.uniform(0.5, 1.5)) * 6)
    strength = 1.0 if draw.chance(0.9) else 0.2
    images[T1C] += strength * (
        vessel * vessels
        + draw.uniform(0, 0.9) * falx
        + draw.uniform(0, 1.8) * sinus
        + draw.uniform(0, 0.9) * meninges
        + draw.uniform(0, 1.2) * plexus
    )
    if draw.chance(0.5):  # flow voids
        images[T2W] *= 1 - 0.7 * vessels
    images[T1N] += draw.uniform(0, 0.3) * vessel * vessels


def _with_tumour(
    healthy: Tensor,
    tumour: Tumour,
    necrosis: list[float],
    oedema: list[float],
    enhancing: list[float],
    grid: Grid,
    draw: Draw,
) -> Tensor:
    if not bool(tumour.labels.any()):
        return healthy
    x, y, z = healthy.shape[1:]
    coarse, fine, blood = draw.noise((x, y, z), max(2.0, draw.uniform(5, 12) / grid.spacing_mm), 3)
    fine = 0.6 * fine + 0.4 * coarse
    share_sum = tumour.shares.sum(0).clamp(max=1)
    cover = draw.uniform(0.75, 1.0)
    haemorrhage = draw.uniform(0.2, 1.0) * (blood - 1).clamp(0, 1.5) if draw.chance(0.2) else None
    images = []
    for modality in range(MODALITIES):
        means = (necrosis[modality], oedema[modality], enhancing[modality])
        rough = (draw.uniform(0, 0.22), draw.uniform(0, 0.10), draw.uniform(0, 0.3))
        signal = sum(
            share * mean * (1 + amount * noise)
            for share, mean, amount, noise in zip(tumour.shares, means, rough, (coarse, fine, fine), strict=True)
        )
        image = healthy[modality] * (1 - cover * share_sum) + cover * signal
        if haemorrhage is not None and modality in (T1N, T1C):
            image = image + haemorrhage * tumour.shares[list(CORE_SHARES)].sum(0)
        images.append(image)
    return torch.stack(images)
