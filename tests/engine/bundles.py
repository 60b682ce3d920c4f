"""Small model bundles for tests: the project's own U-Net, made to compute something known."""

from dataclasses import replace
from pathlib import Path

import torch

from engine.data import Modality, Region
from engine.model import ModelCard
from engine.model.bundle import architecture, save_bundle
from engine.model.unet import UNet, UNetConfig

CONFIG = UNetConfig(in_channels=4, out_channels=3, width=4, depth=2, norm="none")


def card(**changes: object) -> ModelCard:
    """The card of a tiny network at 1 mm, all four modalities optional."""
    base = ModelCard(
        name="tiny",
        title="Tiny",
        description="A network for tests.",
        architecture=architecture(CONFIG),
        modalities=tuple(Modality),
        optional=tuple(Modality),
        regions=tuple(Region),
        normalisation="zscore",
        axis_codes="RAS",
        spacing_mm=(1.0, 1.0, 1.0),
        window=(16, 16, 16),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def threshold_network(modality: Modality = Modality.T1C, levels: tuple[float, float, float] = (2.0, 1.0, 0.0)) -> UNet:
    """A network whose logits are the z-scored `modality` (where positive) minus `levels`, one per region.

    Every filter is cleared but a path of identity through the full resolution, so it looks at single voxels only: its
    answer is the same in any window, mirroring or padding, and can be computed by hand.
    """
    network = UNet(CONFIG)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    first, last = network.encoder[0], network.decoder[-1]
    with torch.no_grad():
        first[0].weight[0, list(Modality).index(modality), 1, 1, 1] = 1.0
        first[3].weight[0, 0, 1, 1, 1] = 1.0
        last[0].weight[0, 0, 1, 1, 1] = 1.0  # the skip connection comes first in the concatenation
        last[3].weight[0, 0, 1, 1, 1] = 1.0
        network.head.weight[:, 0] = 1.0
        network.head.bias.copy_(-torch.tensor(levels))
    return network


def threshold_bundle(folder: Path, **changes: object) -> ModelCard:
    """`threshold_network` as a bundle in `folder`."""
    return save_bundle(folder, card(**changes), threshold_network().state_dict())
