"""A training's state on disk: enough to go on as if it had never stopped."""

import hashlib
import os
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from engine.errors import TrainingError

State = dict[str, Any]
_HASH_BYTES = hashlib.sha256().digest_size


def save(path: Path, state: State) -> None:
    """Write `state` (tensors, numbers, texts, and dicts and lists of them) whole or not at all, its SHA-256 in front.

    Raises TrainingError if the disk does not take it.
    """
    content = BytesIO()
    torch.save(state, content)
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror}); the state before it is kept") from error
    finally:
        fresh.unlink(missing_ok=True)


def load(path: Path) -> State:
    """Read what `save` wrote, onto the CPU; nothing in the file is executed. Raises TrainingError if it is damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path) from error
    digest, stored = content[:_HASH_BYTES], content[_HASH_BYTES:]
    if hashlib.sha256(stored).digest() != digest:
        raise _unreadable(path)
    try:
        state: State = torch.load(BytesIO(stored), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise _unreadable(path) from error
    return state


def _unreadable(path: Path) -> TrainingError:
    return TrainingError(f"{path}: is not a checkpoint that can be read; delete it to begin anew")
