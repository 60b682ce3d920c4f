"""The whole way from a loaded case to its labels, as one generator that can be watched and stopped."""

import math
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data import Case, LabelMap, Segmentation
from engine.data.segmentation import Uncertainty
from engine.errors import DeviceError
from engine.model import ModelCard, find_model
from engine.predict.backends import CPU_ONLY
from engine.predict.backends.choice import ready_backend, resolve
from engine.predict.compute import Task, compute
from engine.predict.device import AUTO, choose_device
from engine.predict.memory import memory_error
from engine.predict.prepare import Prepared, check_modalities, prepare
from engine.predict.regions import drop_small_et, fill_core, regions_to_labels
from engine.predict.resample import resampled_above
from engine.predict.uncertainty import uncertainty_of
from engine.progress import Progress, Work, told_as

LEAST_TOLD_ML = 0.05
"""Of filled core: less is 0.0 ml in words."""


def segment_case(
    case: Case,
    *,
    model: str,
    device: str,
    backend: str,
    tta: str,
    overlap: float | None,
    uncertainty: bool,
    prepared: Prepared | None = None,
) -> Work[Segmentation]:
    """See `engine.predict.segment`, which is this after torch has loaded. prepared: the case, if that has been done."""
    card = find_model(model)
    where = _device(device, backend)
    task = Task(tta, card.overlap if overlap is None else overlap, uncertainty)
    try:
        return (yield from _segment(case, card, task, where, backend, prepared))
    except (MemoryError, RuntimeError) as error:
        if memory_error(error) is None:
            raise
        raise DeviceError(f"{case.id}: the memory does not suffice to segment it; close other programs") from error


def _segment(
    case: Case, card: ModelCard, task: Task, device: torch.device, backend: str, prepared: Prepared | None
) -> Work[Segmentation]:
    started = perf_counter()
    notes = _notes(case, card)
    if prepared is None:
        yield Progress(0, 0, "preparing the images")
        prepared = prepare(case, card)
    doubt: Uncertainty | None = None
    if prepared is None:
        computed = None
        labels = np.zeros(case.native.shape, dtype=np.uint8)
        notes.append("all images are empty, so nothing is marked")
        if task.uncertainty:
            doubt = Uncertainty(np.zeros(case.native.shape, dtype=np.float16), dict.fromkeys(card.regions))
    else:
        computed = yield from compute(prepared, card, task, device, backend)
        notes += computed.remarks
        yield Progress(0, 0, "putting the labels on the case's grid")
        crop = labels_of(computed.logits, prepared, card)
        filled_ml = fill_core(crop) * case.native.voxel_ml if card.fill_core else 0.0
        if filled_ml >= LEAST_TOLD_ML:
            notes.append(f"{filled_ml:.1f} ml of oedema that the tumour core encloses was taken for core")
        if drop_small_et(crop, case.native.voxel_ml, card.min_et_ml):
            notes.append(f"enhancing tumour below {card.min_et_ml:g} ml in total was taken for necrotic core")
        labels = prepared.paste(crop)
        if computed.probabilities is not None:
            doubt = uncertainty_of(computed.probabilities, crop, prepared, card.regions)
    return Segmentation(
        labels=LabelMap(labels, case.native),
        case_id=case.id,
        model=card.name,
        model_sha256=card.sha256,
        device=computed.device if computed else str(device),
        backend=computed.backend if computed else "",
        tta=task.tta,
        seconds=perf_counter() - started,
        notes=tuple(notes),
        uncertainty=doubt,
    )


def make_ready(*, model: str, device: str, backend: str) -> Work[None]:
    """See `engine.predict.warm_up`, which is this after torch has loaded."""
    card = find_model(model)
    where = _device(device, backend)
    resolved = yield from resolve(card, where, backend, math.inf)
    yield Progress(0, 0, "loading the model")
    ready = ready_backend(card, where, resolved.backend)
    if not card.any_window:  # elsewhere the window's size is not known before the case is
        first = ready.logits(torch.zeros((1, len(card.modalities), *card.window), device=where))
        yield from told_as(first, lambda: Progress(0, 0, "loading the model"))


def _device(name: str, backend: str) -> torch.device:
    """The device that is asked for; "auto" is the fastest that the backend runs on."""
    return choose_device("cpu" if name == AUTO and backend in CPU_ONLY else name)


def _notes(case: Case, card: ModelCard) -> list[str]:
    """What a person should know of how this case goes into this model; raises ModelError where it cannot."""
    notes = []
    missing = check_modalities(case, card)
    if missing:
        names = ", ".join(modality.display_name for modality in missing)
        notes.append(f"segmented without {names}; the mask may be worse for it")
    return notes


def labels_of(logits: Tensor, prepared: Prepared, card: ModelCard) -> NDArray[np.uint8]:
    """Labels (X, Y, Z) of the cropped brain at the native spacing, from logits (R, X, Y, Z) at the model's."""
    x, y, z = prepared.brain.shape
    levels = torch.tensor([math.log(level / (1.0 - level)) for level in card.thresholds])
    above, box = resampled_above(logits, levels, (x, y, z))
    labels = np.zeros(prepared.brain.shape, dtype=np.uint8)
    labels[box] = regions_to_labels(above.numpy() & prepared.brain[box], card.regions)
    return labels
