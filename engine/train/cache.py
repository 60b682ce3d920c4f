"""Cases as they are prepared for training, one file each, of which no more is read than a patch needs.

The folder is a cache that all trainings share: a file is named after the case and after everything that decides what is
in it, so none is out of date, and it may be deleted at any time. A file is a safetensors file of

    images  (C, X, Y, Z) float16: the brain's box at the network's spacing, normalised, 0 outside of the brain
    labels  (X, Y, Z) uint8: values of `Label`
    tumour  (N,) int32: flat indices of the voxels of ET, then of NCR, then of ED

so ET, TC and WT are the first voxels of `tumour`, the more the larger the region.
"""

import hashlib
import json
import logging
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from safetensors.numpy import save

from engine.data import Label
from engine.errors import TrainingError
from engine.runs.settings import Shape, TrainConfig
from engine.train.feed import Example

_FORMAT = 1
_HASH_DIGITS = 24
_LENGTH = struct.Struct("<Q")  # of a safetensors header, in front of it
_NAMES = ("images", "labels", "tumour")
_TYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype("<f2"), "U8": np.dtype("u1"), "I32": np.dtype("<i4")}
_TUMOUR = (Label.ET, Label.NCR, Label.ED)
_log = logging.getLogger(__name__)

Array = NDArray[Any]


def cache_folder() -> Path:
    """Where prepared cases are kept unless a training is given another folder."""
    return user_cache_path("brats-viewer", appauthor=False) / "prepared"


def cache_path(folder: Path, case_id: str, fingerprint: str, config: TrainConfig) -> Path:
    """The file of a case with these files' fingerprint, prepared as `config` has it."""
    decides = [_FORMAT, fingerprint, config.spacing_mm, config.normalisation, [str(name) for name in config.modalities]]
    digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:_HASH_DIGITS]
    return folder / f"{case_id}-{digest}.safetensors"


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A prepared case on disk, its file found sound; see this module for what is in it.

    fingerprint: of the files it was prepared from. region_voxels: of ET, TC and WT, in the first voxels of `tumour`.
    """

    id: str
    fingerprint: str
    path: Path
    shape: Shape
    region_voxels: tuple[int, int, int]
    _places: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]]

    def array(self, name: str) -> Array:
        """One of the file's arrays, read where it is looked at. Raises TrainingError if the file is gone.

        The file is opened each time: a process may hold fewer files open than a data set has cases.
        """
        kind, shape, offset = self._places[name]
        if 0 in shape:
            return np.zeros(shape, kind)
        try:
            return np.memmap(self.path, kind, "r", offset, shape)
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{self.path}: the prepared case is gone or cut short; resume the training to prepare it again"
            ) from error

    def example(self, device: torch.device) -> Example:
        """The whole case."""
        images, labels = (torch.from_numpy(np.array(self.array(name))) for name in ("images", "labels"))
        return Example(images.to(device).float(), labels.to(device))


def pack(images: Array, labels: Array) -> bytes:
    """The content of a case's file: images (C, X, Y, Z), labels (X, Y, Z) uint8."""
    tumour = [np.flatnonzero(labels == label).astype(np.int32) for label in _TUMOUR]
    arrays = {
        "images": np.ascontiguousarray(images, np.float16),
        "labels": np.ascontiguousarray(labels),
        "tumour": np.concatenate(tumour),
    }
    sizes = np.cumsum([len(voxels) for voxels in tumour]).tolist()
    checksum = _checksum([arrays[name] for name in _NAMES], sizes)
    facts = {"region_voxels": json.dumps(sizes), "crc32": f"{checksum:08x}"}
    return save(arrays, facts)


def open_stored(case_id: str, fingerprint: str, path: Path) -> StoredCase | None:
    """The case in a file that was written whole and has not changed since; None if there is none, or it is damaged.

    All of the file is read once, so that what a training sees is what was prepared, and the system has it at hand.
    """
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            header = json.loads(file.read(min(length, 1 << 16)))
        facts, start = header["__metadata__"], _LENGTH.size + length
        places = {name: _place(header[name], start) for name in _NAMES}
        et, tc, wt = json.loads(facts["region_voxels"])
        x, y, z = places["labels"][1]
        stored = StoredCase(case_id, fingerprint, path, (x, y, z), (et, tc, wt), places)
        sound = _checksum([stored.array(name) for name in _NAMES], [et, tc, wt]) == int(facts["crc32"], 16)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, struct.error, TrainingError) as error:
        _log.warning("%s: is damaged and made again (%s)", path, error)
        return None
    if not sound:
        _log.warning("%s: is damaged and made again (its checksum does not fit)", path)
    return stored if sound else None


def _place(entry: dict[str, Any], start: int) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, shape and offset in the file of an array that a safetensors header describes."""
    return _TYPES[entry["dtype"]], tuple(map(int, entry["shape"])), start + int(entry["data_offsets"][0])


def _checksum(arrays: Sequence[Array], sizes: list[int]) -> int:
    """CRC-32 of what the arrays hold, each contiguous, and of what says how to read them."""
    checksum = zlib.crc32(json.dumps([sizes, [array.shape for array in arrays]]).encode())
    for array in arrays:
        checksum = zlib.crc32(array.reshape(-1).view(np.uint8).data, checksum)
    return checksum
