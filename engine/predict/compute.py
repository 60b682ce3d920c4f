"""The network over a prepared brain: planned to fit the memory there is, and again with less where it did not."""

import logging
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from engine.errors import DeviceError
from engine.model import ModelCard
from engine.model.bundle import network_config
from engine.predict.backends import CPU_ONLY, TORCH, Backend
from engine.predict.backends.choice import forget_backend, ready_backend, resolve
from engine.predict.memory import free_memory, memory_error
from engine.predict.prepare import Prepared
from engine.predict.windows import Shape, Stitch, gaussian_weights, inner, padding, pass_count, passes
from engine.progress import Pace, Progress, Work, told_as

BATCH = 8
"""Passes that go through a GPU together; on the CPU one at a time keeps both cores as busy, and stops sooner."""
SMALLEST_WINDOW = 48
"""Voxels along a window's axis, below which its rim is all there is to it."""
_TENSORS = 7
"""Tensors of the finest level's width that a pass holds at its peak, measured on both libraries with some to spare."""
_LIBRARIES = 250 << 20
"""Bytes that a backend takes for weights, compiled code and its threads, whatever the window."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the passes are run: where, by what, over windows of which size, and how many at a time."""

    device: torch.device
    backend: str
    window: Shape
    batch: int = 1
    remark: str = ""
    """What a person should know where this is not the plan that was made first."""


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Mean logits (R, X, Y, Z) over the brain at the model's spacing, on the CPU, and how they came about.

    probabilities: the mean of the logits' sigmoids, of the same shape, where it was asked for; it is not the sigmoid
    of their mean. remarks: for a person.
    """

    logits: Tensor
    probabilities: Tensor | None
    device: str
    backend: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be computed, whatever the plan. overlap: of windows. uncertainty: whether probabilities are wanted."""

    tta: str
    overlap: float
    uncertainty: bool


def compute(prepared: Prepared, card: ModelCard, task: Task, device: torch.device, backend: str) -> Work[Computed]:
    """The mean of all passes over the brain, by the first plan that the memory allows.

    Raises DeviceError where none does.
    """
    window = first_window(card, prepared.shape)
    resolved = yield from resolve(card, device, backend, _voxels(task, prepared.shape, window))
    remarks = [*resolved.remarks]
    first = Plan(device, resolved.backend, window, BATCH if device.type == "cuda" else 1)
    failed = ""
    for plan in plans(first, card):
        remarks += [plan.remark] if plan.remark else []
        need, free = needed(plan, card, prepared.shape), free_memory(plan.device)
        if need > free:
            failed = f"{need / 2**30:.1f} GB are needed, {free / 2**30:.1f} GB are free"
            continue
        outcome = yield from _attempt(prepared, card, task, plan, resolved.seconds_per_voxel)
        if isinstance(outcome, Computed):
            return replace(outcome, remarks=(*remarks, *outcome.remarks))
        forget_backend()
        if isinstance(outcome, RuntimeError):
            computed = yield from compute(prepared, card, task, device, TORCH)
            remarks.append(f"OpenVINO failed ({outcome}), so torch computed this, more slowly")
            return replace(computed, remarks=(*remarks, *computed.remarks))
        failed = str(outcome)
    raise DeviceError(f"{device}: the memory does not suffice to segment this case ({failed}); close other programs")


