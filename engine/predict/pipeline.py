"""The whole way from a loaded case to its labels, as one generator that can be watched and stopped."""

import math
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Module

from engine.data import Case, LabelMap, Segmentation
from engine.data.segmentation import Uncertainty
from engine.errors import DeviceError
from engine.model import ModelCard, find_model, read_card
from engine.model.bundle import load_network
from engine.predict.device import choose_device
from engine.predict.prepare import Prepared, check_modalities, prepare
from engine.predict.regions import drop_small_et, regions_to_labels
from engine.predict.resample import resample
from engine.predict.uncertainty import uncertainty_of
from engine.predict.windows import Stitch, gaussian_weights, passes
from engine.progress import Pace, Progress, Work


def segment_case(
    case: Case, *, model: str, device: str, tta: str, overlap: float | None, uncertainty: bool
) -> Work[Segmentation]:
    """See `engine.predict.segment`, which is this after torch has loaded."""
    started = perf_counter()
    card = find_model(model)
    notes = _notes(case, card)
    yield Progress(0, 0, "loading the model")
    where = choose_device(device)
    network = _network(card.folder, card.sha256, where)
    yield Progress(0, 0, "preparing the images")
    prepared = prepare(case, card)
    doubt: Uncertainty | None = None
    if prepared is None:
        labels = np.zeros(case.native.shape, dtype=np.uint8)
        notes.append("all images are empty, so nothing is marked")
        if uncertainty:
            doubt = Uncertainty(np.zeros(case.native.shape, dtype=np.float16), dict.fromkeys(card.regions))
    else:
        overlap = card.overlap if overlap is None else overlap
        logits, probabilities = yield from _predict(prepared, network, card, where, tta, overlap, uncertainty)
        yield Progress(0, 0, "putting the labels on the case's grid")
        crop = labels_of(logits, prepared, card)
        if drop_small_et(crop, case.native.voxel_ml, card.min_et_ml):
            notes.append(f"enhancing tumour below {card.min_et_ml:g} ml in total was taken for necrotic core")
        labels = prepared.paste(crop)
        if probabilities is not None:
            doubt = uncertainty_of(probabilities, crop, prepared, card.regions)
    return Segmentation(
        labels=LabelMap(labels, case.native),
        case_id=case.id,
        model=card.name,
        model_sha256=card.sha256,
        device=str(where),
        tta=tta,
        seconds=perf_counter() - started,
        notes=tuple(notes),
        uncertainty=doubt,
    )


def _notes(case: Case, card: ModelCard) -> list[str]:
    """What a person should know of how this case goes into this model; raises ModelError where it cannot."""
    notes = []
    missing = check_modalities(case, card)
    if missing:
        names = ", ".join(modality.display_name for modality in missing)
        notes.append(f"segmented without {names}; the mask may be worse for it")
    return notes


@lru_cache(maxsize=1)
def _network(folder: Path, sha256: str, device: torch.device) -> Module:  # noqa: ARG001 (the hash is part of the key)
    """A model on its device; the last one used stays there, so that the next case need not wait."""
    return load_network(read_card(folder)).to(device)


def _predict(
    prepared: Prepared,
    network: Module,
    card: ModelCard,
    device: torch.device,
    tta: str,
    overlap: float,
    uncertainty: bool,
) -> Generator[Progress, None, tuple[Tensor, Tensor | None]]:
    """Mean logits (R, X, Y, Z) of all windows and passes over the cropped brain, on the model's spacing.

    With `uncertainty` also the mean of their sigmoids, of the same shape, which is not the sigmoid of their mean.
    """
    shape = (prepared.inputs.shape[1], prepared.inputs.shape[2], prepared.inputs.shape[3])
    plan = list(passes(tta, shape, card.window, overlap))
    pace = Pace(len(plan), "segmenting")
    yield pace.report(0)
    try:
        inputs = prepared.inputs.to(device)
        flat = tta == "reference"  # the reference system averages its chunks without weights
        weights = (torch.ones(card.window) if flat else gaussian_weights(card.window)).to(device)
        logits = Stitch(len(card.regions), shape, weights)
        probabilities = Stitch(len(card.regions), shape, weights) if uncertainty else None
        for done, (window, flips) in enumerate(plan, start=1):
            found = forward(network, inputs[(slice(None), *window)], flips)
            logits.add(found, window)
            if probabilities is not None:
                probabilities.add(found.sigmoid(), window)
            yield pace.report(done)
        content = (slice(None), *prepared.content)
        return logits.mean()[content].cpu(), None if probabilities is None else probabilities.mean()[content].cpu()
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"{device}: not enough memory for one window of {card.window}; choose the cpu") from error


@torch.inference_mode()
def forward(network: Module, inputs: Tensor, flips: tuple[int, ...]) -> Tensor:
    """Logits (R, X, Y, Z) of one window (C, X, Y, Z), computed on its mirror image along `flips` and mirrored back."""
    logits: Tensor = network(inputs.flip(flips)[None])[0]
    return logits.float().flip(flips)


def labels_of(logits: Tensor, prepared: Prepared, card: ModelCard) -> NDArray[np.uint8]:
    """Labels (X, Y, Z) of the cropped brain at the native spacing, from logits (R, X, Y, Z) at the model's."""
    size = prepared.brain.shape
    levels = torch.tensor([math.log(level / (1.0 - level)) for level in card.thresholds])
    above = resample(logits, (size[0], size[1], size[2])) > levels[:, None, None, None]
    return regions_to_labels(above.numpy() & prepared.brain, card.regions)
