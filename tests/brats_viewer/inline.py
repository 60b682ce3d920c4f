"""The fake engine without a process of its own: it works in the job's thread, so that a test of the window is fast."""

import threading
from pathlib import Path
from typing import Any

from brats_viewer.cohort_session import READ_RESULTS
from brats_viewer.remote import DEVICES, KEEP, MODELS, SEGMENT, SEGMENT_KEPT
from engine.errors import EvaluationError
from engine.progress import Progress, Work
from tests.brats_viewer import fake_work
from tests.brats_viewer.cohorts import FakeEvaluation


class InlineEngine:
    """Segments as `fake_work` does, and has the results that are put into `evaluations`, by their folders.

    `gate` holds a segmentation back before it returns.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[dict[str, Any]] = []
        self.evaluations: dict[Path, FakeEvaluation] = {}
        self.closed = self.rested = False

    def run(self, function: str, /, *args: Any, **kwargs: Any) -> Work[Any]:
        if function in (KEEP, SEGMENT_KEPT):
            return None  # it keeps nothing
        if function == SEGMENT:
            self.asked.append(kwargs)
            result = yield from fake_work.segment(*args, **kwargs)
            assert self.gate.wait(10)
            return result
        if function == READ_RESULTS:
            return (yield from self._read_results(*args))
        return {DEVICES: fake_work.devices, MODELS: fake_work.list_models}[function]()

    def _read_results(self, folder: Path) -> Work[FakeEvaluation]:
        yield Progress(0, 0, "reading results")
        if folder not in self.evaluations:
            raise EvaluationError(f"{folder}: holds no results")
        return self.evaluations[folder]

    def rest(self) -> None:
        self.rested = True

    def close(self) -> None:
        self.closed = True
        self.gate.set()
