"""What a training will take, measured on two of its own steps before it begins."""

import time
from pathlib import Path
from threading import Event, Thread

import psutil
import torch

from engine.data import find_dataset
from engine.data.case import CaseFiles
from engine.data.split import random_split
from engine.errors import DeviceError, TrainingError
from engine.predict.device import choose_device, devices
from engine.predict.memory import free_memory
from engine.predict.windows import windows
from engine.progress import Pace, Work
from engine.runs.estimate import Estimate
from engine.runs.settings import Shape, TrainConfig
from engine.train.feed import Source, make_batch, workers
from engine.train.sources import FolderSource, SyntheticSource, prepare_dataset
from engine.train.trainer import Trainer

_STEPS = 2
_CASES = 3  # prepared for it; the training finds them prepared
_FORWARD = 1 / 3  # of a step's time
_LOOK_EVERY_S = 0.01


def estimate(config: TrainConfig, dataset: Path | None, device: str = "auto") -> Work[Estimate]:
    """Take a step to warm up and two to measure, on cases of the data set (synthetic ones for None), and count.

    The validations on the way are reckoned from the windows that they take. Nothing is written but the cache of
    prepared cases. Raises EngineError where the data set or the device is not there; what stands in the way of these
    settings alone is the estimate's `problem`.
    """
    place = choose_device(device)
    title = next(known.title for known in devices() if known.name == str(place))
    free = free_memory(place)
    cases: list[CaseFiles] = []
    try:
        config.check()
        if dataset is not None:
            cases = _usable(dataset, config)
            training = random_split([case.id for case in cases], config.seed).training
            config = config.with_cases(len(training))
    except (ValueError, TrainingError) as error:
        return Estimate(0.0, 0, 0.0, 0, free, title, str(error))
    source: Source = SyntheticSource(config, place)
    shape = config.shape
    if dataset is not None:
        stored = yield from prepare_dataset(dataset, [case.id for case in cases[:_CASES]], config, place)
        source, shape = stored, _largest(stored)
    pace = Pace(1 + _STEPS, "measuring steps")
    yield pace.report(0)
    batch_s, step_s = [], []
    with PeakMemory(place) as peak:
        try:
            trainer = Trainer(config, place)
            for number in range(1 + _STEPS):
                began = time.perf_counter()
                batch = make_batch(config, source, number)
                made = time.perf_counter()
                trainer.train_on(batch)
                batch_s.append(made - began)
                step_s.append(time.perf_counter() - made)
                yield pace.report(number + 1)
        except DeviceError as error:
            return Estimate(0.0, config.steps, 0.0, peak.bytes, free, title, str(error))
    per_step = _per_step(min(batch_s[1:]), min(step_s[1:]), place)
    validation = _validation_s(config, shape, min(step_s[1:]), len(cases))
    steps = config.steps
    if config.hours is not None:
        each = per_step + (validation / config.validate_every if config.validate_every else 0.0)
        steps = int(3600 * config.hours / each)
    rounds = steps // config.validate_every if config.validate_every else 0
    return Estimate(per_step, steps, steps * per_step + rounds * validation, peak.bytes, free, title, None)


def _usable(dataset: Path, config: TrainConfig) -> list[CaseFiles]:
    """The cases that look as if they could be trained on."""
    found = find_dataset(dataset).cases
    usable = [case for case in found if case.truth is not None and not set(config.modalities) & set(case.missing)]
    if not usable:
        raise TrainingError(f"{dataset}: no case has a truth and all of the modalities; choose others, or other data")
    return usable


def _largest(source: FolderSource) -> Shape:
    return max((case.shape for case in source.cases), key=lambda shape: shape[0] * shape[1] * shape[2])


def _per_step(batch_s: float, step_s: float, device: torch.device) -> float:
    """Seconds from step to step: on a CPU both share the cores, on a GPU batches are made in threads meanwhile."""
    return batch_s + step_s if device.type == "cpu" else max(step_s, batch_s / workers())


def _validation_s(config: TrainConfig, shape: Shape, step_s: float, cases: int) -> float:
    """Seconds of one validation: each window of each case forward."""
    size = (max(shape[0], config.window[0]), max(shape[1], config.window[1]), max(shape[2], config.window[2]))
    forward = _FORWARD * step_s / config.batch
    validated = min(config.validation_cases, max(1, cases // 5)) if cases else config.validation_cases
    return validated * len(list(windows(size, config.window, overlap=0.5))) * forward


class PeakMemory:
    """The most bytes that a device, or the process on a CPU, takes within a `with` beyond what it had before."""

    def __init__(self, device: torch.device) -> None:
        self.bytes = 0
        self._device = device
        self._process = psutil.Process()
        self._over = Event()
        self._watch = Thread(target=self._look, name="peak memory", daemon=True)
        self._before = 0

    def __enter__(self) -> "PeakMemory":
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        self._before = self._held()
        self._watch.start()
        return self

    def _held(self) -> int:
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        return int(self._process.memory_info().rss)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            self.bytes = max(self.bytes, self._held() - self._before)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.bytes = max(self.bytes, self._held() - self._before)
