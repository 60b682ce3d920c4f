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
from engine.synth.contrast import T1C, T2F
from engine.synth.draw import Draw
from engine.train.config import TrainConfig

AHEAD = 3
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
        image, label = zscore(case.images, case.brain), case.labels
        flipped = [axis for axis in (-3, -2, -1) if draw.chance(0.5)]
        if flipped:
            image, label = image.flip(flipped), label.flip(flipped)
        if draw.chance(config.drop_modality):
            drop_modalities(image, draw)
        images.append(image)
        labels.append(label)
    return Batch(torch.stack(images), torch.stack(labels))


def drop_modalities(image: Tensor, draw: Draw) -> None:
    """Blank one to three channels of a z-scored image (4, X, Y, Z) in place, as if missing; T1C or T2F stays."""
    kept = (T1C, T2F)[draw.index(2)]
    others = [channel for channel in range(len(image)) if channel != kept]
    for _ in range(1 + draw.index(len(others))):
        image[others.pop(draw.index(len(others)))] = 0


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
