"""The weights that a training begins from, when they are not random."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from engine.errors import TrainingError
from engine.model import find_model
from engine.model.bundle import load_network
from engine.runs.settings import TrainConfig

_FIRST_LAYER = "encoder.0.0.weight"  # (width, modalities, 3, 3, 3)


def first_weights(init: str, config: TrainConfig) -> dict[str, Tensor]:
    """Weights of a model by name or folder, or of a .safetensors file, for a network of the modalities of `config`.

    A model of more modalities lends its first layer's weights for those that are used: on them the smaller network
    computes what the whole one does where the others are missing, since a missing image is 0. Raises ModelError where
    there is no such model, TrainingError where it does not fit.
    """
    if init.endswith(".safetensors"):
        try:
            return {name: value.float() for name, value in load_file(Path(init)).items()}
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{init}: cannot be read as weights ({error}); give a .safetensors file") from error
    card = find_model(init)
    lacking = [modality.display_name for modality in config.modalities if modality not in card.modalities]
    if lacking:
        raise TrainingError(f"--init {init}: that model has never seen {', '.join(lacking)}; begin with --init none")
    if card.normalisation != config.normalisation:
        raise TrainingError(
            f"--init {init}: that model takes images normalised by {card.normalisation}, these settings by "
            f"{config.normalisation}; begin with --init none"
        )
    weights = dict(load_network(card).state_dict())
    channels = [card.modalities.index(modality) for modality in config.modalities]
    weights[_FIRST_LAYER] = weights[_FIRST_LAYER][:, channels]
    return weights
