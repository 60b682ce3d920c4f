"""How fast synthetic cases are made: full ones on disk, and those of a training beside the step that learns from them.

`python -m tests.benchmarks.synthesis [--cases 4] [--runs 7] [--threads N] [--device cpu] [--json]`

Seconds of CPU are the ones to compare: a machine that does other things too lengthens those on the clock.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

import torch

from engine import cli
from engine.runs.settings import TrainConfig
from engine.train.feed import make_batch
from engine.train.sources import SyntheticSource
from engine.train.trainer import Trainer

CPU = torch.device("cpu")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds on the clock, and of CPU in all threads of this process."""

    wall_s: float
    cpu_s: float


def timed(call: Callable[[], T]) -> tuple[T, Timing]:
    """What a call returns, and how long it takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, Timing(time.perf_counter() - wall, time.process_time() - cpu)


def middle(timings: Sequence[Timing]) -> Timing:
    """The medians of all but the first, which warms up."""
    return Timing(median(one.wall_s for one in timings[1:]), median(one.cpu_s for one in timings[1:]))


def synthesize(folder: Path, count: int, device: str) -> None:
    """Run `brats-engine synthesize`; exits as it does if it fails, since it has said why."""
    command = ["synthesize", "-o", str(folder), "--cases", str(count), "--device", device, "--json", "--quiet"]
    with redirect_stdout(StringIO()):
        status = cli.main(command)
    if status:
        sys.exit(status)


def time_command(count: int, device: str) -> Timing:
    """A full case of 1 mm written to disk: the mean of `count` cases in one run, after a case to warm up."""
    with TemporaryDirectory() as folder:
        synthesize(Path(folder, "first"), 1, device)
        _, timing = timed(partial(synthesize, Path(folder, "cases"), count, device))
    return Timing(timing.wall_s / count, timing.cpu_s / count)


def time_case(runs: int) -> Timing:
    """A case as a training makes it, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    source = SyntheticSource(TrainConfig(), CPU)
    timings = [timed(partial(source.example, seed))[1] for seed in range(runs + 1)]
    torch.set_num_threads(threads)
    return middle(timings)


def time_training(runs: int) -> tuple[Timing, Timing]:
    """The making of a training's batch, and the step on it; in turns, so that both meet the same machine."""
    config = TrainConfig()
    source, trainer = SyntheticSource(config, CPU), Trainer(config, CPU)
    making, learning = [], []
    for index in range(runs + 1):
        batch, timing = timed(partial(make_batch, config, source, index))
        making.append(timing)
        learning.append(timed(partial(trainer.train_on, batch))[1])
    return middle(making), middle(learning)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.synthesis", description=__doc__)
    parser.add_argument("--cases", type=int, default=4, help="full cases that the command writes (%(default)s)")
    parser.add_argument("--runs", type=int, default=7, help="how often all else is repeated (%(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the CPU (%(default)s)")
    parser.add_argument("--device", default="cpu", help="of the command; all else is done on the CPU (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if min(options.cases, options.runs, options.threads) < 1:
        parser.error("--cases, --runs and --threads must be 1 or more")
    torch.set_num_threads(options.threads)
    command = time_command(options.cases, options.device)
    case = time_case(options.runs)
    batch, step = time_training(options.runs)
    ratio = batch.cpu_s / step.cpu_s
    if options.json:
        timings = {"full_case": command, "training_case_on_one_thread": case, "batch": batch, "step": step}
        figures = vars(options) | {name: asdict(timing) for name, timing in timings.items()}
        figures |= {"full_cases_a_minute": 60 / command.wall_s, "batch_to_step_cpu": ratio}
        print(json.dumps({name: value for name, value in figures.items() if name != "json"}, indent=2))
        return
    spacing_mm = TrainConfig().spacing_mm
    for name, timing in (
        (f"full case, written ({options.device})", command),
        (f"case at {spacing_mm:g} mm, one thread", case),
        (f"batch of {TrainConfig().batch} at {spacing_mm:g} mm", batch),
        ("training step on it", step),
    ):
        print(f"{name:<28} {timing.wall_s:7.2f} s, {timing.cpu_s:7.2f} s of CPU")
    print(f"{60 / command.wall_s:.1f} full cases a minute; a batch takes {ratio:.0%} of the CPU time of its step")


if __name__ == "__main__":
    main()
