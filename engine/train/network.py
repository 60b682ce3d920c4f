"""The network that a training's settings describe."""

from engine.model.unet import UNetConfig
from engine.runs.settings import TrainConfig


def network_config(config: TrainConfig) -> UNetConfig:
    """A channel for each modality in, three regions out."""
    return UNetConfig(
        in_channels=len(config.modalities),
        out_channels=3,
        width=config.width,
        depth=config.depth,
        norm=config.norm,
    )
