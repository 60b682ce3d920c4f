"""One contender in a process of its own: `python -m tests.benchmarks.contenders.process FOLDER NAME train|predict`.

To train, it writes a file when it is prepared, and begins when it reads a line from its standard input. To predict only
every N-th case, beginning with the K-th, `K N` follows.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.contenders.contest import Clock, Contender
from tests.benchmarks.contenders.settings import CONVENTION, Setup

READY_FILE = "ready"
MASKS_FOLDER = "masks"


def _default() -> Contender:
    from tests.benchmarks.contenders.ours import Default

    return Default()


def _reference() -> Contender:
    from tests.benchmarks.contenders.ours import Reference

    return Reference()


def _nnunet() -> Contender:
    from tests.benchmarks.contenders.nnunet import NNUNet

    return NNUNet()


def _segresnet() -> Contender:
    from tests.benchmarks.contenders.segresnet import SegResNetContender

    return SegResNetContender()


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "default": _default,
    "reference": _reference,
    "nnunet": _nnunet,
    "segresnet": _segresnet,
}
"""By name; imported when made, as each lives in packages that the others can do without."""


def mask_path(folder: Path, case_id: str) -> Path:
    """Where a contender's mask of a case lies."""
    return folder / MASKS_FOLDER / f"{case_id}.nii.gz"


def train(setup: Setup, name: str) -> None:
    """Train one contender by the clock."""
    folder = setup.folder / name

    def start() -> Clock:
        (folder / READY_FILE).touch()
        if not sys.stdin.readline():
            sys.exit("the others did not get ready")
        return Clock(60 * setup.minutes)

    CONTENDERS[name]().train(setup, folder, start).write(folder)


def predict(setup: Setup, name: str, first: str = "0", stride: str = "1") -> None:
    """Predict the test cases that have no mask yet, or every so many of all."""
    from engine.data import CONVENTIONS, write_labels

    folder = setup.folder / name
    (folder / MASKS_FOLDER).mkdir(exist_ok=True)
    contender = CONTENDERS[name]()
    for case_id in setup.tested()[int(first) :: int(stride)]:
        path = mask_path(folder, case_id)
        if not path.exists():
            labels = contender.predict(setup, folder, setup.files(case_id))
            write_labels(path, labels, CONVENTIONS[CONVENTION])
            print(f"{name}: {case_id}", flush=True)


def main() -> None:
    folder, name, stage, *more = sys.argv[1:]
    setup = Setup.read(Path(folder))
    import torch

    torch.set_num_threads(setup.threads)
    os.environ.setdefault("MPLBACKEND", "agg")
    {"train": train, "predict": predict}[stage](setup, name, *more)


if __name__ == "__main__":
    main()
