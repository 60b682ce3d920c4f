"""How good a network is while it trains: whole cases by windows, on the training grid, and a picture of one of them.

It tells one recipe, and one moment of a training, from another. Cases that `engine.synth` made say nothing about
patients, and cases on which a model was chosen flatter it: `brats-engine evaluate` has the last word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module, functional

from engine.data import Modality, Region
from engine.predict.regions import regions_to_labels
from engine.predict.windows import Stitch, gaussian_weights, padding, windows
from engine.runs.preview import Preview
from engine.runs.settings import Shape, TrainConfig
from engine.train.feed import Example
from engine.train.losses import region_targets
from engine.train.sources import SyntheticSource

BEYOND = 0.2
"""By which share of each range validation leaves what training draws from."""
FIRST_SEED = 2**31
"""Training's seeds lie below."""
REGIONS = (Region.ET, Region.TC, Region.WT)
_SHOWN_BY = (Modality.T2F, Modality.T1C, Modality.T2W, Modality.T1N)


@dataclass(frozen=True, slots=True, eq=False)
class Validated:
    """A case and what the network makes of it: region masks (3, X, Y, Z) bool, and Dice in [0, 1] per region."""

    example: Example
    masks: Tensor
    dice: Mapping[Region, float]


def validation_examples(config: TrainConfig, device: torch.device) -> list[Example]:
    """The synthetic cases that every training of this grid without a data set is validated on."""
    return [get() for get in synthetic_cases(config, device).values()]


def synthetic_cases(config: TrainConfig, device: torch.device) -> dict[str, Callable[[], Example]]:
    """The same, each made once, by names for people."""
    source = SyntheticSource(config, device, BEYOND)
    examples = [source.example(FIRST_SEED + number) for number in range(config.validation_cases)]

    def get(example: Example) -> Callable[[], Example]:
        return lambda: example

    return {f"synthetic {number}": get(example) for number, example in enumerate(examples, start=1)}


def validate(network: Module, example: Example, window: Shape, *, half: bool = False) -> Validated:
    """Predict a case by windows as in prediction, without mirrors; a region is what is above a probability of .5.

    half: whether to compute in bfloat16. Dice where both are empty: 1, where one is: 0.
    """
    masks = _predict(network, example.images, window, half)
    values = _dice(masks, example.labels).tolist()
    return Validated(example, masks, dict(zip(REGIONS, values, strict=True)))


def mean_dice(network: Module, examples: Sequence[Example], window: Shape) -> dict[Region, float]:
    """Mean Dice per region over cases, see `validate`."""
    return mean_over([validate(network, example, window).dice for example in examples])


def mean_over(scores: Sequence[Mapping[Region, float]]) -> dict[Region, float]:
    """The mean of each region over at least one case."""
    return {region: sum(dice[region] for dice in scores) / len(scores) for region in REGIONS}


@torch.inference_mode()
def _predict(network: Module, images: Tensor, window: Shape, half: bool) -> Tensor:
    """Region masks (3, X, Y, Z) bool; a case smaller than a window is predicted within background."""
    size = (images.shape[1], images.shape[2], images.shape[3])
    pads = padding(size, window)
    padded = functional.pad(images, [count for pair in reversed(pads) for count in pair])
    shape = (padded.shape[1], padded.shape[2], padded.shape[3])
    stitch = Stitch(len(REGIONS), shape, gaussian_weights(window).to(images.device))
    for place in windows(shape, window, overlap=0.5):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
            logits = network(padded[(slice(None), *place)][None])[0]
        stitch.add(logits.float(), place)
    inside = tuple(slice(before, before + length) for length, (before, _) in zip(size, pads, strict=True))
    return stitch.mean()[(slice(None), *inside)] > 0


def _dice(masks: Tensor, labels: Tensor) -> Tensor:
    """Dice (3,) of region masks against labels."""
    truth = region_targets(labels[None])[0] > 0
    axes = (1, 2, 3)
    total = masks.sum(axes) + truth.sum(axes)
    return torch.where(total > 0, 2 * (masks & truth).sum(axes) / total.clamp(min=1), 1.0).cpu()


def preview_of(validated: Validated, case: str, step: int, config: TrainConfig) -> Preview:
    """The axial slice with the most tumour, or the most brain, of a case on the training grid: its axes are L, P, S."""
    labels = validated.example.labels.cpu().numpy()
    shown_most = labels > 0 if labels.any() else (validated.example.images != 0).any(0).cpu().numpy()
    place = int(shown_most.sum((0, 1)).argmax())
    shown = next(config.modalities.index(modality) for modality in _SHOWN_BY if modality in config.modalities)
    predicted = regions_to_labels(validated.masks[..., place, None].cpu().numpy(), REGIONS)
    return Preview(
        image=_grey(validated.example.images[shown, ..., place].float().cpu().numpy()).T.copy(),
        truth=labels[..., place].T.copy(),
        prediction=predicted[..., 0].T.copy(),
        case=case,
        step=step,
        dice=sum(validated.dice.values()) / len(validated.dice),
    )


def _grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Brightness from 1 to 255 between the first and the last hundredth of the brain, 0 outside of it."""
    inside = image != 0
    if not inside.any():
        return np.zeros(image.shape, dtype=np.uint8)
    low, high = np.percentile(image[inside], (1, 99))
    scaled = 1 + 254 * np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    return np.where(inside, scaled, 0).astype(np.uint8)
