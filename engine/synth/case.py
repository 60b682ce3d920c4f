"""One synthetic case, from a seed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.synth.anatomy import Grid, build, draw_field, look_up
from engine.synth.atlas import MAPS, Atlas
from engine.synth.contrast import render
from engine.synth.draw import Draw
from engine.synth.scanner import acquire, draw_coverage
from engine.synth.tumour import displace, draw_lesions, grow

TRAINING_GRID = Grid((80, 96, 80), 2.0)


@dataclass(frozen=True, slots=True)
class SyntheticCase:
    """Images and truth of a patient who does not exist.

    images: (4, X, Y, Z) float32, T1N, T1C, T2W, T2F, positive inside the brain and 0 outside.
    labels: (X, Y, Z) uint8, 0 background, 1 NCR, 2 ED, 3 ET, 0 outside the brain. brain: (X, Y, Z) bool.
    """

    images: Tensor
    labels: Tensor
    brain: Tensor


def make_case(atlas: Atlas, grid: Grid, seed: int) -> SyntheticCase:
    """Make the case of `seed` on `grid`, on the device where the atlas is; there a seed gives the same arrays again.

    Cases of one grid have one shape, so they stack into batches.
    """
    draw = Draw(seed, atlas.maps.device)
    with torch.no_grad():
        field = draw_field(atlas, grid, draw)
        scout = dict(zip(MAPS, look_up(atlas, field), strict=True))
        lesions = draw_lesions(scout["white"], scout["depth"] > 0, grid, draw)
        anatomy = build(atlas, displace(field, lesions, grid), grid.shape, draw)
        tumour = grow(anatomy, lesions, grid, draw)
        coverage = draw_coverage(anatomy, grid, draw)
        images = acquire(render(anatomy, tumour, grid, draw), coverage, grid, draw)
        brain = coverage > 0
        return SyntheticCase(images, tumour.labels * brain, brain)
