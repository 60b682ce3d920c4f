"""Whether the window's event loop keeps turning while the page of trainings shows one that runs.

`python -m tests.benchmarks.viewer.training [--points 2000] [--others 0] [--seconds 20]`

A thread writes the run's folder as a training does, only faster: a point of each curve and a state in every look, a
validation and a picture in every tenth. Printed are the times between two beats of the window's event loop.
"""

import argparse
import os
import threading
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PySide6.QtWidgets import QApplication

from brats_viewer.app import MainWindow
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from brats_viewer.training import runs_folder
from engine.data import Region
from engine.runs.log import Point, Validation
from engine.runs.preview import Preview, write_preview
from tests.benchmarks.viewer.__main__ import PRIVATE, machine
from tests.benchmarks.viewer.figures import Walk, percentile
from tests.benchmarks.viewer.watch import BEAT_MS, Watch, until
from tests.brats_viewer.inline import InlineEngine
from tests.brats_viewer.runs import append, hold, say, write_run

NOISE = np.random.default_rng(0)
GREY = NOISE.integers(0, 255, (96, 80)).astype(np.uint8)
LABELS = np.add.reduce([np.hypot(*np.mgrid[-48:48, -40:40]) < radius for radius in (8, 14, 20)]).astype(np.uint8)
LOOK_S = 0.5
FRAME_MS = 16


def write(folder: Path, first: int, over: threading.Event) -> None:
    """Train from a point on, until it is over."""
    number = first
    while not over.wait(LOOK_S):
        number += 1
        append(folder, point(number))
        if number % 10 == 0:
            append(folder, Validation(10 * number, 5.0 * number, dict.fromkeys(Region, 0.8), best=True))
            write_preview(folder, Preview(GREY, LABELS, LABELS, "case", 10 * number, 0.8))
        say(folder, step=10 * number, steps=20 * first, seconds=5.0 * number)


def point(number: int) -> Point:
    """A point of a noisy loss."""
    return Point(10 * number, 5.0 * number, 0.3 + 0.999**number + 0.08 * NOISE.normal(), 1e-3)


def looked(points: int, others: int, seconds: float, home: Path) -> Walk:
    """How the event loop beat while a run of so many points was shown and went on, with others laid beside it."""
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    folder, *beside = (
        write_run(runs_folder() / f"run-{run}", records=[point(number) for number in range(1, points + 1)])
        for run in range(1 + others)
    )
    window = MainWindow(Session(InlineEngine()), Settings(home / "settings.ini"))
    window.resize(1400, 880)
    window.show()
    window.watch_training(folder)
    until(lambda: len(window.training.curves.step) == points)
    for other in beside:
        window.training.compare(other, beside=True)
    over = threading.Event()
    writing = threading.Thread(target=write, args=(folder, points, over))
    writing.start()
    until(lambda: len(window.training.curves.step) > points)
    walk = Watch(window).look(seconds)
    over.set()
    writing.join()
    for held in (folder, *beside):
        hold(held, held=False)
    window.training.close()
    window.session.close()
    window.close()
    return walk


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.viewer.training", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--points", type=int, default=2000, help="that the curves have at first (%(default)s)")
    parser.add_argument("--others", type=int, default=0, help="runs that are laid beside it (%(default)s)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to look (%(default)s)")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with TemporaryDirectory() as home:
        os.environ.update({name: str(Path(home, name)) for name in PRIVATE})
        walk = looked(options.points, options.others, options.seconds, Path(home))
    gaps_ms, cpus_ms = (
        [1000 * (later[place] - earlier[place]) for earlier, later in pairwise(walk.beats)] for place in (0, 1)
    )
    print(machine())
    print(f"{len(gaps_ms)} beats, one in {BEAT_MS} ms is due; from one to the next, in milliseconds:")
    for name, found in (("on the clock", gaps_ms), ("of CPU", cpus_ms)):
        late = sum(gap > FRAME_MS for gap in found)
        print(
            f"  {name}: 99th percentile {percentile(found, 99):.1f}, longest {max(found):.1f}, {late} over {FRAME_MS}"
        )
    if walk.ran:
        print(f"in the longest: {walk.ran}")


if __name__ == "__main__":
    main()
