"""The measurements, one after the other."""

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.benchmark.machine import this_machine
from engine.benchmark.report import Passes, Peak, Report, Step
from engine.data import (
    Case,
    CaseFiles,
    Segmentation,
    foreground,
    load_case,
    orient,
    output_convention,
    save_segmentation,
)
from engine.errors import CaseError, EngineError
from engine.isolate import Worker
from engine.model import DEFAULT_MODEL, find_model
from engine.predict import AUTO
from engine.progress import Progress, Work, finish
from engine.score import lesion_scores, score

SCHEMES = ("none", "flips")
"""Test-time augmentation, off and on."""
T = TypeVar("T")


def benchmark(
    files: CaseFiles,
    *,
    model: str = DEFAULT_MODEL,
    device: str = AUTO,
    backends: Sequence[str] | None = None,
    schemes: Sequence[str] = SCHEMES,
    runs: int = 3,
) -> Work[Report]:
    """Measure everything that is done with a case, `runs` times each: a generator that says what it is at.

    Each backend (by default all that the device has units for) segments in a new process, without and with test-time
    augmentation (`schemes`); one that cannot run here is a line of the report, not an error. Nothing is kept on disk.
    Raises what `load_case` and `find_model` do, and CaseError for fewer than one run.
    """
    if runs < 1:
        raise CaseError(f"--runs {runs}: measure once at least")
    machine = this_machine()
    card = find_model(model)
    steps: list[Step] = []
    yield from _repeated("from files to a first slice", runs, lambda: _first_slice(files), steps)
    case = yield from _repeated("reading the case and its truth", runs, lambda: finish(load_case(files)), steps)
    brain = reduce(np.logical_or, (foreground(volume.data) for volume in case.images.values()))
    with Worker() as worker:
        device, possible = yield from worker.run("engine.benchmark.segmenting:possible_backends", device)
        peaks: dict[str, Peak] = yield from worker.run("engine.benchmark.peak:matrix_peaks", device)
    passes: list[Passes] = []
    masks: dict[str, Segmentation] = {}
    threads = 0
    for backend in backends or possible:
        with Worker() as worker:
            for tta in schemes:
                asked = {"model": model, "device": device, "backend": backend, "tta": tta, "runs": runs}
                try:
                    found = yield from worker.run("engine.benchmark.segmenting:measure", files, **asked)
                except EngineError as error:
                    passes.append(Passes(backend, tta, problem=str(error)))
                    continue
                masks.setdefault(tta, found.segmentation)
                threads = found.threads
                passes.append(_passes(backend, tta, found, masks[tta], brain, peaks))
    if masks:
        yield from _measure_after(case, next(iter(masks.values())), runs, steps)
    return Report(machine, case.id, case.native.shape, card.title, runs, threads, tuple(steps), tuple(passes), peaks)


def _passes(
    backend: str,
    tta: str,
    found: Any,
    reference: Segmentation,
    brain: NDArray[np.bool_],
    peaks: dict[str, Peak],
) -> Passes:
    """What `Segmenting` holds, beside the machine's peak and the first backend's labels."""
    precision = "bfloat16" if backend.endswith("bf16") else "float32"
    other = found.segmentation is not reference
    return Passes(
        backend=backend,
        tta=tta,
        device=found.segmentation.device,
        precision=precision,
        first_s=found.first_s,
        seconds=found.seconds,
        peak_bytes=found.peak_bytes,
        flops_per_s=found.flops_per_s,
        share=found.flops_per_s / peaks[precision].flops_per_s if found.flops_per_s and precision in peaks else None,
        differs=share_that_differs(found.segmentation, reference, brain) if other else None,
    )


def share_that_differs(one: Segmentation, other: Segmentation, brain: NDArray[np.bool_]) -> float:
    """Of the voxels in `brain` (X, Y, Z) bool, those that the two label differently, in [0, 1]; 0 without a brain."""
    inside = int(np.count_nonzero(brain))
    return int(np.count_nonzero((one.labels.data != other.labels.data) & brain)) / inside if inside else 0.0


def _first_slice(files: CaseFiles) -> NDArray[np.uint8]:
    """What must be there before a person sees something: the middle axial slice of one image, 8 bits a pixel."""
    case = finish(load_case(files, truth=False, check=False))
    volume = next(iter(case.images.values()))
    slices = orient(case.native).forward(volume.data)
    middle = slices[:, :, slices.shape[2] // 2]
    return np.interp(middle, (middle.min(), middle.max()), (0, 255)).astype(np.uint8)


def _measure_after(case: Case, segmentation: Segmentation, runs: int, steps: list[Step]) -> Work[None]:
    """Scoring, where there is a truth, and saving."""
    truth = case.truth
    if truth is not None:
        labels = segmentation.labels
        yield from _repeated("scoring: Dice, HD95", runs, lambda: score(labels, truth), steps)
        yield from _repeated("scoring, lesion by lesion", runs, lambda: lesion_scores(labels, truth), steps)
    convention = output_convention(case.files)
    with TemporaryDirectory(prefix="brats-engine-") as folder:
        target = Path(folder, "mask.nii.gz")
        yield from _repeated(
            "saving the mask", runs, lambda: save_segmentation(target, segmentation, case, convention), steps
        )


def _repeated(name: str, runs: int, step: Callable[[], T], steps: list[Step]) -> Work[T]:
    """Do a step `runs` times, and once before that, so that files are in the system's memory; its result."""
    step()
    times: list[float] = []
    for done in range(runs):
        yield Progress(done, runs, name)
        began = perf_counter()
        result = step()
        times.append(perf_counter() - began)
    steps.append(Step(name, tuple(times)))
    return result
