"""Training batches, made in background threads ahead of the step that needs them.

Sample number n of a training follows from the seed and n alone, and batch number i holds the next `batch` of them, so
a resumed training sees what an uninterrupted one would, and so do several processes that share each batch. Threads, not
processes: reading, numpy and torch let go of the interpreter, and worker processes hang on Windows.
"""

import os
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import torch
from torch import Tensor

from engine.runs.settings import TrainConfig

_AHEAD = 2
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Example:
    """One case: images (C, X, Y, Z) float32, normalised, 0 outside of the brain; labels (X, Y, Z) uint8."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """images: (B, C, X, Y, Z) float32, normalised, 0 outside of the brain; labels: (B, X, Y, Z) uint8."""

    images: Tensor
    labels: Tensor


class Source(Protocol):
    """Where samples come from: made as training goes, or a data set."""

    @property
    def device(self) -> torch.device:
        """Where the samples lie."""

    def samples(self, numbers: Sequence[int]) -> Batch:
        """The samples of these numbers, ready for the network; each is always the same. Called from any thread."""


def make_batch(config: TrainConfig, source: Source, index: int, rank: int = 0, ranks: int = 1) -> Batch:
    """Batch number `index` of a training, or one process's equal share of it."""
    share = config.batch // ranks
    first = index * config.batch + rank * share
    return source.samples(range(first, first + share))


def workers() -> int:
    """How many threads make batches: half of the processors, as the network needs the others."""
    return min(_MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2))


def batches(
    config: TrainConfig, source: Source, first: int, rank: int = 0, ranks: int = 1
) -> Generator[Batch, None, None]:
    """Batches number `first`, first + 1, ... without end; close the generator to stop its threads.

    rank, ranks: which of how many processes this is; the batch must be a multiple of these.
    """
    with ThreadPoolExecutor(workers(), "training batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for index in count(first):
                waiting.append(pool.submit(make_batch, config, source, index, rank, ranks))
                if len(waiting) > workers() + _AHEAD:
                    yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
