"""The preset "default" from random weights against the reference system, nnU-Net v2 and MONAI's SegResNet.

`python -m tests.benchmarks.contenders -o FOLDER --minutes M [--cases 60] [--seed S] [--threads 1] [--test-cases N]`

All train at the same time, for the same minutes, on the same synthetic cases in the layout of BraTS 2020; then they
predict the test part, each as it usually does. FOLDER then holds the cases, the split, a folder for each contender with
its masks, and the table as `contenders.md` and `contenders.json`. The same command goes on where it was stopped; those
whose training had not ended are then trained again, from their beginning.

Needs MONAI (the extra `dev`), and nnU-Net, which is better kept apart:
`python -m venv PEERS`, the path of this environment's site-packages in a .pth file of that one's,
`PEERS/bin/pip install nnunetv2`, and `--nnunet-python PEERS/bin/python`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import torch

from engine.cli.console import watch
from engine.data import CONVENTIONS, load_case, load_labels
from engine.data.atomic import write_atomically
from engine.errors import EngineError, TrainingError
from engine.progress import finish
from engine.score import score
from tests.benchmarks.contenders.contest import Trained
from tests.benchmarks.contenders.process import CONTENDERS, READY_FILE, mask_path
from tests.benchmarks.contenders.settings import CONVENTION, Setup, make_cases
from tests.benchmarks.contenders.table import Dice, Row, to_json, to_markdown

_LOOK_EVERY_S = 0.2
_TITLES = {
    "default": "default, this project",
    "reference": "reference (E. Tweedy)",
    "nnunet": "nnU-Net v2",
    "segresnet": "MONAI SegResNet",
}

Job = tuple[str, ...]
"""Which contender does what: its name, the stage, and what else `process` is told."""

Processes = dict[Job, "subprocess.Popen[bytes]"]


def run(setup: Setup, pythons: dict[str, str], predictors: int) -> None:
    """Make the cases, train, predict, score and write the table; raises EngineError for what a person can mend."""
    setup.folder.mkdir(parents=True, exist_ok=True)
    setup.keep()
    watch(make_cases(setup))
    setup.split()
    train_all([name for name in pythons if Trained.read(setup.folder / name) is None], setup, pythons)
    predict_all([name for name in pythons if _lacks_masks(setup, name)], setup, pythons, predictors)
    rows = [_row(setup, name) for name in pythons]
    table = to_markdown(rows, setup)
    target = setup.folder / "contenders"
    write_atomically(
        {target.with_suffix(".md"): table.encode(), target.with_suffix(".json"): to_json(rows, setup).encode()}
    )
    print(table)


def train_all(names: Sequence[str], setup: Setup, pythons: dict[str, str]) -> None:
    """Start the contenders, wait until each is prepared, and let them go together."""
    for name in names:
        shutil.rmtree(setup.folder / name, ignore_errors=True)
        (setup.folder / name).mkdir()
    with _started([(name, "train") for name in names], setup, pythons) as processes:
        for (name, *_), process in processes.items():
            while not (setup.folder / name / READY_FILE).exists():
                if process.poll() is not None:
                    raise _failed(setup, name)
                time.sleep(_LOOK_EVERY_S)
            print(f"{name} is ready", file=sys.stderr, flush=True)
        for process in processes.values():
            if process.stdin is not None:
                process.stdin.write(b"go\n")
                process.stdin.flush()
        print(f"training for {setup.minutes:g} minutes", file=sys.stderr, flush=True)
        _wait(processes, setup)


def predict_all(names: Sequence[str], setup: Setup, pythons: dict[str, str], predictors: int) -> None:
    """Let the contenders predict, at the same time and in several processes each, since nothing is measured."""
    print("predicting", file=sys.stderr, flush=True)
    jobs = [(name, "predict", f"{part}", f"{predictors}") for name in names for part in range(predictors)]
    with _started(jobs, setup, pythons) as processes:
        _wait(processes, setup)


@contextmanager
def _started(jobs: Sequence[Job], setup: Setup, pythons: dict[str, str]) -> Iterator[Processes]:
    """A process for each, in a session of its own: Linux shares processors equally among sessions, however many threads
    each has. Those that still run at the end are stopped.
    """
    threads = {"OMP_NUM_THREADS": f"{setup.threads}", "MKL_NUM_THREADS": f"{setup.threads}"}
    environment = os.environ | threads | {"XDG_CACHE_HOME": str((setup.folder / "cache").resolve())}
    processes: Processes = {}
    try:
        for job in jobs:
            name, *what = job
            with (setup.folder / name / f"{'-'.join(what)}.txt").open("wb") as output:
                processes[job] = subprocess.Popen(
                    [pythons[name], "-m", "tests.benchmarks.contenders.process", str(setup.folder), *job],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
        yield processes
    finally:
        for process in processes.values():
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that still runs, and those that it started, which would wait for it for ever."""
    if process.poll() is None:
        own = psutil.Process(process.pid)
        for one in (*own.children(recursive=True), own):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


def _wait(processes: Processes, setup: Setup) -> None:
    for (name, *_), process in processes.items():
        if process.wait() != 0:
            raise _failed(setup, name)
        print(f"{name} is done", file=sys.stderr, flush=True)


def _failed(setup: Setup, name: str) -> TrainingError:
    return TrainingError(f"{setup.folder / name}: failed; what it said is in the .txt files there")


def _lacks_masks(setup: Setup, name: str) -> bool:
    return not all(mask_path(setup.folder / name, case_id).exists() for case_id in setup.tested())


def _row(setup: Setup, name: str) -> Row:
    trained = Trained.read(setup.folder / name)
    if trained is None:
        raise _failed(setup, name)
    return Row(_TITLES[name], trained, {case_id: _dice(setup, name, case_id) for case_id in setup.tested()})


def _dice(setup: Setup, name: str, case_id: str) -> Dice:
    case = finish(load_case(setup.files(case_id)))
    if case.truth is None:
        raise TrainingError(f"{case_id}: has no truth")
    mask = load_labels(mask_path(setup.folder / name, case_id), case, CONVENTIONS[CONVENTION])
    return {region: found.dice for region, found in score(mask, case.truth).items()}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.contenders",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--minutes", type=float, default=45.0, help="of training (%(default)s)")
    parser.add_argument("--cases", type=int, default=60, help="synthetic cases, split 60/20/20 (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of cases, split and trainings (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU, for each network (%(default)s)")
    parser.add_argument("--test-cases", type=int, default=12, help="of the test part, at most (%(default)s)")
    parser.add_argument("--predictors", type=int, default=1, help="processes of each that predict (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=tuple(CONTENDERS), default=list(CONTENDERS), help="default: all")
    parser.add_argument("--nnunet-python", default=sys.executable, metavar="PATH", help="interpreter that has nnU-Net")
    options = parser.parse_args()
    if options.minutes <= 0 or options.cases < 5 or min(options.threads, options.test_cases, options.predictors) < 1:
        parser.error("--minutes must be above 0, --cases 5 or more, --threads, --test-cases and --predictors 1 or more")
    pythons = {name: options.nnunet_python if name == "nnunet" else sys.executable for name in options.only}
    setup = Setup(options.output, options.cases, options.minutes, options.seed, options.threads, options.test_cases)
    torch.set_num_threads(options.threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that whoever ends this ends the contenders
    try:
        run(setup, pythons, options.predictors)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
