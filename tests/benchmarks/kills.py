"""Trainings that are killed at random moments, against one that is not: do they end with the same bits?

`python -m tests.benchmarks.kills [--kills 50] [--seed 0] [--keep FOLDER]`

Each run is a process of its own, as the window starts it, on a small data set in BraTS 2020 layout, made for it. It is
killed with SIGKILL, by the clock or when something is seen to begin (preparing, a checkpoint, a validation, a bundle,
the end), and started again, up to eight times; then it may finish. Models, checkpoint, table and log are compared with
those of a run of the same settings that nobody killed; of the log and the checkpoint all but the times. Half of the
runs train with AdamW, half with Ranger21.
"""

import argparse
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch

from engine.progress import finish
from engine.runs.folder import Source, create
from engine.runs.launch import OUTPUT_FILE, launch
from engine.runs.settings import TrainConfig
from engine.runs.state import Stage, read_state
from engine.runs.status import status
from engine.runs.table import TABLE_FILE
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize
from engine.train import checkpoint
from tests.engine.train.runs import log_of

ADAMW = TrainConfig(
    epochs=15,
    batch=2,
    samples_per_case=1,
    spacing_mm=8.0,
    shape=(16, 16, 16),
    patch=(16, 16, 16),
    width=4,
    depth=2,
    deep_supervision=1,
    ema=0.99,
    precision="float32",  # what is measured to choose it would be measured anew in each run
    checkpoint_every=3,
    validate_every=6,
    validation_cases=2,
    tune_et=True,
)
SETTINGS = {"adamw": ADAMW, "ranger21": replace(ADAMW, optimiser="ranger21", learning_rate=3e-3, weight_decay=1e-4)}
BUNDLES = ("best", "model")
MOST_KILLS = 8  # of one run
PATIENCE_S = 1200
_LOOK_EVERY_S = 0.0005


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill a run: so many seconds after something is seen in its folder."""

    name: str
    seen: Callable[[Path], bool]
    delay_s: float = 0.0


def at_stage(stage: Stage) -> Callable[[Path], bool]:
    """Whether a run says that it is there."""

    def seen(folder: Path) -> bool:
        state = read_state(folder)
        return state is not None and state.stage is stage

    return seen


def being_written(pattern: str) -> Callable[[Path], bool]:
    """Whether there is such a file, which is there only while it is written."""
    return lambda folder: any(folder.glob(pattern))


def at_the_end(folder: Path) -> bool:
    """Whether a run has written the model of its end."""
    return (folder / "model" / "model.json").exists()


def moments(chance: random.Random, seconds: float) -> Moment:
    """A random one; seconds: how long a run takes that nobody kills."""
    short = chance.choice((0.0, chance.uniform(0, 0.05)))
    return chance.choice(
        (
            Moment("the clock", lambda folder: True, chance.uniform(0, seconds)),
            Moment("the clock", lambda folder: True, chance.uniform(seconds / 2, seconds)),
            Moment("preparing", at_stage(Stage.PREPARING), short),
            Moment("training", at_stage(Stage.TRAINING), chance.uniform(0, seconds / 4)),
            Moment("checkpoint", being_written("checkpoint.pt.new"), short / 5),
            Moment("weights", being_written("weights.safetensors.new"), short / 5),
            Moment("validating", at_stage(Stage.VALIDATING), short),
            Moment("bundle", being_written(".best-*"), short / 5),
            Moment("end", at_the_end, chance.uniform(0, 0.5)),
        )
    )


def make_dataset(folder: Path, cases: int = 8) -> None:
    """Cases of 8 mm in BraTS 2020 layout."""
    layout = LAYOUTS["brats2020"]
    grid = FieldOfView((20, 24, 19), 8.0)
    finish(synthesize(folder, cases, Recipe(1, layout, layout.prefix, grid), torch.device("cpu")))


def begin(folder: Path, config: TrainConfig, dataset: Path) -> None:
    """Make the folder of a run on a data set."""
    create(folder, config, Source(dataset=dataset, device="cpu"))


def is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_at(folder: Path, moment: Moment) -> bool:
    """Let a run go on in a process of its own until it is killed at the moment; whether it lived to see it."""
    process = psutil.Process(launch(folder))
    deadline = time.monotonic() + PATIENCE_S
    while not moment.seen(folder):
        if not is_alive(process):
            return False
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError(f"{folder}: did not come to {moment.name}")
        time.sleep(_LOOK_EVERY_S)
    time.sleep(moment.delay_s)
    alive = is_alive(process)
    if alive:
        process.kill()
    psutil.wait_procs([process])
    return alive


def run_to_the_end(folder: Path) -> float:
    """Let a run go on until it has finished; the seconds that it took."""
    began = time.monotonic()
    _, alive = psutil.wait_procs([psutil.Process(launch(folder))], PATIENCE_S)
    for process in alive:
        process.kill()
        raise TimeoutError(f"{folder}: does not end")
    state = status(folder)
    if state is None or state.stage is not Stage.FINISHED:
        sys.exit(f"{folder}: did not finish: {state}\n{(folder / OUTPUT_FILE).read_text(encoding='utf-8')}")
    return time.monotonic() - began


def differences(one: Path, other: Path) -> list[str]:
    """What two finished runs do not have in common, but for times."""
    found = [] if log_of(one) == log_of(other) else ["log"]
    found += [
        f"weights of {bundle}"
        for bundle in BUNDLES
        if (one / bundle / "weights.safetensors").read_bytes() != (other / bundle / "weights.safetensors").read_bytes()
    ]
    if (one / TABLE_FILE).read_bytes() != (other / TABLE_FILE).read_bytes():
        found.append("table")
    states = [checkpoint.read(folder / checkpoint.CHECKPOINT_FILE) for folder in (one, other)]
    found += [
        f"checkpoint's {name}" for name in states[0] if name != "seconds" and not same(*(s[name] for s in states))
    ]
    names = [{path.name for path in folder.iterdir()} for folder in (one, other)]
    return found + [f"{name} is in one alone" for name in sorted(names[0] ^ names[1]) if not name.endswith(".tmp")]


def same(one: object, other: object) -> bool:
    """Whether two parts of a state are the same, bit by bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Prepared cases go into a folder of the benchmark's own (where the system lets a variable say so)."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["XDG_CACHE_HOME"]
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before


