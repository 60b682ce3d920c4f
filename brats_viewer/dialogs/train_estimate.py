"""What a training would cost: time and memory, measured on two real steps when a person asks for it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from brats_viewer.controls import FailureLine, Line, RunningLine, button
from brats_viewer.names import duration, gigabytes
from brats_viewer.training_session import TrainingSession
from engine.runs.estimate import Estimate

_TIGHT = 0.9
"""Of the free memory: with more than this, another program can make it too little."""


class EstimateLine(QWidget):
    """Measures, shows what was measured, and says why it could not be."""

    measure_asked = Signal()

    def __init__(self, training: TrainingSession) -> None:
        super().__init__()
        self._training = training
        self._line = Line(tone="muted")
        self._measure = button(
            "Measure time and memory", tip="Take two real steps with these settings; it takes from seconds to minutes"
        )
        self._measure.clicked.connect(self.measure_asked)
        self._running = RunningLine(training.estimating, stop_tip="Stop measuring")
        self._failed = FailureLine()
        row = QHBoxLayout()
        row.addWidget(self._line, 1)
        row.addWidget(self._measure)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self._running)
        layout.addWidget(self._failed)
        training.estimating.changed.connect(self._show)
        training.estimate_changed.connect(self._show)
        self._show()

    def set_measurable(self, measurable: bool) -> None:
        """Whether there is something that could be measured."""
        self._measure.setEnabled(measurable)

    def _show(self) -> None:
        lane, estimate = self._training.estimating, self._training.estimated
        self._failed.show_failure(lane.failure)
        self._measure.setVisible(not lane.is_running)
        said = estimate_line(estimate) if estimate else "Time and memory are not measured yet"
        self._line.setText("" if lane.is_running else said)
        tight = estimate is not None and estimate.peak_memory_bytes > _TIGHT * estimate.free_memory_bytes
        self._line.setProperty("tone", "muted" if estimate is None else "warning" if tight else "")
        self._line.style().polish(self._line)


def estimate_line(estimate: Estimate) -> str:
    """What was measured, as a line.

    >>> estimate_line(Estimate(0.5, 1200, 660.0, 3 << 30, 8 << 30, "CPU (2 threads)", None))
    'About 11 min 0 s: 1,200 steps of 0.5 s. Needs 3.0 GB of the 8.0 GB that are free on CPU (2 threads)'
    """
    return (
        f"About {duration(estimate.seconds_total)}: {estimate.steps:,} steps of {duration(estimate.seconds_per_step)}. "
        f"Needs {gigabytes(estimate.peak_memory_bytes)} of the {gigabytes(estimate.free_memory_bytes)} "
        f"that are free on {estimate.device_title}"
    )
