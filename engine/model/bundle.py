"""A model bundle on disk: its card and its weights, written whole or not at all, and verified before use."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from engine.errors import ModelError
from engine.model.card import CARD_FILE, WEIGHTS_FILE, ModelCard, read_card
from engine.model.unet import UNet, UNetConfig, parameter_count

MAX_PARAMETERS = 200_000_000
"""A card that asks for a larger network than any of this field's is taken for damaged before memory is."""


def architecture(config: UNetConfig) -> dict[str, object]:
    """What the card of a U-Net of this shape says as its `architecture`."""
    return {
        "kind": "UNet",
        "in_channels": config.in_channels,
        "out_channels": config.out_channels,
        "width": config.width,
        "depth": config.depth,
        "norm": config.norm,
    }


def load_network(card: ModelCard) -> UNet:
    """The card's network with its weights, in float32 on the CPU, ready to predict.

    Raises ModelError if the weights are missing, damaged (SHA-256) or of another network than the card's.
    """
    path = card.folder / WEIGHTS_FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); the bundle may be damaged") from error
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ModelError(f"{path}: does not match the SHA-256 in {CARD_FILE}; the bundle is damaged, install it again")
    config = network_config(card)
    with torch.device("meta"):
        network = UNet(config)
    try:
        weights = {name: _as_float32(tensor) for name, tensor in load_tensors(content).items()}
        network.load_state_dict(weights, strict=True, assign=True)
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"{path}: does not hold the weights of the network that {CARD_FILE} describes") from error
    return network.eval().requires_grad_(False)


def network_config(card: ModelCard) -> UNetConfig:
    """The shape of the card's network; raises ModelError if it isn't one this program can build."""
    path = card.folder / CARD_FILE
    arguments = {name: value for name, value in card.architecture.items() if name != "kind"}
    try:
        config = UNetConfig(**arguments)
        with torch.device("meta"):
            size = parameter_count(UNet(config))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: describes a network that cannot be built ({arguments})") from error
    if not 0 < size <= MAX_PARAMETERS:
        raise ModelError(f"{path}: describes a network of {size:,} parameters; the bundle may be damaged")
    if (config.in_channels, config.out_channels) != (len(card.modalities), len(card.regions)):
        raise ModelError(f"{path}: the network's channels do not fit its modalities and regions")
    if any(size % config.stride for size in card.window):
        raise ModelError(f"{path}: its window {card.window} is not a multiple of the network's stride {config.stride}")
    return config


def save_bundle(folder: Path, card: ModelCard, weights: dict[str, Tensor]) -> ModelCard:
    """Write a bundle, weights in float16, in place of one that may stand in `folder`; returns its card with the hash.

    The new bundle is complete and read back before the old one goes. Raises ModelError if the disk does not take it.
    """
    halves = {name: _as_float16(tensor) for name, tensor in weights.items()}
    content = save_tensors(halves)
    card = replace(card, name=folder.name, sha256=hashlib.sha256(content).hexdigest(), folder=folder)
    fresh: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        _write(fresh / WEIGHTS_FILE, content)
        _write(fresh / CARD_FILE, (json.dumps(card.to_json(), indent=2) + "\n").encode())
        load_network(replace(read_card(fresh), folder=fresh))
        folder.mkdir(exist_ok=True)
        for name in (WEIGHTS_FILE, CARD_FILE):  # if cut off in between, the old card's hash tells of it
            (fresh / name).replace(folder / name)
    except OSError as error:
        raise ModelError(f"{folder}: the model cannot be written ({error.strerror}); choose another folder") from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
    return card


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _as_float16(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if tensor.is_floating_point() else tensor


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
