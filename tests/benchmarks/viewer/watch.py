"""Watches a window of Qt from inside of its process: when it has painted, and whether its event loop turns.

Needs only PySide6, since it also runs where the peer is installed.
"""

import gc
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import FrameType

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, Qt, QTimer, SignalInstance
from PySide6.QtWidgets import QWidget

from tests.benchmarks.viewer.figures import Times, Walk

BEAT_MS = 5
LATE_S = 0.03
"""What runs when no beat came for so long is noted."""
NAMED_CALLS = 5
GIVE_UP_S = 60.0


class Watch(QObject):
    """Times what happens in a window; all times are of `time.monotonic`, which processes share."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._painted_s = 0.0
        self._beats: list[Times] = []
        self._longest_s, self._ran = 0.0, ""
        self._seen = 0.0, ""  # what ran, and after which beat
        self._collecting_s = 0.0
        self._thread = threading.get_ident()
        gc.callbacks.append(self._note_collection)
        threading.Thread(target=self._look_on, name="watch", daemon=True).start()
        window.installEventFilter(self)
        timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._beat)
        timer.start()

    def _beat(self) -> None:
        """Note the time, and what ran if the beat is late."""
        now = time.monotonic(), time.thread_time()
        before_s = self._beats[-1][0] if self._beats else now[0]
        self._beats.append(now)
        if now[0] - before_s > max(LATE_S, self._longest_s):
            after_s, ran = self._seen
            self._longest_s, self._ran = now[0] - before_s, ran if after_s == before_s else ""

    def _look_on(self) -> None:
        """In a thread: see what the window's is in while a beat is overdue.

        Python gives this thread its turn between two instructions, so a long call into C is seen as its caller's line,
        when it is over. (faulthandler, which needs no turn, reads stacks while they change, and crashed at times.)
        """
        while True:
            time.sleep(LATE_S / 2)
            self._look()

    def _look(self) -> None:
        """Once. No frame is held for longer: a painter in it would stay active after its event."""
        last_s = self._beats[-1][0] if self._beats else time.monotonic()
        if time.monotonic() - last_s > LATE_S and self._seen[0] != last_s:
            frame = sys._current_frames().get(self._thread)  # none at the end of the process
            self._seen = last_s, innermost_calls(frame) if frame else ""

    def _note_collection(self, phase: str, _: Mapping[str, int]) -> None:
        now_s = time.monotonic()
        if phase == "start":
            self._collecting_s = now_s
        elif now_s - self._collecting_s > LATE_S / 2 and self._beats and threading.get_ident() == self._thread:
            self._seen = self._beats[-1][0], "garbage collection"

    def eventFilter(self, window: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Note when the window has been painted with all in it, which is what this event is for."""
        if event.type() is not QEvent.Type.UpdateRequest:
            return False
        window.event(event)
        self._painted_s = time.monotonic()
        return True

    def time(self, change: Callable[[], object], changed: SignalInstance | None = None) -> Times:
        """How long it takes from the call of `change` to the first paint after it, or after the signal `changed`."""
        marks_s: list[float] = []
        wall_s, cpu_s = time.monotonic(), time.process_time()
        if changed:
            changed.connect(lambda: marks_s.append(time.monotonic()), Qt.ConnectionType.SingleShotConnection)
        change()
        if not changed:
            marks_s.append(time.monotonic())
        until(lambda: marks_s and self._painted_s > marks_s[0])
        return self._painted_s - wall_s, time.process_time() - cpu_s

    def walk(self, steps: Iterable[Callable[[], object]]) -> Walk:
        """Take steps, each when the one before has been painted."""
        self._forget()
        taken = [self.time(step) for step in steps]
        return Walk(taken, list(self._beats), self._ran)

    def look(self, seconds: float) -> Walk:
        """Take no step for so long."""
        self._forget()
        end_s = time.monotonic() + seconds
        until(lambda: time.monotonic() > end_s)
        return Walk([], list(self._beats), self._ran)

    def _forget(self) -> None:
        self._beats.clear()
        self._longest_s, self._ran = 0.0, ""


def until(done: Callable[[], object]) -> None:
    """Let the event loop turn until it is `done`; raises TimeoutError after a minute."""
    end_s = time.monotonic() + GIVE_UP_S
    while not done():
        if time.monotonic() > end_s:
            raise TimeoutError("the window did not get there")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def back_and_forth(count: int, reach: int) -> list[int]:
    """`count` neighbouring places from 1 up to `reach`, down to -`reach`, and so on.

    >>> back_and_forth(9, 2)
    [1, 2, 1, 0, -1, -2, -1, 0, 1]
    """
    return [reach - abs((step + reach) % (4 * reach) - 2 * reach) for step in range(1, count + 1)]


def innermost_calls(frame: FrameType) -> str:
    """The calls that a thread is in, the innermost first, a few of them."""
    calls = [
        f"{PurePath(caller.f_code.co_filename).name}:{line} {caller.f_code.co_name}"
        for caller, line in traceback.walk_stack(frame)
    ]
    return " < ".join(calls[:NAMED_CALLS])
