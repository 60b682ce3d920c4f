"""Which backend a model gets on this machine: those that can run there are tried once, and the fastest is remembered.

The trial is a window of smooth noise, about a second on two cores. A backend counts only where it agrees with torch in
float32 on it.
"""

import json
import logging
import math
import platform
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.nn.functional import interpolate

from engine import __version__
from engine.data.atomic import write_atomically
from engine.errors import DeviceError, ImageFileError
from engine.model import ModelCard
from engine.model.bundle import load_network, network_config
from engine.predict.backends import (
    BACKENDS,
    CPU_ONLY,
    OPENVINO,
    OPENVINO_BF16,
    TORCH,
    TORCH_BF16,
    Backend,
    openvino_backend,
    torch_backend,
)
from engine.predict.device import AUTO, processor_name
from engine.progress import Progress, Work, finish

TOLERANCE = 0.02
"""How far logits may lie from those of torch in float32, as a share of their own root mean square; bfloat16 with its
8 bits comes to about 0.005."""
WORTH_A_TRIAL = 2_000_000
"""Voxels that the network must have before it for a trial to pay: eight windows of 64 x 64 x 64."""
_TRIAL_SIZE = 64
_RUNS = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The outcome of a trial: the fastest backend, the seconds of each, and why some were left out, in words.

    seconds: of a pass over the trial's window; setup: what the first pass takes more.
    """

    backend: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    setup: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The backend to take, how long it is for a voxel where that is known, and remarks for a person."""

    backend: str
    seconds_per_voxel: float | None = None
    remarks: tuple[str, ...] = ()


def resolve(card: ModelCard, device: torch.device, wanted: str, voxels: float) -> Work[Resolved]:
    """The backend that "auto" means for this model on that device; any other name means itself.

    voxels: how many the network is going to pass over. Where that is soon done and no trial is remembered there is
    none, as it would take longer than it could save: torch does it.
    """
    if wanted != AUTO:
        return Resolved(wanted)
    choice = remembered(card, device)
    if choice is None and voxels >= WORTH_A_TRIAL:
        try:
            choice = yield from try_out(card, device)
        except MemoryError:  # whoever computes next says so, or does with less
            _log.warning("no memory to try out the backends", exc_info=True)
    choice = choice or Choice(TORCH)
    passes = voxels / math.prod(_trial_shape(card))
    ready = {name for sha256, at, name in _kept if (sha256, at) == (card.sha256, device)}
    backend = _soonest(choice, passes, ready)
    seconds = choice.seconds.get(backend)
    return Resolved(backend, seconds and seconds / math.prod(_trial_shape(card)), _remarks(backend, choice, device))


def _soonest(choice: Choice, passes: float, ready: Collection[str]) -> str:
    """The backend that is through with so many of the trial's passes first; those that are `ready` need no setup.

    >>> choice = Choice("b", seconds={"a": 2.0, "b": 1.0}, setup={"a": 0.0, "b": 3.0})
    >>> [_soonest(choice, passes, ()) for passes in (2, 4, math.inf)], _soonest(choice, 2, ("b",))
    (['a', 'b', 'b'], 'b')
    """
    if not choice.seconds or math.isinf(passes):
        return choice.backend
    setup = {name: 0.0 if name in ready else choice.setup.get(name, 0.0) for name in choice.seconds}
    return min(choice.seconds, key=lambda name: setup[name] + passes * choice.seconds[name])


def _remarks(backend: str, choice: Choice, device: torch.device) -> tuple[str, ...]:
    if device.type != "cpu":
        return ()
    return tuple(
        f"computed by {backend}; {name} was tried and {reason}"
        for name, reason in choice.refused.items()
        if name in CPU_ONLY
    )


_kept: dict[tuple[str, torch.device, str], Backend] = {}


def ready_backend(card: ModelCard, device: torch.device, name: str) -> Backend:
    """The card's network by that backend; the last one used is kept, so that the next case need not wait."""
    key = (card.sha256, device, name)
    if key not in _kept:
        _kept.clear()
        _kept[key] = make_backend(card, device, name)
    return _kept[key]


def forget_backend() -> None:
    """Let go of the backend that is kept, and of its memory."""
    _kept.clear()


def make_backend(card: ModelCard, device: torch.device, name: str) -> Backend:
    """The card's network on that device by that backend; raises DeviceError where the two do not go together."""
    if name in (TORCH, TORCH_BF16):
        return torch_backend.TorchBackend(load_network(card), device, bfloat16=name == TORCH_BF16)
    if name not in BACKENDS:
        raise ValueError(f"{name!r} is no backend")
    if device.type != "cpu":
        raise DeviceError(f"{name} runs on the CPU only, not on {device}; choose the cpu, or another backend")
    openvino_backend.load_openvino()
    return openvino_backend.OpenVINOBackend(load_network(card), bfloat16=name == OPENVINO_BF16)


