"""From a run's averaged weights to a model bundle that prediction can load."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.data import Region
from engine.errors import ModelError
from engine.model import ModelCard, read_card
from engine.model.bundle import architecture, save_bundle
from engine.model.card import CARD_FILE, DEFAULT_MODEL, user_models_folder
from engine.runs.settings import TrainConfig
from engine.train.network import network_config

AXIS_CODES = "LPS"


def blank_card(config: TrainConfig) -> ModelCard:
    """The card of what a configuration trains, before anything is known of it.

    The modalities are all optional where training left some out at times, and none where it did not.
    """
    return ModelCard(
        name="",
        title="",
        description="",
        architecture=architecture(network_config(config)),
        modalities=config.modalities,
        optional=config.modalities if config.drop_modality > 0 else (),
        regions=(Region.ET, Region.TC, Region.WT),
        normalisation=config.normalisation,
        axis_codes=AXIS_CODES,
        spacing_mm=(config.spacing_mm, config.spacing_mm, config.spacing_mm),
        window=config.window,
        fill_core=config.fill_core,
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


def install(bundle: Path, name: str) -> Path:
    """Copy a bundle into the person's models folder, where `brats-engine models list` and the window find it.

    It gets the name, or the first of name-2, name-3, ... that is free; a name that a shipped model has is never taken.
    A model of the same weights and name is there already where a run was cut off: it is replaced. Raises ModelError if
    the disk does not take it.
    """
    root = user_models_folder()
    wanted = (name if number == 1 else f"{name}-{number}" for number in range(1, 1000))
    place = next(root / free for free in wanted if free != DEFAULT_MODEL and _is_free(root / free, bundle))
    fresh = root / f".{place.name}.new"
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(bundle, fresh)
        shutil.rmtree(place, ignore_errors=True)
        fresh.replace(place)
    except OSError as error:
        raise ModelError(
            f"{place}: the model cannot be put there ({error.strerror}); it is still in {bundle}"
        ) from error
    return place


def _is_free(place: Path, bundle: Path) -> bool:
    """Whether a model may be put there: nothing is, or the same weights are."""
    if not (place / CARD_FILE).exists():
        return not place.exists()
    try:
        return read_card(place).sha256 == read_card(bundle).sha256
    except ModelError:
        return False  # a damaged one is somebody's
