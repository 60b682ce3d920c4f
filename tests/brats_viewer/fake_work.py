"""An engine that computes nothing: the child process imports it by name in place of the real one."""

import os
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.data import Case, Label, LabelMap, Modality, Region, Segmentation
from engine.data.segmentation import Uncertainty
from engine.errors import ModelError
from engine.progress import Progress, Work

BOX = (slice(10, 16), slice(10, 15), slice(10, 14))
"""Where `quick` marks enhancing tumour: 120 voxels."""
UNSURE = (slice(14, 19), slice(20, 25), slice(8, 13))
"""Where it is unsure: 5 x 5 x 5 voxels of one bit."""


@dataclass(frozen=True)
class FakeModel:
    name: str
    optional: tuple[Modality, ...] = ()
    modalities: tuple[Modality, ...] = tuple(Modality)
    description: str = "Computes nothing."
    limits: tuple[str, ...] = ("Sees nothing.",)

    @property
    def title(self) -> str:
        return self.name.capitalize()


@dataclass(frozen=True)
class FakeDevice:
    name: str
    title: str


def list_models() -> list[FakeModel]:
    return [
        FakeModel("quick"),
        *map(FakeModel, ("endless", "failing", "buggy", "dying")),
        FakeModel("lenient", tuple(Modality)),
    ]


def devices() -> list[FakeDevice]:
    return [FakeDevice("cpu", "Two cores")]


_kept: dict[str, Case] = {}


def keep(key: str, case: Case, *, model: str, device: str) -> Work[None]:
    yield Progress(0, 0, "preparing the images")
    _kept.clear()
    _kept[key] = case


def segment_kept(key: str, **options: Any) -> Work[Segmentation | None]:
    return (yield from segment(_kept[key], **options)) if key in _kept else None


def segment(case: Case, *, model: str, device: str, tta: str, uncertainty: bool) -> Work[Segmentation]:
    """Does what the model's name says."""
    yield Progress(0, 0, "loading the model")
    if model == "failing":
        raise ModelError("weights.safetensors: is damaged; install the model again")
    if model == "buggy":
        raise ZeroDivisionError("by nothing")
    if model == "dying":
        os._exit(3)
    step = 0
    while model == "endless" or step < 4:
        step += 1
        yield Progress(min(step, 4), 8, "segmenting", 12.0)
        threading.Event().wait(0.005)
    labels = np.zeros(case.native.shape, np.uint8)
    labels[BOX] = Label.ET
    entropy = np.zeros(case.native.shape, np.float16)
    entropy[UNSURE] = 1.0
    unsure = Uncertainty(entropy, {Region.ET: 0.9, Region.TC: 0.8, Region.WT: None}) if uncertainty else None
    notes = ("made by nobody",)
    return Segmentation(LabelMap(labels, case.native), case.id, model, "0" * 64, device, tta, 1.5, notes, unsure)
