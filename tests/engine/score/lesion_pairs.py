"""Pairs of small label maps with several lesions, each made from a seed: of whole numbers, so the same everywhere."""

from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, Label, LabelMap

SHAPE = (40, 36, 30)
SEEDS = range(48)
_SPACINGS_MM = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.5, 2.0), (0.5, 0.5, 3.0))


def lesion_pair(seed: int) -> tuple[LabelMap, LabelMap]:
    """Prediction and truth: lesions found, shifted, missed and invented, at edges too, and single voxels.

    Among the `SEEDS` there are pairs of which one or both are empty, and spacings that differ between the axes.
    """
    rng = Random(seed)
    grid = Grid(SHAPE, np.diag([*_SPACINGS_MM[seed % len(_SPACINGS_MM)], 1.0]))
    prediction, truth = (np.zeros(SHAPE, dtype=np.uint8) for _ in range(2))
    for _ in range(_below(rng, 6)):
        lesion = [_below(rng, size) for size in SHAPE], 1 + _below(rng, 9)
        fate = rng.random()
        if fate < 0.85:
            _paint(truth, *lesion, rng)
        if fate > 0.2:
            centre, radius = lesion
            _paint(prediction, [at + _below(rng, 7) - 3 for at in centre], max(1, radius + _below(rng, 4) - 2), rng)
    for labels in (prediction, truth):
        for _ in range(_below(rng, 4)):
            labels[tuple(_below(rng, size) for size in SHAPE)] = 1 + _below(rng, 3)
    if seed % 12 in (5, 7):
        truth[:] = Label.BACKGROUND
    if seed % 12 in (7, 9):
        prediction[:] = Label.BACKGROUND
    return LabelMap(prediction, grid), LabelMap(truth, grid)


def _below(rng: Random, bound: int) -> int:
    """Of Python's random numbers only those of `random` are promised to stay what they are."""
    return int(rng.random() * bound)


def _paint(labels: NDArray[np.uint8], centre: list[int], radius: int, rng: Random) -> None:
    """An ellipsoid of oedema, in it one of enhancing tumour, in it one of necrosis; any of them may lack."""
    stretch = [1 + _below(rng, 3) for _ in range(3)]
    offsets = np.ogrid[tuple(slice(-at, size - at) for at, size in zip(centre, labels.shape, strict=True))]
    squared = sum(factor * offset**2 for factor, offset in zip(stretch, offsets, strict=True))
    inner = {Label.ED: radius, Label.ET: radius - _below(rng, 4), Label.NCR: radius - 2 - _below(rng, 4)}
    for label, extent in inner.items():
        if extent > 0:
            labels[squared <= extent**2] = label