def plans(first: Plan, card: ModelCard) -> Iterator[Plan]:
    """`first`, then those that need less and less memory."""
    plan = first
    yield plan
    while plan.batch > 1:
        plan = replace(plan, batch=plan.batch // 2)
        yield replace(plan, remark=f"{plan.device}: memory was short, so {plan.batch} passes at a time were computed")
    for window in smaller_windows(first.window, card):
        plan = replace(plan, window=window)
        size = " x ".join(map(str, window))
        yield replace(plan, remark=f"{plan.device}: memory was short, so the brain went through in windows of {size}")
    if plan.device.type != "cpu":
        remark = f"{plan.device}: its memory did not suffice, so the CPU computed this"
        yield from plans(Plan(torch.device("cpu"), TORCH, first.window, remark=remark), card)
    elif plan.backend != TORCH:
        yield replace(plan, backend=TORCH, remark="OpenVINO had too little memory, so torch computed this, more slowly")


def first_window(card: ModelCard, shape: Shape) -> Shape:
    """The window of the model, or the whole brain where the model may see it whole."""
    if not card.any_window:
        return card.window
    stride = network_config(card).stride
    x, y, z = (-(-size // stride) * stride for size in shape)
    return x, y, z


def smaller_windows(window: Shape, card: ModelCard) -> Iterator[Shape]:
    """Windows with the longest axis halved again and again; none where the model wants one size only."""
    stride = network_config(card).stride
    while card.any_window:
        axis = max(range(3), key=lambda at: window[at])
        half = -(-window[axis] // (2 * stride)) * stride
        if half < max(SMALLEST_WINDOW, stride) or half == window[axis]:
            return
        x, y, z = (half if at == axis else size for at, size in enumerate(window))
        window = x, y, z
        yield window


def needed(plan: Plan, card: ModelCard, shape: Shape) -> int:
    """Bytes that a plan is going to take at its peak, with the sums over a brain of `shape`."""
    wide = network_config(card).width * plan.batch * math.prod(plan.window)
    whole = math.prod(_padded(shape, plan.window))
    return _LIBRARIES + 4 * (_TENSORS * wide + (len(card.modalities) + 3 * len(card.regions) + 1) * whole)


def _attempt(
    prepared: Prepared, card: ModelCard, task: Task, plan: Plan, seconds_per_voxel: float | None
) -> Work[Computed | MemoryError | RuntimeError]:
    """What comes of a plan, or the error after which another may follow: no memory, or a failure of OpenVINO's.

    The error is returned, not raised: a raised one would hold on to the memory of all that it passed through.
    """
    yield Progress(0, 0, "loading the model")
    try:
        backend = ready_backend(card, plan.device, plan.backend)
        logits, probabilities = yield from mean_logits(prepared, backend, card, task, plan, seconds_per_voxel)
    except (MemoryError, RuntimeError) as error:
        short = memory_error(error)
        if short is None and plan.backend not in CPU_ONLY:
            raise
        _log.warning("%s", plan, exc_info=True)
        return short or RuntimeError(" ".join(str(error).split()))
    finally:
        if plan.device.type == "cuda":
            torch.cuda.empty_cache()  # other programs want the GPU too
    return Computed(logits, probabilities, str(plan.device), backend.name)


def mean_logits(
    prepared: Prepared, backend: Backend, card: ModelCard, task: Task, plan: Plan, seconds_per_voxel: float | None
) -> Generator[Progress, None, tuple[Tensor, Tensor | None]]:
    """The mean of all passes, and of their sigmoids if wanted, both (R, X, Y, Z); a report of each pass."""
    pads = padding(prepared.shape, plan.window)
    flat = [count for pair in reversed(pads) for count in pair]
    inputs = torch.nn.functional.pad(prepared.inputs, flat).to(plan.device)
    shape = (inputs.shape[1], inputs.shape[2], inputs.shape[3])
    total = pass_count(task.tta, shape, plan.window, task.overlap)
    todo = passes(task.tta, shape, plan.window, task.overlap)
    even = task.tta == "reference"  # the reference system averages its chunks without weights
    weights = (torch.ones(plan.window) if even else gaussian_weights(plan.window)).to(plan.device)
    logits = Stitch(len(card.regions), shape, weights)
    probabilities = Stitch(len(card.regions), shape, weights) if task.uncertainty else None
    pace = Pace(total, "segmenting", seconds_per_voxel and seconds_per_voxel * math.prod(plan.window))
    yield pace.report(0)
    done = 0
    while group := list(islice(todo, plan.batch)):
        windows = torch.stack([inputs[(slice(None), *window)].flip(flips) for window, flips in group])
        found = yield from told_as(backend.logits(windows), pace.meanwhile)
        for one, (window, flips) in zip(found, group, strict=True):
            unflipped = one.flip(flips)
            logits.add(unflipped, window)
            if probabilities is not None:
                probabilities.add(unflipped.sigmoid(), window)
        done += len(group)
        yield pace.report(done)
    content = (slice(None), *inner(prepared.shape, pads))
    return logits.mean()[content].cpu(), None if probabilities is None else probabilities.mean()[content].cpu()


def _voxels(task: Task, shape: Shape, window: Shape) -> int:
    """Voxels that all passes together go over."""
    return pass_count(task.tta, _padded(shape, window), window, task.overlap) * math.prod(window)


def _padded(shape: Shape, window: Shape) -> Shape:
    x, y, z = (max(sizes) for sizes in zip(shape, window, strict=True))
    return x, y, z
