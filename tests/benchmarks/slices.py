"""How long the three planes take to follow a gesture, from the change in the document to painted pixels.

`python -m tests.benchmarks.slices [--size 1400 900] [--scale 2] [--steps 200]`; no screen is needed.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

BRATS_SHAPE = (240, 240, 155)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(1400, 900), help="window in logical pixels")
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per logical pixel")
    parser.add_argument("--steps", type=int, default=200, help="how often each gesture is repeated")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_SCALE_FACTOR"] = str(options.scale)

    from PySide6.QtWidgets import QApplication

    from brats_viewer.display import Plane
    from brats_viewer.document import Document, Overlay
    from brats_viewer.views import SliceGrid
    from engine.data import Modality
    from tests.phantoms import phantom_case

    app = QApplication([])
    document = Document()
    view = SliceGrid(document)
    view.resize(*options.size)
    view.show()
    document.set_overlay(Overlay.TRUTH)
    start = time.perf_counter()
    case = phantom_case(shape=BRATS_SHAPE, modalities=[Modality.T1C, Modality.T2F])
    print(f"case made in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    document.set_case(case)
    document.set_overlay(Overlay.TRUTH)
    app.processEvents()
    print(f"first paint   {1000 * (time.perf_counter() - start):6.1f} ms")

    def to_slice(step: int) -> None:
        i, j, k = 60 + step % 20, 150 + step % 20, 90 + step % 20
        document.set_cursor((i, j, k))

    def to_levels(step: int) -> None:
        document.set_levels((100.0, 800.0 + step))

    def to_zoom(step: int) -> None:
        view.view(Plane.AXIAL).zoom_requested.emit(1.05 if step % 20 < 10 else 1 / 1.05, document.cursor)

    def to_modality(step: int) -> None:
        document.set_modality((Modality.T1C, Modality.T2F)[step % 2])

    gestures: dict[str, Callable[[int], None]] = {
        "slice": to_slice,
        "levels": to_levels,
        "zoom": to_zoom,
        "modality": to_modality,
    }
    for name, gesture in gestures.items():
        walls, cpus = [], []
        for step in range(options.steps):
            wall, cpu = time.perf_counter(), time.process_time()
            gesture(step + 1)
            app.processEvents()
            walls.append(1000 * (time.perf_counter() - wall))
            cpus.append(1000 * (time.process_time() - cpu))
        (median, slow), cpu_median = np.percentile(walls, (50, 95)), np.median(cpus)
        print(f"{name:<12} {median:6.1f} ms median, {slow:6.1f} ms 95th percentile, {cpu_median:6.1f} ms of CPU")


if __name__ == "__main__":
    main()
