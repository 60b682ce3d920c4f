"""Where all chance in a synthetic case comes from: seeded scalars and seeded smooth random fields."""

import math

import torch
from torch import Tensor
from torch.nn import functional


class Draw:
    """The random choices of one case; the same seed on the same kind of device makes the same choices.

    Scalars come from a generator in main memory (no wait for a GPU), fields from one on `device`.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.device = device
        self._scalars = torch.Generator().manual_seed(seed)
        self._fields = torch.Generator(device).manual_seed(seed)

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(torch.rand((), generator=self._scalars))

    def normal(self, mean: float, deviation: float) -> float:
        """A number of the normal distribution."""
        return mean + deviation * float(torch.randn((), generator=self._scalars))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform(0, 1) < probability

    def index(self, count: int) -> int:
        """A whole number in [0, count)."""
        return int(torch.randint(count, (), generator=self._scalars))

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

        scale: size of its features in voxels. Knots of white noise lie about `scale` voxels apart and are joined
        linearly.
        """
        knots = tuple(max(2, math.ceil(size / scale) + 1) for size in shape)
        coarse = self.white_noise((1, channels, *knots))
        fine = functional.interpolate(coarse, size=shape, mode="trilinear", align_corners=True)[0]
        return fine * _KNOT_GAIN if scale >= 2 else fine


_KNOT_GAIN = 1.5**1.5  # a linear join of unit knots has variance 2/3 along each axis, on average
