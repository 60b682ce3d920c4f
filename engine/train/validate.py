"""How good a network is, on synthetic cases of settings that no training saw.

It tells one recipe from another while they train. It says nothing about patients: `brats-engine evaluate` does.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import Module

from engine.data import Region
from engine.predict.windows import Stitch, gaussian_weights, windows
from engine.runs.settings import Shape, TrainConfig
from engine.train.feed import Example
from engine.train.losses import region_targets
from engine.train.sources import SyntheticSource

BEYOND = 0.2
"""By which share of each range validation leaves what training draws from."""
FIRST_SEED = 2**31
"""Training's seeds lie below."""
REGIONS = (Region.ET, Region.TC, Region.WT)


def validation_examples(config: TrainConfig, device: torch.device) -> list[Example]:
    """The cases that every training of this grid is validated on."""
    source = SyntheticSource(config, device, BEYOND)
    return [source.example(FIRST_SEED + number) for number in range(config.validation_cases)]


def mean_dice(network: Module, examples: Sequence[Example], window: Shape) -> dict[str, float]:
    """Mean Dice per region over cases, by windows as in prediction, no mirrors; both empty: 1, one empty: 0."""
    scores = torch.stack([_dice(_predict(network, example.images, window), example.labels) for example in examples])
    return dict(zip(map(str, REGIONS), scores.mean(0).tolist(), strict=True))


@torch.inference_mode()
def _predict(network: Module, images: Tensor, window: Shape) -> Tensor:
    """Region masks (3, X, Y, Z) bool."""
    shape = (images.shape[1], images.shape[2], images.shape[3])
    stitch = Stitch(len(REGIONS), shape, gaussian_weights(window).to(images.device))
    for place in windows(shape, window, overlap=0.5):
        stitch.add(network(images[(slice(None), *place)][None])[0], place)
    return stitch.mean() > 0


def _dice(masks: Tensor, labels: Tensor) -> Tensor:
    """Dice (3,) of region masks against labels."""
    truth = region_targets(labels[None])[0] > 0
    axes = (1, 2, 3)
    total = masks.sum(axes) + truth.sum(axes)
    return torch.where(total > 0, 2 * (masks & truth).sum(axes) / total.clamp(min=1), 1.0).cpu()
