"""Everything that decides a training, in one frozen record that is written beside what it made."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, Self

from engine.errors import TrainingError
from engine.model.unet import Norm, UNetConfig

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training on synthetic cases.

    steps: length of the schedule in steps; hours: if given, the schedule ends after this wall-clock time instead, and
    `steps` is not used. shape, spacing_mm: the grid of a case, all of which is one window. warm_up: share of the
    schedule. drop_modality: probability that a case lacks some of its modalities. focal_gamma: 0 makes the focal term
    cross-entropy. dice_smoothing: voxels added to both sides of the Dice's fraction, so that voxels predicted in a region
    that is not there cost something. ema: memory of the averaged weights, per step. precision: of the forward pass;
    "auto" takes bfloat16 where the machine multiplies it faster than float32.
    """

    steps: int = 3000
    hours: float | None = None
    seed: int = 0
    shape: tuple[int, int, int] = (80, 96, 80)
    spacing_mm: float = 2.0
    batch: int = 1
    width: int = 16
    depth: int = 4
    norm: Norm = "group"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    clip_norm: float = 5.0
    focal_weight: float = 1.0
    focal_gamma: float = 0.0
    ema: float = 0.997
    dice_smoothing: float = 50.0
    precision: Precision = "auto"
    drop_modality: float = 0.35
    checkpoint_every: int = 100

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """The record in a JSON file; raises TrainingError if it is not one."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            unknown = set(values) - {field.name for field in fields(cls)}
            if unknown:
                raise TrainingError(f"{path}: has unknown settings {sorted(unknown)}; remove them")
            if "shape" in values:
                x, y, z = values["shape"]
                values["shape"] = (x, y, z)
            config = cls(**values)
            config.check()
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path}: holds no valid training settings ({error}); correct them") from error
        return config

    def check(self) -> None:
        """Raise ValueError, naming the setting, if a training could not begin with these."""
        stride = UNetConfig(depth=self.depth).stride
        if any(size < stride or size % stride for size in self.shape):
            raise ValueError(f"shape {self.shape} must be multiples of {stride}")
        if self.steps < 1 or self.batch < 1 or self.checkpoint_every < 1:
            raise ValueError("steps, batch and checkpoint_every must be 1 or more")
        if self.hours is not None and self.hours <= 0:
            raise ValueError("hours must be more than 0")
        if not (self.spacing_mm > 0 and 0 < self.warm_up < 1 and 0 <= self.ema < 1 and 0 <= self.drop_modality <= 1):
            raise ValueError("spacing_mm, warm_up, ema or drop_modality is out of its range")
