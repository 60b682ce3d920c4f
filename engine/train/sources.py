"""The two sources of examples: synthetic cases made as training goes, and a folder of cases on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.data import CaseFiles, Label, find_dataset, fingerprint, load_case
from engine.data.atomic import write_atomically
from engine.errors import EngineError, TrainingError
from engine.predict.normalise import zscore
from engine.predict.prepare import prepare
from engine.predict.resample import resample
from engine.progress import Pace, Work
from engine.runs.settings import TrainConfig
from engine.synth.anatomy import FieldOfView
from engine.synth.atlas import load_atlas
from engine.synth.case import make_case
from engine.synth.draw import Draw
from engine.train.augment import turn_and_scale, vary_intensities
from engine.train.feed import Example
from engine.train.publish import blank_card


class SyntheticSource:
    """Cases of `engine.synth`, as many as there are seeds."""

    def __init__(self, config: TrainConfig, device: torch.device, beyond: float = 0.0) -> None:
        """`beyond`: how far outside of training's settings they are drawn, see `engine.synth.draw.Draw`."""
        self.device = device
        self._grid = FieldOfView(config.shape, config.spacing_mm)
        self._atlas = load_atlas(2 if config.spacing_mm > 1.5 else 1).to(device)
        self._beyond = beyond

    def example(self, seed: int) -> Example:
        """The synthetic case of a seed."""
        case = make_case(self._atlas, self._grid, seed, self._beyond)
        return Example(zscore(case.images, case.images > 0), case.labels)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Cases with a truth, prepared once and read from disk each time they are needed.

    files: of each case one .npy file, (5, X, Y, Z) float16: four z-scored modalities (0 where missing), labels.
    """

    files: Sequence[Path]
    device: torch.device

    def example(self, seed: int) -> Example:
        """One of the cases, varied as the seed has it."""
        draw = Draw(seed, self.device)
        stored = torch.from_numpy(np.load(self.files[draw.index(len(self.files))], allow_pickle=False))
        stored = stored.to(self.device)
        images, labels = stored[:-1].float(), stored[-1].to(torch.uint8)
        if draw.chance(0.3):
            images, labels = turn_and_scale(images, labels, draw)
        return Example(vary_intensities(images, draw), labels)


def prepare_folder(dataset: Path, config: TrainConfig, cache: Path, device: torch.device) -> Work[FolderSource]:
    """Bring every case of a data set to the network's spacing, once: what is in `cache` already is taken from there.

    A file of the cache is named after the case, its files' sizes and times, and the spacing, so none is out of date.

    Raises TrainingError if a case cannot be used, naming it and the reason: a case is never left out in silence.
    """
    found = find_dataset(dataset)
    for reason in found.unreadable.values():
        raise TrainingError(reason)
    cache.mkdir(parents=True, exist_ok=True)
    pace = Pace(len(found.cases), "preparing cases")
    yield pace.report(0)
    files = []
    for done, case in enumerate(found.cases, start=1):
        path = cache / f"{case.id}-{fingerprint(case, dataset)}-{config.spacing_mm:g}mm.npy"
        if not path.exists():
            write_atomically({path: (yield from _prepared(case, config))})
        files.append(path)
        yield pace.report(done)
    return FolderSource(files, device)


def _prepared(files: CaseFiles, config: TrainConfig) -> Work[bytes]:
    """What the file of a case holds, see `FolderSource`: its brain, at the network's spacing."""
    if files.ambiguous:
        slots = ", ".join(str(slot) for slot in files.ambiguous)
        raise TrainingError(f"{files.folder}: several files could be its {slots}; leave one of them there")
    if files.truth is None:
        raise TrainingError(f"{files.folder}: has no truth to train on; move the case out of the data set")
    try:
        case = yield from load_case(files)
    except EngineError as error:
        raise TrainingError(f"{files.id}: {error}") from error
    ready = prepare(case, replace(blank_card(config), window=(1, 1, 1)))
    if ready is None or case.truth is None:
        raise TrainingError(f"{files.folder}: all images are empty; move the case out of the data set")
    labels = torch.from_numpy(ready.orientation.forward(case.truth.data)[ready.box].copy())
    shape = (ready.inputs.shape[1], ready.inputs.shape[2], ready.inputs.shape[3])
    stacked = torch.cat((ready.inputs, resample_labels(labels, shape)[None].float()))
    content = BytesIO()
    np.save(content, stacked.half().numpy(), allow_pickle=False)
    return content.getvalue()


def resample_labels(labels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Labels (X, Y, Z) uint8 on another grid of the same extent: of each voxel, the label with the largest share."""
    if tuple(labels.shape) == shape:
        return labels
    shares = torch.stack([resample((labels == value).float(), shape) for value in Label])
    return shares.argmax(0).to(torch.uint8)