def benchmark(root: Path, kills: int, seed: int) -> bool:
    """Kill until there were so many; whether every run ended like the one of its settings that nobody killed."""
    chance = random.Random(seed)
    make_dataset(root / "data")
    whole, seconds = {}, 0.0
    for name, config in SETTINGS.items():
        whole[name] = root / f"whole-{name}"
        begin(whole[name], config, root / "data")
        with own_cache(root / f"cache-{name}"):
            seconds = max(seconds, run_to_the_end(whole[name]))
        print(f"{name}: not killed, {read_state(whole[name]).step} steps in {seconds:.0f} s", flush=True)
    at: Counter[str] = Counter()
    runs = alike = 0
    while at.total() < kills:
        name = list(SETTINGS)[runs % len(SETTINGS)]
        folder = root / f"run-{runs}"
        begin(folder, SETTINGS[name], root / "data")
        met = []
        with own_cache(root / f"cache-{folder.name}"):
            for _ in range(min(kills - at.total(), chance.randint(1, MOST_KILLS))):
                moment = moments(chance, seconds)
                if not kill_at(folder, moment):
                    break
                at[moment.name] += 1
                state = status(folder)
                met.append(f"{moment.name} ({read_state(folder).stage} {state.step if state else 0})")
            run_to_the_end(folder)
        different = differences(whole[name], folder)
        runs += 1
        alike += not different
        verdict = f"DIFFERS: {', '.join(different)}" if different else "the same bits and log"
        print(f"run {runs}, {name}, killed {len(met)} times: {'; '.join(met) or 'too late'}: {verdict}", flush=True)
        if not different:
            shutil.rmtree(folder)
            shutil.rmtree(root / f"cache-{folder.name}", ignore_errors=True)
    told = ", ".join(f"{name} {count}" for name, count in at.most_common())
    print(f"{at.total()} kills ({told}) in {runs} runs, of which {alike} ended with the same bits and log")
    return alike == runs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--keep", type=Path, help="where the runs are; what differs stays there")
    options = parser.parse_args()
    if options.keep:
        sys.exit(not benchmark(options.keep, options.kills, options.seed))
    with TemporaryDirectory() as folder:
        sys.exit(not benchmark(Path(folder), options.kills, options.seed))


if __name__ == "__main__":
    main()
