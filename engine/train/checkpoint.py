"""A training's state on disk: enough to go on as if it had never stopped, in two generations."""

import hashlib
import os
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from engine.errors import TrainingError

CHECKPOINT_FILE = "checkpoint.pt"
PREVIOUS_FILE = "checkpoint.previous.pt"
State = dict[str, Any]
_HASH_BYTES = hashlib.sha256().digest_size


def save(folder: Path, state: State) -> None:
    """Write `state` (tensors, numbers, texts, and dicts and lists of them) whole or not at all, its SHA-256 in front.

    The state before it stays beside it. Raises TrainingError if the disk does not take it.
    """
    content = BytesIO()
    torch.save(state, content)
    path, fresh = folder / CHECKPOINT_FILE, folder / f"{CHECKPOINT_FILE}.new"
    try:
        with fresh.open("wb") as file:
            file.write(hashlib.sha256(content.getbuffer()).digest())
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            path.replace(folder / PREVIOUS_FILE)
        fresh.replace(path)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror}); the state before it is kept") from error
    finally:
        fresh.unlink(missing_ok=True)


def load(folder: Path) -> tuple[State | None, str]:
    """The newest state in `folder` that can be read, onto the CPU; None where there is none. Nothing in it is executed.

    With it, a remark where the newest is damaged and the one before it had to do, else an empty text. Between the two
    renames of `save` there is but the one before, which is no damage. Raises TrainingError if neither can be read.
    """
    newest, before = folder / CHECKPOINT_FILE, folder / PREVIOUS_FILE
    if not newest.exists():
        return (read(before) if before.exists() else None), ""
    try:
        return read(newest), ""
    except TrainingError as error:
        if not before.exists():
            raise
        return read(before), f"{error}; going on from the one before it"


def read(path: Path) -> State:
    """The state in one file; raises TrainingError if it is damaged."""
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
