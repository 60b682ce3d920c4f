"""How long a model takes for a case, measured in the process that calls this.

Each backend is measured in a process of its own, so that none takes another's memory for its own.
"""

from contextlib import closing
from dataclasses import dataclass
from time import perf_counter

import torch

from engine.benchmark.flops import convolution_flops
from engine.benchmark.machine import peak_memory_bytes
from engine.data import CaseFiles, Segmentation, load_case
from engine.model import find_model
from engine.model.bundle import load_network
from engine.predict import segment
from engine.predict.backends.choice import candidates
from engine.predict.compute import first_window
from engine.predict.device import choose_device
from engine.predict.prepare import prepare
from engine.progress import Progress, Work


@dataclass(frozen=True, slots=True, eq=False)
class Segmenting:
    """What one backend did with one scheme of passes.

    first_s: from loaded arrays to labels the first time, with all that had to be loaded or converted; seconds: of each
    run after it. peak_bytes: the most memory of the process so far, the case included. flops_per_s: the convolutions'
    arithmetic by the time from the first pass of the network to the last, in the fastest run; None where nothing had
    to be passed. threads: of the CPU.
    """

    segmentation: Segmentation
    first_s: float
    seconds: tuple[float, ...]
    peak_bytes: int
    flops_per_s: float | None
    threads: int


def possible_backends(device: str) -> tuple[str, list[str]]:
    """The device that is meant, and the backends that compute there without imitating anything."""
    found = choose_device(device)
    return str(found), candidates(found)


def measure(files: CaseFiles, *, model: str, device: str, backend: str, tta: str, runs: int) -> Work[Segmenting]:
    """Segment a case once, then `runs` times more: the reports count them. Raises what `load_case` and `segment` do."""
    case = yield from load_case(files, truth=False)
    times: list[float] = []
    rates: list[float] = []
    for done in range(runs + 1):
        began = perf_counter()
        work = segment(case, model=model, device=device, tta=tta, backend=backend)
        segmentation, rate = yield from _timed(work, Progress(done, runs + 1, f"segmenting: {backend}, TTA {tta}"))
        times.append(perf_counter() - began)
        rates += [rate] if rate is not None else []
    peak = peak_memory_bytes()
    card = find_model(model)
    prepared = prepare(case, card)
    rate = None
    if prepared is not None and rates:
        window = first_window(card, prepared.shape)
        rate = max(rates) * convolution_flops(load_network(card), len(card.modalities), window)
    return Segmenting(segmentation, times[0], tuple(times[1:]), peak, rate, torch.get_num_threads())


def _timed(work: Work[Segmentation], report: Progress) -> Work[tuple[Segmentation, float | None]]:
    """Run `work` with each of its reports as `report`; beside its result, the passes of the network a second."""
    first_s = last_s = 0.0
    passes = 0
    with closing(work):
        while True:
            try:
                found = next(work)
            except StopIteration as stop:
                return stop.value, passes / (last_s - first_s) if passes else None
            if found.total and (not first_s or found.done != passes):
                last_s, passes = perf_counter(), found.done
                first_s = first_s or last_s
            yield report
