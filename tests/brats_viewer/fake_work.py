"""An engine that computes nothing: the child process imports it by name in place of the real one."""

import os
import threading
from dataclasses import dataclass

import numpy as np

from engine.data import Case, Label, LabelMap, Modality, Segmentation
from engine.errors import ModelError
from engine.progress import Progress, Work

BOX = (slice(10, 16), slice(10, 15), slice(10, 14))
"""Where `quick` marks enhancing tumour: 120 voxels."""


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


def segment(case: Case, *, model: str, device: str, tta: str) -> Work[Segmentation]:
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
    notes = ("made by nobody",)
    return Segmentation(LabelMap(labels, case.native), case.id, model, "0" * 64, device, tta, 1.5, notes)
