"""The two sources of samples: synthetic cases made as training goes, and the cases of a data set, prepared once."""

import os
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import psutil
import torch
from torch import Tensor

from engine.data import CaseFiles, Label, find_dataset, fingerprint, load_case
from engine.data.atomic import write_atomically
from engine.errors import EngineError, TrainingError
from engine.predict.normalise import normalise
from engine.predict.prepare import prepare
from engine.predict.resample import resample
from engine.progress import Pace, Work, finish
from engine.runs.settings import ALL_MODALITIES, TrainConfig
from engine.synth.anatomy import FieldOfView
from engine.synth.atlas import load_atlas
from engine.synth.case import make_case
from engine.synth.draw import Draw
from engine.train.augment import drop_modalities, flip, reference_noise, vary_intensities
from engine.train.cache import StoredCase, cache_folder, cache_path, open_stored, pack
from engine.train.feed import Batch, Example
from engine.train.patches import cut_patch, stored_patch
from engine.train.publish import blank_card

_SEED_BITS = 31  # torch's generator on the CPU looks at 32 bits of a seed and no more
_MOST_WORKERS = 8
_BYTES_PER_CASE = 1 << 30  # while it is prepared


class SyntheticSource:
    """Cases of `engine.synth`, as many as there are seeds."""

    def __init__(self, config: TrainConfig, device: torch.device, beyond: float = 0.0) -> None:
        """`beyond`: how far outside of training's settings they are drawn, see `engine.synth.draw.Draw`."""
        self.device = device
        self._config = config
        self._channels = [ALL_MODALITIES.index(modality) for modality in config.modalities]
        self._grid = FieldOfView(config.shape, config.spacing_mm)
        self._atlas = load_atlas(2 if config.spacing_mm > 1.5 else 1).to(device)
        self._beyond = beyond

    def example(self, seed: int) -> Example:
        """The synthetic case of a seed."""
        case = make_case(self._atlas, self._grid, seed, self._beyond)
        images = case.images[self._channels]
        return Example(normalise(images, images > 0, self._config.normalisation), case.labels)

    def samples(self, numbers: Sequence[int]) -> Batch:
        """A patch of one new case each: their contrasts vary by themselves, so "full" augmentation only mirrors."""
        images, labels, draws = [], [], []
        for number in numbers:
            chance = random.Random(f"train {self._config.seed} {number}")
            example = self.example(chance.getrandbits(_SEED_BITS))
            draw = Draw(chance.getrandbits(_SEED_BITS), self.device)
            image, label = cut_patch(example.images, example.labels, self._config, draw)
            images.append(image)
            labels.append(label)
            draws.append(draw)
        if self._config.augmentation == "reference":
            images = list(reference_noise(torch.stack(images), draws))
        return _mirrored(images, labels, self._config, draws)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The cases of a data set, prepared; of a patch no more is read than it shows."""

    cases: tuple[StoredCase, ...]
    config: TrainConfig
    device: torch.device

    def samples(self, numbers: Sequence[int]) -> Batch:
        """A patch each, augmented. An epoch has each case `samples_per_case` times, in an order of its own."""
        images, labels, draws = [], [], []
        for number in numbers:
            draw = Draw(random.Random(f"train {self.config.seed} {number}").getrandbits(_SEED_BITS), self.device)
            image, label = stored_patch(self.case_of(number), self.config, draw)
            images.append(image)
            labels.append(label)
            draws.append(draw)
        if self.config.augmentation != "none":
            vary = vary_intensities if self.config.augmentation == "full" else reference_noise
            images = list(vary(torch.stack(images), draws))
        return _mirrored(images, labels, self.config, draws)

    def case_of(self, number: int) -> StoredCase:
        """The case that a sample is cut from."""
        epoch, place = divmod(number, len(self.cases) * self.config.samples_per_case)
        return self.cases[_order(len(self.cases), self.config.samples_per_case, self.config.seed, epoch)[place]]


@lru_cache(maxsize=4)
def _order(cases: int, repeats: int, seed: int, epoch: int) -> list[int]:
    """The cases of an epoch, each `repeats` times."""
    order = list(range(cases)) * repeats
    random.Random(f"epoch {seed} {epoch}").shuffle(order)
    return order


def _mirrored(images: list[Tensor], labels: list[Tensor], config: TrainConfig, draws: Sequence[Draw]) -> Batch:
    """The samples, mirrored and without some modalities by chance, as a batch."""
    for place, draw in enumerate(draws):
        if config.augmentation != "none":
            images[place], labels[place] = flip(images[place], labels[place], draw)
        if draw.chance(config.drop_modality):
            images[place] = drop_modalities(images[place], config.modalities, draw)
    return Batch(torch.stack(images), torch.stack(labels))


def prepare_dataset(
    root: Path, ids: Sequence[str], config: TrainConfig, device: torch.device, *, cache: Path | None = None
) -> Work[FolderSource]:
    """Bring cases of a data set to the network's grid and normalise them, once for all trainings with these settings.

    What is in `cache`, by default a folder that all trainings share, is taken from there if it is sound. Raises
    TrainingError, naming the case and the reason, if one cannot be used: it is never left out in silence.
    """
    found = {case.id: case for case in find_dataset(root).cases}
    if absent := [case_id for case_id in ids if case_id not in found]:
        raise TrainingError(f"{root}: has no case {absent[0]}; correct the split, or give the data set it was made of")
    folder = cache or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    pace = Pace(len(ids), "preparing cases")
    pool = ThreadPoolExecutor(_workers(), "preparing cases")
    try:
        jobs = [pool.submit(_stored, found[case_id], root, config, folder) for case_id in ids]
        yield pace.report(0)
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            yield pace.report(done)
    finally:
        pool.shutdown(cancel_futures=True)
    return FolderSource(tuple(job.result() for job in jobs), config, device)


def _workers() -> int:
    """As many as there are processors, but no more than the memory allows."""
    room = psutil.virtual_memory().available // _BYTES_PER_CASE
    return max(1, min(_MOST_WORKERS, os.cpu_count() or 1, room))


def _stored(files: CaseFiles, root: Path, config: TrainConfig, folder: Path) -> StoredCase:
    """The case from the cache, put there before if it is not."""
    key = fingerprint(files, root)
    path = cache_path(folder, files.id, key, config)
    stored = open_stored(files.id, key, path)
    if stored is None:
        write_atomically({path: _prepared(files, config)})
        stored = open_stored(files.id, key, path)
    if stored is None:
        raise TrainingError(f"{path}: reads back damaged; the disk may be failing, choose another folder")
    return stored


def _prepared(files: CaseFiles, config: TrainConfig) -> bytes:
    """What the cache holds of a case, see `engine.train.cache`: its brain, at the network's spacing."""
    used = replace(files, images={m: files.images[m] for m in config.modalities if m in files.images})
    for slot in (*config.modalities, "truth"):
        if slot in files.ambiguous:
            raise TrainingError(f"{files.folder}: several files could be its {slot}; leave one of them there")
    if missing := ", ".join(m.display_name for m in config.modalities if m not in files.images):
        raise TrainingError(f"{files.folder}: has no {missing}; leave the case out, or train without this modality")
    if files.truth is None:
        raise TrainingError(f"{files.folder}: has no truth to train on; leave the case out")
    try:
        case = finish(load_case(used, check=False))
    except EngineError as error:
        raise TrainingError(f"{files.id}: {error}") from error
    card = replace(
        blank_card(config),
        modalities=config.modalities,
        optional=config.modalities,
        normalisation=config.normalisation,
        window=(1, 1, 1),  # nothing is padded
    )
    ready = prepare(case, card)
    if ready is None or case.truth is None:
        raise TrainingError(f"{files.folder}: all images are empty; leave the case out")
    labels = torch.from_numpy(ready.orientation.forward(case.truth.data)[ready.box].copy())
    shape = (ready.inputs.shape[1], ready.inputs.shape[2], ready.inputs.shape[3])
    return pack(ready.inputs.half().numpy(), resample_labels(labels, shape).numpy())


def resample_labels(labels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Labels (X, Y, Z) uint8 on another grid of the same extent: of each voxel, the label with the largest share."""
    if tuple(labels.shape) == shape:
        return labels
    shares = torch.stack([resample((labels == value).float(), shape) for value in Label])
    return shares.argmax(0).to(torch.uint8)
