"""How long the 3D view takes: to build its surfaces, to follow a turn, and to draw finely when it rests.

`python -m tests.benchmarks.surfaces [--size 480 420] [--case FOLDER] [--steps 40]`; no screen is needed.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np

BRATS_SHAPE = (240, 240, 155)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 420), help="view in logical pixels")
    parser.add_argument("--case", type=Path, help="a case with a truth, in place of a phantom of BraTS size")
    parser.add_argument("--steps", type=int, default=40, help="how often it is turned")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

    from PySide6.QtWidgets import QApplication

    from brats_viewer.document import Document
    from brats_viewer.views.surface_view import SurfaceView
    from brats_viewer.views.surfaces import build_surfaces
    from engine.data import find_case, load_case
    from engine.progress import finish
    from tests.phantoms import phantom_case

    app = QApplication([])
    document = Document()
    case = finish(load_case(find_case(options.case))) if options.case else phantom_case(shape=BRATS_SHAPE)
    document.set_case(case)
    image, labels, orientation = document.image(), document.overlay_labels(), document.orientation
    assert image is not None
    assert orientation is not None
    walls, cpus = [], []
    for _ in range(5):
        wall, cpu = time.perf_counter(), time.process_time()
        surfaces = finish(build_surfaces(image, labels, orientation.canonical))
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    quads = {label.name: surface.quads.shape[1] for label, surface in surfaces.labels.items()}
    print(f"quads: brain {surfaces.brain.quads.shape[1]}, {quads}")
    print(f"build   {np.median(walls):6.1f} ms median, {np.median(cpus):6.1f} ms of CPU")

    view = SurfaceView(document)
    view.resize(*options.size)
    view.show()
    while view.surfaces is None or view.is_moving:
        app.processEvents()
    walls, cpus = [], []
    for step in range(options.steps):
        wall, cpu = time.perf_counter(), time.process_time()
        view.set_orbit(view.orbit.turned(9.0, 2.0 if step % 20 < 10 else -2.0))
        app.processEvents()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    median, slow = np.percentile(walls, (50, 95))
    print(f"turn    {median:6.1f} ms median, {slow:6.1f} ms 95th percentile, {np.median(cpus):6.1f} ms of CPU")
    while view.is_moving:
        app.processEvents()
    wall, cpu = time.perf_counter(), time.process_time()
    view.repaint()
    print(f"rest    {1000 * (time.perf_counter() - wall):6.1f} ms, {1000 * (time.process_time() - cpu):6.1f} ms of CPU")


if __name__ == "__main__":
    main()
