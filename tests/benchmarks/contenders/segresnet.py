"""MONAI's SegResNet as its tutorial on brain tumours trains it (Project-MONAI/tutorials, brats_segmentation_3d).

What differs, all of it to the contender's advantage or forced by the comparison: the grid, patch and batch are the
common ones; deterministic transforms are done once (CacheDataset); cases are cropped to the brain, so that patches are
not mostly air; the cosine is over the clock, not epochs; the last state is kept. The tutorial's re-orientation and
re-sampling do nothing to cases of one orientation and spacing and are left out.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.losses import DiceLoss
from monai.networks.nets import SegResNet
from monai.transforms import (
    Compose,
    CropForegroundd,
    EnsureChannelFirstd,
    EnsureTyped,
    Lambdad,
    LoadImaged,
    NormalizeIntensityd,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropd,
    SpatialPadd,
)
from monai.utils import set_determinism
from torch import Tensor

from engine.data import CaseFiles, LabelMap, Modality, Region, load_case
from engine.model.unet import parameter_count
from engine.predict.regions import regions_to_labels
from engine.progress import finish
from tests.benchmarks.contenders.contest import Start, Tally, Trained
from tests.benchmarks.contenders.settings import BATCH, PATCH, Setup

PACKAGES = ("monai", "torch", "numpy")
RATE = 1e-4
WEIGHT_DECAY = 1e-5
REGIONS = (Region.TC, Region.WT, Region.ET)  # the tutorial's order
_WEIGHTS = "weights.pt"


def region_channels(labels: Tensor) -> Tensor:
    """Masks (3, X, Y, Z) float32 of TC, WT and ET of a truth (1, X, Y, Z) in the integers of BraTS 2020."""
    enhancing, core = labels == 4, (labels == 4) | (labels == 1)
    return torch.cat((core, core | (labels == 2), enhancing)).float()


def cosine(fraction: float) -> float:
    """The learning rate at a share of the training: half a cosine, down to 0.

    >>> [round(cosine(at) / RATE, 3) for at in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    return RATE * (1 + math.cos(math.pi * fraction)) / 2


class SegResNetContender:
    """Residual encoder and decoder, region Dice, Adam."""

    def train(self, setup: Setup, folder: Path, start: Start) -> Trained:
        """One worker process makes the batches."""
        set_determinism(setup.seed)
        network = _network()
        loss_of = DiceLoss(smooth_nr=0, smooth_dr=1e-5, squared_pred=True, to_onehot_y=False, sigmoid=True)
        optimiser = torch.optim.Adam(network.parameters(), RATE, weight_decay=WEIGHT_DECAY)
        items = [_item(setup.files(case_id), truth=True) for case_id in setup.split().training]
        cases = CacheDataset(items, _training_transforms(), num_workers=1, progress=False)
        loader = DataLoader(cases, batch_size=BATCH, shuffle=True, num_workers=1, persistent_workers=True)
        feed = _endless(loader)
        waiting = next(feed)
        tally = Tally(start())
        network.train()
        while not tally.clock.over:
            for group in optimiser.param_groups:
                group["lr"] = cosine(tally.clock.fraction)
            optimiser.zero_grad()
            loss = loss_of(network(waiting["image"]), waiting["label"])
            loss.backward()
            optimiser.step()
            tally.step(loss.item())
            waiting = next(feed)
        trained = tally.trained("segresnet", setup, parameter_count(network), PACKAGES)
        torch.save(network.state_dict(), folder / _WEIGHTS)
        return trained

    def predict(self, setup: Setup, folder: Path, files: CaseFiles) -> LabelMap:
        """Sliding windows that share half, without mirrors; a region is what is above a probability of .5."""
        network = _network()
        network.load_state_dict(torch.load(folder / _WEIGHTS, weights_only=True))
        network.eval()
        ready: dict[str, Any] = Compose(_loaded(("image",)))(_item(files, truth=False))
        with torch.inference_mode():
            logits = sliding_window_inference(ready["image"][None], PATCH, 1, network, overlap=0.5)[0]
        masks = (logits.sigmoid() > 0.5).numpy()
        grid = finish(load_case(files, truth=False)).native
        labels = np.zeros(grid.shape, dtype=np.uint8)
        low, high = ready["foreground_start_coord"], ready["foreground_end_coord"]
        box = tuple(slice(int(one), int(other)) for one, other in zip(low, high, strict=True))
        labels[box] = regions_to_labels(masks, REGIONS)
        return LabelMap(labels, grid)


def _network() -> SegResNet:
    return SegResNet(
        blocks_down=(1, 2, 2, 4),
        blocks_up=(1, 1, 1),
        init_filters=16,
        in_channels=len(Modality),
        out_channels=len(REGIONS),
        dropout_prob=0.2,
    )


def _item(files: CaseFiles, *, truth: bool) -> dict[str, Any]:
    item: dict[str, Any] = {"image": [str(files.images[modality].path) for modality in Modality]}
    return item | {"label": str(files.truth)} if truth else item


def _loaded(keys: tuple[str, ...]) -> list[Any]:
    """The images of a case, cropped to the brain, each z-scored over it, as the tutorial has it."""
    return [
        LoadImaged(keys),
        EnsureChannelFirstd(keys),
        CropForegroundd(keys, source_key="image", allow_smaller=True),
        NormalizeIntensityd("image", nonzero=True, channel_wise=True),
        EnsureTyped(keys, track_meta=False),
    ]


def _training_transforms() -> Compose:
    both = ("image", "label")
    once = [*_loaded(both), Lambdad("label", region_channels), SpatialPadd(both, PATCH)]
    flips = [RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)]
    scaled = [RandScaleIntensityd("image", factors=0.1, prob=1.0), RandShiftIntensityd("image", offsets=0.1, prob=1.0)]
    return Compose([*once, RandSpatialCropd(both, PATCH, random_size=False), *flips, *scaled])


def _endless(loader: DataLoader) -> Iterator[dict[str, Tensor]]:
    while True:
        yield from loader
