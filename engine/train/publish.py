"""From a run's averaged weights to a model bundle that prediction can load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.data import Modality, Region
from engine.model import ModelCard
from engine.model.bundle import architecture, save_bundle
from engine.train.config import TrainConfig
from engine.train.loop import network_config

AXIS_CODES = "LPS"


def publish(
    folder: Path,
    config: TrainConfig,
    weights: dict[str, Tensor],
    *,
    title: str,
    description: str,
    training: Mapping[str, Any],
    scores: Mapping[str, Any] | None = None,
    limits: tuple[str, ...] = (),
    min_et_ml: float = 0.0,
) -> ModelCard:
    """Write the bundle of a training of `config` into `folder` and return its card; see `ModelCard` for the fields.

    The modalities are all optional: training left some out at times. Raises ModelError if the disk does not take it.
    """
    card = ModelCard(
        name=folder.name,
        title=title,
        description=description,
        architecture=architecture(network_config(config)),
        modalities=(Modality.T1N, Modality.T1C, Modality.T2W, Modality.T2F),
        optional=(Modality.T1N, Modality.T1C, Modality.T2W, Modality.T2F),
        regions=(Region.ET, Region.TC, Region.WT),
        normalisation="zscore",
        axis_codes=AXIS_CODES,
        spacing_mm=(config.spacing_mm, config.spacing_mm, config.spacing_mm),
        window=config.shape,
        min_et_ml=min_et_ml,
        training=training,
        scores=scores or {},
        limits=limits,
    )
    return save_bundle(folder, card, weights)
