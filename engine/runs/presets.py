"""Settings that a person chooses by name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from engine.data import Modality
from engine.runs.settings import TrainConfig

PresetName = Literal["default", "quick", "reference"]

PRESETS: dict[PresetName, TrainConfig] = {
    "default": TrainConfig(
        epochs=60,
        batch=2,
        learning_rate=1e-3,
        deep_supervision=2,
        ema=0.998,
        validate_every=200,
        tune_et=True,
    ),
    "quick": TrainConfig(
        hours=1 / 6,
        learning_rate=5e-4,
        ema=0.99,
        checkpoint_every=50,
        validate_every=50,
        validation_cases=8,
        tune_et=True,
    ),
    "reference": TrainConfig(
        epochs=60,
        samples_per_case=12,
        batch=12,
        modalities=(Modality.T1C, Modality.T2W, Modality.T2F),
        normalisation="slice_minmax",
        augmentation="reference",
        shape=(240, 240, 160),
        spacing_mm=1.0,
        patch=(128, 128, 128),
        foreground=0.0,
        optimiser="ranger21",
        learning_rate=3e-3,
        weight_decay=1e-4,
        clip_norm=1e9,
        focal_gamma=2.0,
        dice_smoothing=1e-5,
        batch_dice=False,
        ema=0.0,
        drop_modality=0.0,
        validate_every=221,
        validation_cases=16,
        keep_best=False,
        fill_core=False,
        tta="reference",
    ),
}
"""default: this project's recipe, from the shipped model. quick: a useful model of a few cases in ten minutes.

reference: the reference system, point by point (E. Tweedy's slides). 1e9 clips nothing, smoothing and focal term are
MONAI's DiceFocalLoss, which trained it, and without memory the averaged weights are the last step's. Of it 221 steps
are an epoch of the 221 cases it had.
"""

FIRST_WEIGHTS: Mapping[PresetName, str | None] = {"default": "default", "quick": "default", "reference": None}
"""The model that a training on a data set begins from, unless a person says otherwise."""

RANDOM_RATE = 3e-3
"""The learning rate of a preset that is meant to begin from a model, but begins from random weights.

Small steps keep what a model knows, but from nothing they take long to find a core: on 36 synthetic cases 12 CPU
minutes at this rate came to a Dice of .44 on 12 others, and 20 at 1e-3 to .29.
"""


def settings_of(preset: PresetName, init: str | None) -> TrainConfig:
    """The settings of a preset for a training that begins from a model, by its name or folder, or None: from nothing.

    >>> [settings_of("quick", init).learning_rate for init in ("default", None)]
    [0.0005, 0.003]
    """
    config = PRESETS[preset]
    return replace(config, learning_rate=RANDOM_RATE) if init is None and FIRST_WEIGHTS[preset] else config
