"""Training batches, made in a background thread ahead of the step that needs them.

Everything about batch number i follows from (seed, i) alone, so a resumed training sees what an uninterrupted one
would.
"""

import random
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor

from engine.runs.settings import TrainConfig
from engine.synth.draw import Draw
from engine.train.augment import cut_patch, drop_modalities, flip

AHEAD = 3
_SEED_BITS = 31  # torch's generator on the CPU looks at 32 bits of a seed and no more


@dataclass(frozen=True, slots=True)
class Example:
    """One case to learn from: images (4, X, Y, Z) float32, z-scored over the brain; labels (X, Y, Z) uint8."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """images: (B, 4, X, Y, Z) float32, z-scored over the brain; labels: (B, X, Y, Z) uint8."""

    images: Tensor
    labels: Tensor


class Source(Protocol):
    """Where examples come from: made as training goes, or a folder of cases."""

    @property
    def device(self) -> torch.device:
        """Where the examples lie."""

    def example(self, seed: int) -> Example:
        """The example that a seed stands for, always the same one."""


def make_batch(config: TrainConfig, source: Source, index: int) -> Batch:
    """Batch number `index` of a training."""
    images, labels = [], []
    for place in range(config.batch):
        chance = random.Random(f"train {config.seed} {index * config.batch + place}")
        example = source.example(chance.getrandbits(_SEED_BITS))
        draw = Draw(chance.getrandbits(_SEED_BITS), source.device)
        image, label = cut_patch(example.images, example.labels, config, draw)
        image, label = flip(image, label, draw)
        if draw.chance(config.drop_modality):
            image = drop_modalities(image, draw)
        images.append(image)
        labels.append(label)
    return Batch(torch.stack(images), torch.stack(labels))


def batches(config: TrainConfig, source: Source, first: int) -> Generator[Batch, None, None]:
    """Batches number `first`, first + 1, ... without end; close the generator to stop its thread."""
    with ThreadPoolExecutor(1, "training batches") as pool:
        waiting = [pool.submit(make_batch, config, source, first + ahead) for ahead in range(AHEAD)]
        try:
            for index in count(first + AHEAD):
                batch = waiting.pop(0).result()
                waiting.append(pool.submit(make_batch, config, source, index))
                yield batch
        finally:
            for future in waiting:
                future.cancel()
