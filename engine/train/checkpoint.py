"""A training's state on disk: enough to go on as if it had never stopped."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from engine.errors import TrainingError

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Write `state` (tensors, numbers, texts, and dicts and lists of them) whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load(path: Path) -> State:
    """Read what `save` wrote, onto the CPU; nothing in the file is executed. Raises TrainingError if it is damaged."""
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path}: is not a checkpoint that can be read; delete it to begin anew") from error
    return state
