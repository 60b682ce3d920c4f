"""Where all chance in a synthetic case comes from: seeded scalars and seeded smooth random fields."""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from engine.synth.lattice import SPLINE_MARGIN, stretch

T = TypeVar("T")

_OTHER_STREAM = 0x5DEECE66  # on the CPU both generators are of one kind, and would repeat each other
_SPLINE_GAIN = (315 / 151) ** 1.5
"""Joined by cubic B-splines, unit knots have variance 151 / 315 along each axis on average: B squared, integrated."""


class Draw:
    """The random choices of one case; the same seed on the same kind of device makes the same choices.

    Scalars come from a generator in main memory (no wait for a GPU), fields from one on `device`.
    """

    def __init__(self, seed: int, device: torch.device, beyond: float = 0.0) -> None:
        """`beyond` draws half of the `uniform` numbers from margins of this share of their range, outside of it.

        So a validation sees contrasts, shapes and scanners that no training with `beyond` 0 has seen.
        """
        self.device = device
        self._beyond = beyond
        self._scalars = torch.Generator().manual_seed(seed)
        self._fields = torch.Generator(device).manual_seed(seed ^ _OTHER_STREAM)

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high), or near that range; see `beyond`. A range above 0 stays above half of its low."""
        at = self._unit()
        if self._beyond and self._unit() < 0.5:
            at = -2 * at * self._beyond if at < 0.5 else 1 + (2 * at - 1) * self._beyond
        value = low + (high - low) * at
        return max(value, low / 2) if low >= 0 else value

    def _unit(self) -> float:
        return float(torch.rand((), generator=self._scalars))

    def normal(self, mean: float, deviation: float) -> float:
        """A number of the normal distribution."""
        return mean + deviation * float(torch.randn((), generator=self._scalars))

    def log_normal(self, median: float, spread: float, low: float, high: float) -> float:
        """A number whose logarithm is normal with deviation `spread`, held within [low, high]: sizes are like that."""
        return min(max(median * math.exp(self.normal(0, spread)), low), high)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._unit() < probability

    def index(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(torch.randint(count, (), generator=self._scalars))

    def choose(self, table: Sequence[tuple[T, float]]) -> T:
        """One of the table's things, each as likely as the number beside it says; the numbers sum to 1."""
        at = self._unit()
        for thing, share in table:
            at -= share
            if at < 0:
                return thing
        return table[-1][0]

    def direction(self) -> Tensor:
        """A (3,) unit vector of any direction."""
        vector = torch.randn(3, generator=self._scalars)
        return functional.normalize(vector, dim=0).to(self.device)

    def rotation(self, max_angle: float) -> Tensor:
        """A (3, 3) rotation of up to `max_angle` radians about each axis."""
        matrix = torch.eye(3)
        for axis in range(3):
            angle = self.uniform(-max_angle, max_angle)
            one, other = [i for i in range(3) if i != axis]
            turn = torch.eye(3)
            turn[one, one] = turn[other, other] = math.cos(angle)
            turn[one, other], turn[other, one] = -math.sin(angle), math.sin(angle)
            matrix = matrix @ turn
        return matrix.to(self.device)

    def white_noise(self, shape: tuple[int, ...]) -> Tensor:
        """Independent standard normal numbers, float32 of `shape`."""
        return torch.randn(shape, generator=self._fields, device=self.device)

    def noise(self, shape: tuple[int, int, int], scale: float, channels: int = 1) -> Tensor:
        """Smooth noise of about zero mean and unit deviation, (channels, X, Y, Z) float32.

        scale: size of its features in voxels, 1 or more. Knots of white noise lie about `scale` voxels apart and are
        joined by cubic B-splines.
        """
        x, y, z = (max(2, math.ceil(size / scale) + 1) + SPLINE_MARGIN for size in shape)
        return stretch(self.white_noise((channels, x, y, z)) * _SPLINE_GAIN, shape, "spline")
