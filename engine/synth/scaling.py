"""The numbers that a file has for an image: intensities of MR have no unit, so data sets scale them in every way."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

WHITE = (100.0, 2000.0)
"""What white matter is as an integer, from and to."""
_SLOPE = (0.01, 10.0)
_INTERCEPT = 1000.0  # in units of the slope, either way: near enough to 0 that float32 keeps every integer apart


class Kind(StrEnum):
    """What became of the integers that a scanner gives; each is found in real data."""

    INTEGER = "integer"
    """int16 as BraTS has it: the background 0, the brain above."""
    SLOPE = "slope"
    """The same integers, of which the header's slope and intercept make other values."""
    ZSCORE = "zscore"
    """float32 with mean 0 and deviation 1 over the brain, so that much of it lies below the background, 0."""
    UNIT = "unit"
    """float32 from 0, the background, to 1."""
    SYMMETRIC = "symmetric"
    """float32 from -1, the background, to 1."""


SCALINGS: Mapping[str, tuple[Kind, ...]] = MappingProxyType({"brats": (Kind.INTEGER,), "any": tuple(Kind)})
"""The kinds that cases may be of, each as likely as the others, by the name that the command line takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """An image as its file holds it: `voxels` (X, Y, Z), `background` what it has outside of the brain.

    Their values are slope * voxels + intercept.
    """

    voxels: NDArray[Any]
    background: int
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """How one image is scaled. white: the integer that stands for an intensity of 1; `Kind` says what comes of it."""

    kind: Kind
    white: float
    slope: float = 1.0
    intercept: float = 0.0

    def store(self, image: NDArray[np.float32], brain: NDArray[np.bool_]) -> Stored:
        """Scale an image (X, Y, Z) with a brain (X, Y, Z) of at least two values; none of it takes the background's."""
        top = np.iinfo(np.int16).max
        integers = np.rint(image * np.float32(self.white)).clip(1, top) * brain
        if self.kind in (Kind.INTEGER, Kind.SLOPE):
            return Stored(integers.astype(np.int16), 0, self.slope, self.intercept)
        background = -1 if self.kind is Kind.SYMMETRIC else 0
        values = self._floats(integers[brain].astype(np.float64)).astype(np.float32)
        values[values == background] += np.finfo(np.float32).eps
        voxels = np.full(image.shape, background, np.float32)
        voxels[brain] = values
        return Stored(voxels, background)

    def _floats(self, integers: NDArray[np.float64]) -> NDArray[np.float64]:
        low, extent = {
            Kind.ZSCORE: (integers.mean(), integers.std()),
            Kind.UNIT: (0, integers.max()),
            Kind.SYMMETRIC: (integers.max() / 2, integers.max() / 2),
        }[self.kind]
        scaled: NDArray[np.float64] = (integers - low) / extent
        return scaled


def draw_scalings(name: str, count: int, chance: Random) -> list[Scaling]:
    """The scalings of a case's `count` images: of one kind, each with numbers of its own. name: of `SCALINGS`."""
    whites = [_draw_log(*WHITE, chance) for _ in range(count)]
    kind = chance.choice(SCALINGS[name])
    if kind is not Kind.SLOPE:
        return [Scaling(kind, white) for white in whites]
    slopes = [_draw_log(*_SLOPE, chance) for _ in range(count)]
    intercepts = [slope * chance.uniform(-_INTERCEPT, _INTERCEPT) for slope in slopes]
    return [Scaling(kind, *numbers) for numbers in zip(whites, slopes, intercepts, strict=True)]


def _draw_log(low: float, high: float, chance: Random) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))
