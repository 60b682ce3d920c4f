"""The trainings that are compared: a baseline under several seeds, and the baseline with one thing changed.

They run on a grid of 4 mm, where a step takes well under a second on one core; whatever depends on the size of a voxel
(`dice_smoothing` counts voxels) is not what it is at the 2 mm of the model that ships.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.runs.settings import TrainConfig

BASELINE = TrainConfig(
    shape=(40, 48, 40),
    spacing_mm=4.0,
    batch=2,
    width=16,
    depth=3,
    learning_rate=2.5e-3,
    warm_up=0.1,
    ema=0.99,
    drop_modality=0.2,
    validation_cases=48,
)

CHANGES: Mapping[str, Mapping[str, Any]] = {
    "baseline": {},
    "baseline-1": {"seed": 1},
    "baseline-2": {"seed": 2},
    "baseline-3": {"seed": 3},
    "baseline-4": {"seed": 4},
    "width-8": {"width": 8},
    "width-24": {"width": 24},
    "norm-instance": {"norm": "instance"},
    "norm-batch": {"norm": "batch"},
    "norm-batch-1": {"norm": "batch", "seed": 1},
    "norm-batch-2": {"norm": "batch", "seed": 2},
    "deep-2": {"deep_supervision": 2},
    "no-smoothing": {"dice_smoothing": 1e-5},
    "smoothing-6": {"dice_smoothing": 6.25},  # the volume that the default's 50 voxels are at 2 mm
    "focal-2": {"focal_gamma": 2.0},
    "dice-only": {"focal_weight": 0.0},
    "patch-32": {"patch": (32, 32, 32), "foreground": 0.5},
}

LENGTH = ("steps", "validate_every", "checkpoint_every")
"""Settings that every recipe of a comparison shares."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training of the comparison, under a name that is also its folder's."""

    name: str
    config: TrainConfig

    @property
    def change(self) -> str:
        """What differs from the baseline.

        >>> Recipe("some", replace(BASELINE, width=8, patch=(32, 32, 32))).change
        'patch 32x32x32, width 8'
        """
        before = asdict(BASELINE) | {name: getattr(self.config, name) for name in LENGTH}
        now = asdict(self.config)
        return ", ".join(f"{name} {_shown(now[name])}" for name in now if now[name] != before[name])


def recipes(steps: int) -> list[Recipe]:
    """All of them, each `steps` long and validated once, at its end."""
    same = replace(BASELINE, steps=steps, validate_every=steps, checkpoint_every=min(steps, 100))
    return [Recipe(name, replace(same, **change)) for name, change in CHANGES.items()]


def _shown(value: object) -> str:
    return "x".join(map(str, value)) if isinstance(value, (tuple, list)) else f"{value}"
