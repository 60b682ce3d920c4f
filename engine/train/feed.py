"""Training batches of synthetic cases, made in a background thread ahead of the step that needs them.

Everything about batch number i follows from (seed, i) alone, so a resumed training sees what an uninterrupted one
would.
"""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from engine.predict.normalise import zscore
from engine.synth.anatomy import Grid
from engine.synth.atlas import Atlas, load_atlas
from engine.synth.case import make_case
from engine.synth.contrast import T1C, T1N, T2F, T2W
from engine.synth.draw import Draw
from engine.train.config import TrainConfig

AHEAD = 3
SUBSETS: tuple[tuple[tuple[int, ...], float], ...] = (
    ((T1C, T2F), 0.3),
    ((T1C, T2W, T2F), 0.2),
    ((T1N, T2W, T2F), 0.1),
    ((), 0.4),
)
"""What is kept where modalities are missing: the subsets that scanners and studies give, else any (the empty one)."""
_CASE_STRIDE = 2**32  # seeds of one training's cases never meet those of another's


@dataclass(frozen=True, slots=True)
class Batch:
    """images: (B, 4, X, Y, Z) float32, z-scored over the brain; labels: (B, X, Y, Z) uint8."""

    images: Tensor
    labels: Tensor


def make_batch(config: TrainConfig, atlas: Atlas, index: int) -> Batch:
    """Batch number `index` of a training."""
    grid = Grid(config.shape, config.spacing_mm)
    images, labels = [], []
    for place in range(config.batch):
        seed = config.seed * _CASE_STRIDE + index * config.batch + place
        case = make_case(atlas, grid, seed)
        draw = Draw(seed, atlas.maps.device)
        image, label = zscore(case.images, case.images > 0), case.labels
        flipped = [axis for axis in (-3, -2, -1) if draw.chance(0.5)]
        if flipped:
            image, label = image.flip(flipped), label.flip(flipped)
        if draw.chance(config.drop_modality):
            drop_modalities(image, draw)
        images.append(image)
        labels.append(label)
    return Batch(torch.stack(images), torch.stack(labels))


def drop_modalities(image: Tensor, draw: Draw) -> None:
    """Blank channels of a z-scored image (4, X, Y, Z) in place, as if missing; see `SUBSETS`."""
    kept = draw.choose(SUBSETS)
    if not kept:  # any, but not all
        kept = tuple(channel for channel in range(len(image)) if draw.chance(0.5)) or (draw.index(len(image)),)
    for channel in range(len(image)):
        if channel not in kept:
            image[channel] = 0


def batches(config: TrainConfig, first: int) -> Generator[Batch, None, None]:
    """Batches number `first`, first + 1, ... without end; close the generator to stop its thread."""
    atlas = load_atlas(2 if config.spacing_mm > 1.5 else 1)
    with ThreadPoolExecutor(1, "synthetic cases") as pool:
        waiting = [pool.submit(make_batch, config, atlas, first + ahead) for ahead in range(AHEAD)]
        try:
            for index in count(first + AHEAD):
                batch = waiting.pop(0).result()
                waiting.append(pool.submit(make_batch, config, atlas, index))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
