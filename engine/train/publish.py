"""From a run's averaged weights to a model bundle that prediction can load."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.data import Modality, Region
from engine.model import ModelCard
from engine.model.bundle import architecture, save_bundle
from engine.runs.settings import TrainConfig
from engine.train.network import network_config

AXIS_CODES = "LPS"


def blank_card(config: TrainConfig) -> ModelCard:
    """The card of what a configuration trains, before anything is known of it.

    The modalities are all optional: training left some out at times.
    """
    modalities = (Modality.T1N, Modality.T1C, Modality.T2W, Modality.T2F)
    return ModelCard(
        name="",
        title="",
        description="",
        architecture=architecture(network_config(config)),
        modalities=modalities,
        optional=modalities,
        regions=(Region.ET, Region.TC, Region.WT),
        normalisation="zscore",
        axis_codes=AXIS_CODES,
        spacing_mm=(config.spacing_mm, config.spacing_mm, config.spacing_mm),
        window=config.window,
    )


def publish(
    folder: Path,
    config: TrainConfig,
    weights: dict[str, Tensor],
    *,
    title: str,
    description: str,
    training: Mapping[str, Any],
) -> ModelCard:
    """Write the bundle of a training of `config` into `folder` and return its card; see `ModelCard` for the fields.

    Raises ModelError if the disk does not take it.
    """
    card = replace(blank_card(config), title=title, description=description, training=training)
    return save_bundle(folder, card, weights)
