"""Everything that decides a training, in one frozen record that is written beside what it made."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from engine.errors import TrainingError
from engine.model.unet import Norm


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training on synthetic cases.

    steps: length of the schedule in steps; hours: if given, the schedule ends after this wall-clock time instead, and
    `steps` is not used. shape, spacing_mm: the grid of a case, all of which is one window. drop_modality: probability that a
    case lacks some of its modalities. focal_gamma: 0 makes the focal term cross-entropy.
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
    drop_modality: float = 0.15
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
                values["shape"] = tuple(values["shape"])
            return cls(**values)
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path}: is not a training configuration ({error}); give a JSON file of settings") from error