def candidates(device: torch.device) -> list[str]:
    """The backends that may be the fastest on that device, `TORCH` first; bfloat16 only where it is no imitation.

    OpenVINO in bfloat16 is not among them: of ten real cases one lost 0.0022 of Dice to it in a single pass, where
    0.002 is allowed (torch in bfloat16 0.0018 at most). It can be asked for.
    """
    found = [TORCH]
    if torch_backend.has_bfloat16(device):
        found.append(TORCH_BF16)
    if device.type == "cpu" and openvino_backend.is_installed():
        found.append(OPENVINO)
    return found


def remembered(card: ModelCard, device: torch.device) -> Choice | None:
    """What an earlier trial of this model on this machine, with these versions, found; None if there was none."""
    found = _read().get(_key(card, device))
    try:
        return None if found is None else Choice(**found)
    except TypeError:  # damaged, or of another version
        return None


def try_out(card: ModelCard, device: torch.device) -> Work[Choice]:
    """Try the candidates on that device, and remember the fastest of those that agree with `TORCH`."""
    window = smooth_noise(len(card.modalities), _trial_shape(card)).to(device)
    seconds: dict[str, float] = {}
    setup: dict[str, float] = {}
    refused: dict[str, str] = {}
    reference: Tensor | None = None
    for name in candidates(device):
        yield Progress(0, 0, "choosing how to compute")
        try:
            began = perf_counter()
            backend = make_backend(card, device, name)
            logits = finish(backend.logits(window)).cpu()
            first = perf_counter() - began
            taken = min(_seconds(backend, window) for _ in range(_RUNS))
        except (MemoryError, RuntimeError, TypeError, ImportError) as error:
            if name == TORCH:
                raise
            _log.warning("%s cannot run %s", name, card.name, exc_info=True)
            refused[name] = f"failed ({' '.join(str(error).split())[:100]})"
            continue
        reference = logits if reference is None else reference
        if distance(logits, reference) > TOLERANCE:
            refused[name] = "gave another result than torch in float32"
        else:
            seconds[name], setup[name] = taken, max(0.0, first - taken)
    choice = Choice(min(seconds, key=lambda name: seconds[name]), seconds, setup, refused)
    _log.info("%s on %s: %s", card.name, device, choice)
    _remember(_key(card, device), choice)
    return choice


def smooth_noise(channels: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    """A window (1, channels, *shape) float32 of noise as smooth as a brain's, 0 in its rim; the same for a seed."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn((1, channels, *(-(-size // 8) for size in shape)), generator=generator)
    rim = [max(1, size // 8) for size in shape]
    inside = torch.zeros(shape)
    inside[tuple(slice(width, -width) for width in rim)] = 1.0
    noise: Tensor = interpolate(coarse, shape, mode="trilinear") * inside
    return noise


def distance(logits: Tensor, reference: Tensor) -> float:
    """Root mean square of their difference, as a share of that of `reference`; infinite where a logit is no number.

    >>> round(distance(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])), 3)
    0.092
    """
    if not bool(logits.isfinite().all()):
        return float("inf")
    return float((logits - reference).norm() / reference.norm().clamp(min=1e-12))


def _trial_shape(card: ModelCard) -> tuple[int, int, int]:
    stride = network_config(card).stride
    x, y, z = (min(size, max(_TRIAL_SIZE // stride, 1) * stride) for size in card.window)
    return x, y, z


def _seconds(backend: Backend, window: Tensor) -> float:
    began = perf_counter()
    finish(backend.logits(window)).cpu()
    return perf_counter() - began


def _key(card: ModelCard, device: torch.device) -> str:
    """All that the outcome depends on; another machine may share this one's home folder."""
    at = processor_name() if device.type == "cpu" else torch.cuda.get_device_name(device)
    libraries = [f"torch {torch.__version__}", f"openvino {openvino_backend.version() or 'none'}"]
    parts = (platform.system(), at, f"{torch.get_num_threads()} threads", *libraries, __version__, card.sha256)
    return ", ".join(parts)


def _path() -> Path:
    return user_cache_path("brats-viewer", appauthor=False) / "backends.json"


def _read() -> dict[str, Any]:
    """What is remembered; nothing where the file is missing or damaged, which costs one more trial."""
    try:
        content = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _remember(key: str, choice: Choice) -> None:
    content = _read() | {key: asdict(choice)}
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_atomically({_path(): json.dumps(content, indent=2).encode()})
    except (OSError, ImageFileError) as error:  # a full or read-only home: the next process tries again
        _log.warning("the fastest backend cannot be remembered: %s", error)
