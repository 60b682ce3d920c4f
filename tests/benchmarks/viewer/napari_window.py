"""A window of napari, driven as `window.py` drives the viewer's: the same case, and as many slices of one plane.

Runs where napari is installed, with the arguments of `window.py`; nothing of this project's packages is there.
"""

import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from tests.benchmarks.viewer.figures import Run
from tests.benchmarks.viewer.watch import Watch, back_and_forth

if TYPE_CHECKING:
    import napari


def show_case(viewer: "napari.Viewer", case: Path) -> None:
    """Four images, of which one is in view as in the viewer, and the labels over it, in axial slices."""
    for path in sorted(case.glob("*.nii*")):
        data = np.asarray(nib.load(path).dataobj)
        if "seg" in path.name:
            labels = data
        else:
            viewer.add_image(data.astype(np.float32), name=path.name, visible="t1c" in path.name)
    viewer.add_labels(labels)
    viewer.dims.order = (2, 0, 1)


def main() -> None:
    began_s, case, count = float(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    import napari  # not where the tests are collected

    viewer = napari.Viewer()
    window = viewer.window._qt_window
    window.resize(1400, 900)
    watch = Watch(window)
    watch.time(window.update)
    start = time.monotonic() - began_s, time.process_time()
    opening = watch.time(partial(show_case, viewer, case))
    middle = viewer.dims.nsteps[2] // 2
    walk = watch.walk(partial(viewer.dims.set_current_step, 2, middle + way) for way in back_and_forth(count, 15))
    print(json.dumps(asdict(Run(start, opening, walk))))


if __name__ == "__main__":
    main()
