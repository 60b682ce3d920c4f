"""The cases that are compared: a data set's, and those that a training would make."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import torch

from engine.data import CaseFiles, Modality, find_dataset, load_case
from engine.errors import CaseError, EngineError
from engine.predict.prepare import prepare
from engine.progress import Pace, Work, finish
from engine.runs.settings import TrainConfig
from engine.train.publish import blank_card
from engine.train.sources import SyntheticSource, resample_labels
from tests.benchmarks.realism.measure import Measured, View, measure
from tests.benchmarks.realism.pictures import PICTURED, picture


def measure_real(root: Path, config: TrainConfig) -> Work[list[Measured]]:
    """Measure every case of a data set, one at a time; those that cannot be measured are named on stderr.

    Raises CaseError if none can.
    """
    found = find_dataset(root)
    measured: list[Measured] = []
    left_out = list(found.unreadable.values())
    pace = Pace(len(found.cases), "measuring real cases")
    for done, files in enumerate(found.cases):
        yield pace.report(done)
        try:
            view = real_view(files, config)
        except EngineError as error:
            left_out.append(str(error))
            continue
        measured.append(Measured(files.id, measure(view), picture(view) if len(measured) < PICTURED else ()))
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    if not measured:
        raise CaseError(f"{root}: none of its cases has all four images and a truth")
    return measured


def measure_synthetic(count: int, config: TrainConfig) -> Work[list[Measured]]:
    """Make and measure `count` cases, one at a time."""
    chance = random.Random(f"realism {config.seed}")  # by text: shares its cases with no other seed, nor a training
    measured: list[Measured] = []
    pace = Pace(count, "making and measuring synthetic cases")
    for done in range(count):
        yield pace.report(done)
        view = synthetic_view(chance.getrandbits(32), config)
        measured.append(Measured(f"made {done + 1}", measure(view), picture(view) if done < PICTURED else ()))
    return measured


def real_view(files: CaseFiles, config: TrainConfig) -> View:
    """A case on disk; raises EngineError if it cannot be read or lacks an image or the truth."""
    case = finish(load_case(files))
    lacking = [modality.display_name for modality in Modality if modality not in case.images]
    if case.truth is None or lacking:
        raise CaseError(f"{files.folder}: {case.id} lacks {', '.join(lacking) or 'a truth'}")
    prepared = prepare(case, replace(blank_card(config), window=(1, 1, 1)))
    if prepared is None:
        raise CaseError(f"{files.folder}: all images of {case.id} are empty")
    labels = torch.from_numpy(prepared.orientation.forward(case.truth.data)[prepared.box].copy())
    x, y, z = prepared.inputs.shape[1:]
    return View(prepared.inputs.numpy(), resample_labels(labels, (x, y, z)).numpy(), config.spacing_mm)


def synthetic_view(seed: int, config: TrainConfig) -> View:
    """A case as a training makes it."""
    example = SyntheticSource(config, torch.device("cpu")).example(seed)
    return View(example.images.numpy(), example.labels.numpy(), config.spacing_mm)
