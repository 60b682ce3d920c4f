"""Watches a window of Qt from inside of its process: when it has painted, and whether its event loop turns.

Needs only PySide6, since it also runs where the peer is installed.
"""

import faulthandler
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import PurePath

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
        self._stacks = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - as long as the process
        window.installEventFilter(self)
        timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._beat)
        timer.start()

    def _beat(self) -> None:
        """Note the time, and what ran if the beat is late: a thread that needs no turn of Python's wrote it down."""
        now = time.monotonic(), time.thread_time()
        late_s = now[0] - self._beats[-1][0] if self._beats else 0.0
        self._beats.append(now)
        faulthandler.cancel_dump_traceback_later()
        if late_s > max(LATE_S, self._longest_s):
            self._stacks.seek(0)
            self._longest_s, self._ran = late_s, innermost_calls(self._stacks.read().decode(), threading.get_ident())
        self._stacks.seek(0)
        self._stacks.truncate()
        faulthandler.dump_traceback_later(LATE_S, file=self._stacks)

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


def innermost_calls(stacks: str, thread: int) -> str:
    """The calls that a thread was in, from faulthandler's stacks of all threads; the innermost first, a few of them."""
    for stack in re.split(r"^(?=(?:Current t|T)hread )", stacks, flags=re.MULTILINE):
        head = re.match(r"(?:Current t|T)hread 0x([0-9a-f]+)", stack)
        if head and int(head[1], 16) == thread:
            calls = re.findall(r'File "(.+)", line (\d+) in (.+)', stack)
            named = [f"{PurePath(file).name}:{line} {function}" for file, line, function in calls[:NAMED_CALLS]]
            return " < ".join((["garbage collection"] if "Garbage-collecting" in stack else []) + named)
    return ""
