"""How a brain and its tumours look in T1N, T1C, T2W and T2F, drawn much wider than any one scanner would.

Intensities are relative to white matter (1.0).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.synth.anatomy import Anatomy, FieldOfView
from engine.synth.draw import Draw
from engine.synth.tumour import CORE_SHARES, Tumour

Range = tuple[float, float]
T1N, T1C, T2W, T2F = range(4)
MODALITIES = 4

# Rows: T1N, T1C, T2W, T2F.
GREY: tuple[Range, ...] = ((0.70, 0.97), (0.72, 1.02), (1.08, 1.65), (0.98, 1.45))
DEEP_GREY: tuple[Range, ...] = ((0.78, 1.00), (0.80, 1.02), (0.90, 1.50), (0.90, 1.45))
FLUID: tuple[Range, ...] = ((0.15, 0.55), (0.15, 0.55), (1.80, 4.60), (0.08, 0.70))
NECROSIS: tuple[Range, ...] = ((0.40, 0.90), (0.35, 0.90), (1.50, 3.80), (1.10, 2.90))
CYST: tuple[Range, ...] = ((0.20, 0.60), (0.20, 0.60), (1.80, 3.80), (0.30, 1.10))
SOLID: tuple[Range, ...] = ((0.50, 0.95), (0.50, 0.97), (1.35, 3.00), (1.15, 2.60))
OEDEMA: tuple[Range, ...] = ((0.60, 0.95), (0.60, 0.95), (1.40, 3.00), (1.40, 3.30))
ENHANCING: tuple[Range, ...] = ((0.60, 1.02), (1.12, 2.60), (1.20, 2.80), (1.10, 2.50))


@dataclass(frozen=True, slots=True)
class TumourSignal:
    """Intensity of necrotic core, oedema and enhancing tumour in each modality, (4,) lists."""

    necrosis: list[float]
    oedema: list[float]
    enhancing: list[float]


def render_healthy(anatomy: Anatomy, grey: list[float], grid: FieldOfView, draw: Draw) -> Tensor:
    """The four noiseless images (4, X, Y, Z) float32 of a brain without tumour; white matter is about 1.

    grey: intensity of the cortex in each modality, see `draw_grey`.
    """
    deep, fluid = _draw_row(DEEP_GREY, draw), _draw_row(FLUID, draw)
    if draw.chance(0.6):  # the same sequence before and after the contrast agent
        deep[T1C] = deep[T1N] + draw.uniform(-0.03, 0.06)
        fluid[T1C] = fluid[T1N] + draw.uniform(-0.05, 0.08)
    cortex = anatomy.grey - anatomy.deep_grey
    patchy_white, patchy_grey = draw.noise(anatomy.shape, draw.uniform(16, 30) / grid.spacing_mm, 2)
    flow = draw.noise(anatomy.shape, 12 / grid.spacing_mm)[0].relu_().mul_(anatomy.fluid)
    residual = anatomy.t1 - 0.93 * anatomy.white - 0.75 * anatomy.grey - 0.4 * anatomy.fluid
    rim = torch.exp(anatomy.depth.clamp(min=0) / -2.5)
    patchy_white *= anatomy.white
    patchy_grey *= cortex
    images = torch.empty((MODALITIES, *anatomy.shape), device=draw.device)
    for modality, image in enumerate(images):
        torch.add(anatomy.white, cortex, alpha=grey[modality], out=image)
        image.add_(anatomy.deep_grey, alpha=deep[modality]).add_(anatomy.fluid, alpha=fluid[modality])
        image.add_(patchy_white, alpha=draw.uniform(0, 0.07))
        image.add_(patchy_grey, alpha=grey[modality] * draw.uniform(0, 0.16 if modality == T2F else 0.10))
        image.add_(residual, alpha=draw.normal(0, 0.25))
        if modality == T2F:
            image.add_(flow, alpha=draw.uniform(-0.1, 0.45))
        image.addcmul_(image, rim, value=draw.uniform(-0.25, 0.3))
        bright = modality == T2F and draw.chance(0.15)  # few scanners show the cerebellum far brighter than the rest
        below = draw.uniform(0.15, 0.45) if bright else draw.uniform(-0.2, 0.15)
        image.addcmul_(image, anatomy.below_tentorium, value=below)
    return images


def draw_grey(draw: Draw) -> list[float]:
    """Intensity of the cortex in each modality."""
    grey = _draw_row(GREY, draw)
    if draw.chance(0.6):
        grey[T1C] = grey[T1N] + draw.uniform(-0.04, 0.10)
    return grey


def draw_tumour_signal(enhances: bool, grey: list[float], draw: Draw) -> TumourSignal:
    """How a tumour looks: its oedema is brighter than cortex on T2 and FLAIR, its enhancement than what it lies in.

    Without contrast agent T1C would be T1N, so what does not enhance is nearly as bright in both.
    """
    # Low grade: the core is solid tumour and not dead tissue.
    core = SOLID if not enhances else CYST if draw.chance(0.25) else NECROSIS
    necrosis, oedema, enhancing = _draw_row(core, draw), _draw_row(OEDEMA, draw), _draw_row(ENHANCING, draw)
    if draw.chance(0.7):
        necrosis[T1C] = necrosis[T1N] + draw.uniform(-0.12, 0.12)
        oedema[T1C] = oedema[T1N] + draw.uniform(-0.08, 0.06)
        enhancing[T1N] = (necrosis[T1N] + oedema[T1N]) / 2 + draw.uniform(-0.1, 0.2)
    oedema[T2W] = max(oedema[T2W], grey[T2W] * draw.uniform(1.05, 1.3))
    oedema[T2F] = max(oedema[T2F], grey[T2F] * draw.uniform(1.12, 1.7))
    if not enhances:
        necrosis[T2F] = max(necrosis[T2F], grey[T2F] * draw.uniform(1.02, 1.3))
    weak = draw.chance(0.28)
    least = max(oedema[T1C], necrosis[T1C]) + draw.uniform(0.12, 0.3) if weak else max(necrosis[T1C], grey[T1C]) + 0.25
    enhancing[T1C] = least if weak else max(enhancing[T1C], least)
    return TumourSignal(necrosis, oedema, enhancing)


def _draw_row(table: tuple[Range, ...], draw: Draw) -> list[float]:
    return [draw.uniform(*row) for row in table]


def add_tumour(images: Tensor, tumour: Tumour, signal: TumourSignal, grid: FieldOfView, draw: Draw) -> None:
    """Replace, in place, what the healthy images show where the tumour is."""
    shape = (images.shape[1], images.shape[2], images.shape[3])
    coarse, blood = draw.noise(shape, max(2.0, draw.uniform(5, 12) / grid.spacing_mm), 2)
    fine = draw.noise(shape, max(1.5, draw.uniform(2, 5) / grid.spacing_mm))[0].mul_(0.6).add_(coarse, alpha=0.4)
    cover = draw.uniform(0.75, 1.0)
    kept = 1 - cover * tumour.shares.sum(0).clamp_(max=1)
    rough = [share * noise for share, noise in zip(tumour.shares, (coarse, fine, fine), strict=True)]
    haemorrhage = None
    if draw.chance(0.2):
        haemorrhage = blood.sub_(1).clamp_(0, 1.5).mul_(tumour.shares[list(CORE_SHARES)].sum(0))
        haemorrhage *= draw.uniform(0.2, 1.0)
    for modality, image in enumerate(images):
        means = (signal.necrosis[modality], signal.oedema[modality], signal.enhancing[modality])
        amounts = (draw.uniform(0, 0.32), draw.uniform(0, 0.18), draw.uniform(0, 0.3))
        image.mul_(kept)
        for share, noise, mean, amount in zip(tumour.shares, rough, means, amounts, strict=True):
            image.add_(share, alpha=cover * mean).add_(noise, alpha=cover * mean * amount)
        if haemorrhage is not None and modality in (T1N, T1C):
            image += haemorrhage
        image.clamp_(min=0)
