"""Everything that decides a training, in one frozen record that is written beside what it made. No torch is needed."""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

from engine.data import Modality
from engine.errors import TrainingError

Precision = Literal["auto", "float32", "bfloat16"]
OptimiserName = Literal["adamw", "ranger21"]
Norm = Literal["group", "instance", "batch", "none"]
Normalisation = Literal["zscore", "slice_minmax"]
Augmentation = Literal["full", "reference", "none"]
Shape = tuple[int, int, int]
MAX_WINDOW = 512  # as the model's card has it
GROUPS = 4  # of a group norm, as in `engine.model.unet`
ALL_MODALITIES = (Modality.T1N, Modality.T1C, Modality.T2W, Modality.T2F)

_WHOLE = (
    "steps",
    "seed",
    "batch",
    "width",
    "depth",
    "checkpoint_every",
    "validate_every",
    "validation_cases",
    "deep_supervision",
    "samples_per_case",
)
_RANGES: dict[str, tuple[float, float]] = {  # each with its ends
    "steps": (1, 1e9),
    "hours": (1e-6, 1e5),
    "epochs": (1e-3, 1e6),
    "samples_per_case": (1, 1000),
    "seed": (0, 2**63 - 1),
    "spacing_mm": (0.1, 10),
    "foreground": (0, 1),
    "batch": (1, 4096),
    "width": (4, 1024),
    "depth": (1, 8),
    "learning_rate": (1e-9, 10),
    "weight_decay": (0, 10),
    "warm_up": (1e-6, 1 - 1e-6),
    "clip_norm": (1e-6, 1e9),
    "focal_weight": (0, 1e6),
    "focal_gamma": (0, 100),
    "dice_smoothing": (0, 1e9),
    "deep_supervision": (0, 7),
    "ema": (0, 1 - 1e-9),
    "drop_modality": (0, 1),
    "checkpoint_every": (1, 1e9),
    "validate_every": (0, 1e9),
    "validation_cases": (1, 1e6),
}
_CHOICES = {
    "precision": get_args(Precision),
    "norm": get_args(Norm),
    "optimiser": get_args(OptimiserName),
    "normalisation": get_args(Normalisation),
    "augmentation": get_args(Augmentation),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training.

    steps: length of the schedule in steps; hours: if given, the schedule ends after this wall-clock time instead, and
    `steps` is not used; epochs: if given, `steps` follows from it once the training cases are counted (`with_cases`).
    An epoch is as many samples as there are training cases, times samples_per_case.
    modalities: the network's channels. normalisation: of each of them; "slice_minmax" is the reference system's.
    shape, spacing_mm: the grid of a synthetic case, in voxels and their edge; a stored case is brought to this spacing
    and keeps its extent. patch: what is one window, all of `shape` if None; foreground: share of the patches that are
    cut about a voxel of tumour. augmentation: "full" is this project's, "reference" the reference system's noise and
    flips, "none" cuts patches and no more.
    optimiser: "ranger21" brings its own schedule, see `engine.train.optimiser`: it is laid out over `steps`, so hours
    cannot be given, and `warm_up` is not used. learning_rate: the highest. warm_up: share of the schedule.
    focal_gamma: 0 makes the focal term cross-entropy. dice_smoothing: voxels added to both sides of the Dice's
    fraction, so that voxels predicted in a region that is not there cost something. batch_dice: whether its sums run
    over the whole batch, or over each sample.
    deep_supervision: how many coarser levels of the decoder are asked for the regions too, see `engine.train.deep`.
    ema: memory of the averaged weights, per step. precision: of the forward pass; "auto" takes bfloat16 where the
    machine multiplies it faster than float32. drop_modality: probability that a case lacks some of its modalities.
    validate_every: steps from one validation to the next, 0 for none: on the first `validation_cases` cases of the
    split's validation part, or as many synthetic cases of other settings than those trained on.
    keep_best: whether the run's model is that of its best validation, or else that of its end.
    tune_et: whether the volume below which ET becomes NCR is chosen on the validation cases when training ends.
    fill_core: whether the model takes ED that TC encloses within a plane for NCR, see `engine.predict.regions`.
    tta: the scheme of test-time augmentation that the validation table is made with.
    """

    steps: int = 3000
    hours: float | None = None
    epochs: float | None = None
    samples_per_case: int = 1
    seed: int = 0
    modalities: tuple[Modality, ...] = ALL_MODALITIES
    normalisation: Normalisation = "zscore"
    augmentation: Augmentation = "full"
    shape: Shape = (80, 96, 80)
    spacing_mm: float = 2.0
    patch: Shape | None = None
    foreground: float = 0.5
    batch: int = 1
    width: int = 16
    depth: int = 4
    norm: Norm = "group"
    optimiser: OptimiserName = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.03
    clip_norm: float = 5.0
    focal_weight: float = 1.0
    focal_gamma: float = 0.0
    dice_smoothing: float = 50.0
    batch_dice: bool = True
    deep_supervision: int = 0
    ema: float = 0.997
    precision: Precision = "auto"
    drop_modality: float = 0.35
    checkpoint_every: int = 100
    validate_every: int = 0
    validation_cases: int = 16
    keep_best: bool = True
    tune_et: bool = False
    fill_core: bool = True
    tta: str = "flips"

    @property
    def window(self) -> Shape:
        """Voxels of one window, in training as in prediction."""
        return self.patch or self.shape

    @property
    def stride(self) -> int:
        """Every size of a window must be a multiple of this."""
        return int(2**self.depth)

    def with_cases(self, cases: int) -> Self:
        """The same training with the `steps` that its epochs are with so many training cases; itself if it has none.

        >>> TrainConfig(epochs=60, samples_per_case=12, batch=12).with_cases(221).steps
        13260
        """
        if self.epochs is None:
            return self
        return replace(self, steps=max(1, math.ceil(self.epochs * cases * self.samples_per_case / self.batch)))

    def to_json(self) -> str:
        """The record as JSON text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path, base: "TrainConfig | None" = None) -> "TrainConfig":
        """The record in a JSON file; what it lacks is as in `base`, by default the defaults.

        Of steps, hours and epochs, one that the file has is in place of the base's. Raises TrainingError if it is no
        such file.
        """
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            unknown = set(values) - {field.name for field in fields(cls)}
            if unknown:
                raise TrainingError(f"{path}: has unknown settings {sorted(unknown)}; remove them")
            for name in ("shape", "patch"):
                if values.get(name) is not None:
                    x, y, z = values[name]
                    values[name] = (x, y, z)
            if "modalities" in values:
                values["modalities"] = tuple(Modality(name) for name in values["modalities"])
            if {"steps", "hours", "epochs"} & set(values):
                values = {"hours": None, "epochs": None} | values
            config = replace(base or cls(), **values)
            config.check()
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path}: holds no valid training settings ({error}); correct them") from error
        return config

    def check(self) -> None:
        """Raise ValueError, naming the setting, if a training could not begin, or its model not be kept, with these."""
        for name in _WHOLE:
            value = getattr(self, name)
            if type(value) is not int:
                raise ValueError(f"{name} {value!r} must be a whole number")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if name in ("hours", "epochs") and value is None:
                continue
            if type(value) not in (int, float) or not low <= value <= high:
                raise ValueError(f"{name} {value!r} must be a number from {low:g} to {high:g}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(choices)}")
        if self.hours is not None and self.epochs is not None:
            raise ValueError(f"hours {self.hours!r} and epochs {self.epochs!r} both say when to end; give one of them")
        if not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise ValueError("modalities must name one to four different ones")
        for name in ("batch_dice", "keep_best", "tune_et", "fill_core"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} {getattr(self, name)!r} must be true or false")
        if self.optimiser == "ranger21" and self.hours is not None:
            raise ValueError(
                f"hours {self.hours!r} cannot be given with ranger21, whose schedule counts steps; give steps"
            )
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.deep_supervision >= self.depth:
            raise ValueError(f"deep_supervision {self.deep_supervision} must be less than depth {self.depth}")
        if self.width % GROUPS:
            raise ValueError(f"width {self.width} must be a multiple of {GROUPS}")
        sizes = (*self.shape, *self.window)
        if any(type(size) is not int or not 1 <= size <= MAX_WINDOW for size in sizes):
            raise ValueError(f"shape and patch must be whole numbers of voxels, up to {MAX_WINDOW}")
        if any(size % self.stride for size in self.window):
            raise ValueError(f"{'patch' if self.patch else 'shape'} {self.window} must be multiples of {self.stride}")
        if self.patch is not None and any(part > whole for part, whole in zip(self.patch, self.shape, strict=True)):
            raise ValueError(f"patch {self.patch} is larger than shape {self.shape}")
