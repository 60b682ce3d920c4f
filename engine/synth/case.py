"""One synthetic case, from a seed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.synth.anatomy import FieldOfView, build, draw_field, look_up
from engine.synth.atlas import MAPS, Atlas
from engine.synth.contrast import add_tumour, draw_grey, draw_tumour_signal, render_healthy
from engine.synth.distractors import add_distractors
from engine.synth.draw import Draw
from engine.synth.scanner import acquire, draw_coverage
from engine.synth.tumour import displace, draw_lesions, grow

TRAINING_GRID = FieldOfView((80, 96, 80), 2.0)


@dataclass(frozen=True, slots=True)
class SyntheticCase:
    """Images and truth of a patient who does not exist.

    images: (4, X, Y, Z) float32, T1N, T1C, T2W, T2F, positive inside the brain and 0 outside.
    labels: (X, Y, Z) uint8, 0 background, 1 NCR, 2 ED, 3 ET, 0 outside the brain. brain: (X, Y, Z) bool.
    """

    images: Tensor
    labels: Tensor
    brain: Tensor


def make_case(atlas: Atlas, grid: FieldOfView, seed: int, beyond: float = 0.0) -> SyntheticCase:
    """Make the case of `seed` on `grid`, on the device where the atlas is; there a seed gives the same arrays again.

    Cases of one grid have one shape, so they stack into batches. beyond: see `Draw`.
    """
    draw = Draw(seed, atlas.maps.device, beyond)
    with torch.no_grad():
        field = draw_field(atlas, grid, draw)
        scout = dict(zip(MAPS, look_up(atlas, field), strict=True))
        scout |= {"lateral": field[0] - atlas.middle_mm[0], "height": field[2] - atlas.middle_mm[2]}
        lesions = draw_lesions(scout, grid, draw)
        anatomy = build(atlas, displace(field, lesions, grid), grid, draw)
        tumour = grow(anatomy, lesions, grid, draw)
        coverage = draw_coverage(anatomy, grid, draw)
        grey = draw_grey(draw)
        images = render_healthy(anatomy, grey, grid, draw)
        add_distractors(images, anatomy, grid, draw)
        brain = coverage > 0
        if tumour is None:
            labels = torch.zeros(grid.shape, dtype=torch.uint8, device=draw.device)
        else:
            add_tumour(images, tumour, draw_tumour_signal(tumour.enhances, grey, draw), grid, draw)
            labels = tumour.labels * brain
        return SyntheticCase(acquire(images, coverage, grid, draw), labels, brain)
