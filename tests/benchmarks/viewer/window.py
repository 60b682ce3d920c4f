"""The viewer's own window, driven and timed from inside: `python -m tests.benchmarks.viewer.window BEGAN CASE STEPS`.

Runs the command `brats-viewer` as a person does, and prints what it took as JSON. BEGAN: when this process was started.
"""

import json
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from unittest.mock import patch

from PySide6.QtCore import QTimer
from PySide6.QtGui import QPaintEvent

from brats_viewer import app
from brats_viewer.__main__ import main
from tests.benchmarks.viewer.figures import Run, Times
from tests.benchmarks.viewer.watch import Watch, back_and_forth, until

COMPUTING = "segmenting"
"""What the engine says that it is at when the network begins."""
REACH = 15
"""How far the steps go from the middle of the tumour, in voxels."""


class DrivenWindow(app.MainWindow):
    """The main window; when it has painted for the first time it goes through all gestures, and closes."""

    _driven = False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if not self._driven:
            self._driven = True
            QTimer.singleShot(0, self._drive)  # comes when what the window holds has been painted too
        super().paintEvent(event)

    def _drive(self) -> None:
        began_s, case, steps = float(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
        start = time.monotonic() - began_s, time.process_time()
        try:
            print(json.dumps(asdict(self._run(start, case, steps))))
        finally:
            self.close()

    def _run(self, start: Times, case: Path, count: int) -> Run:
        session, watch = self.session, Watch(self)
        until(lambda: session.devices)
        opening = watch.time(partial(session.open, case), session.case_changed)
        until(lambda: self.views.surface_view.surfaces)
        session.go_to_tumour()
        i, j, k = session.cursor
        places = [(i + way, j + way, k + way) for way in back_and_forth(count, REACH)]
        steps = [partial(session.set_cursor, place) for place in places]
        walk = watch.walk(steps)
        until(lambda: not session.readying.is_running)
        begun = self._begin()
        busy = watch.walk(steps)
        if not session.segmenting.is_running:
            raise RuntimeError("the segmentation ended before the last step; take fewer steps")
        session.segmenting.cancel()
        until(lambda: not session.segmenting.is_running)
        return Run(start, opening, walk, busy, begun)

    def _begin(self) -> Times:
        """Press Segment, and wait until the network has its first window."""
        lane, began = self.session.segmenting, (time.monotonic(), time.process_time())
        self.session.segment()
        until(lambda: not lane.is_running or (lane.progress is not None and lane.progress.stage == COMPUTING))
        return time.monotonic() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    with patch.object(app, "MainWindow", DrivenWindow):
        sys.exit(main([]))
