"""The parent's side: a child process that stays warm between pieces of work, and the generator that stands for one."""

import logging
import threading
from time import monotonic
from types import TracebackType
from typing import Any, Self

from engine.errors import WorkerError
from engine.isolate.channel import Kind, Message
from engine.isolate.process import ChildProcess
from engine.progress import Progress, Work

_log = logging.getLogger(__name__)

_SILENCE_S = 0.1  # how often a silent run yields: what a person feels as at once


class Worker:
    """Runs generators of `Progress` in a child process, one at a time, and is cheap until the first.

    The child is a new interpreter, never a fork, and imports what the work names and nothing else: not `__main__`, not
    Qt. It stays after a run, with torch, weights and a CUDA context loaded, until `close`. If it dies, the run that it
    was busy with raises WorkerError and the next run starts another. If this process dies, the child ends by itself.

    `grace_s` is how long a cancelled run may take to reach its next yield before the child is killed. Whoever presses
    Stop waits that long at most; a forward pass gives way between two layers, so that this seldom comes, and killing
    costs no more than loading torch again (3 s).
    """

    def __init__(self, grace_s: float = 1.0) -> None:
        self._grace_s = grace_s
        self._child: ChildProcess | None = None
        self._busy = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def start(self) -> None:
        """Start the child if it does not run yet, without waiting for it; WorkerError if the system refuses."""
        with self._lock:
            self._living_child()

    def run(self, function: str, /, *args: Any, **kwargs: Any) -> Work[Any]:
        """The work of `function` ("module:function", a generator function or a plain one) called in the child.

        Yields the work's reports, and the last one again each 0.1 s of silence, so that whoever consumes this can close
        it at any time. Returns the result. Arrays in arguments and result arrive as copies that alone hold their
        memory, writable unless they were read-only.

        Raises the EngineError that the work raised, of the same class and message; WorkerError for any other exception,
        with the child's traceback in `details` and in the log, and for a child that dies. What cannot be pickled raises
        here, as the caller's bug that it is.

        Closing cancels: the child closes its generator at its next yield, so that its `finally` blocks run, and stays
        warm; if that takes longer than the grace period it is killed. Closing returns when either has happened.
        """
        request = Message.of(Kind.RUN, (function, args, kwargs))
        child = self._engage()
        ended = False  # whether the child has said its last word on this run
        latest = Progress(0, 0, "starting")
        try:
            child.send(request)
            while True:
                message = child.receive(_SILENCE_S)
                if message is not None and message.kind is not Kind.PROGRESS:
                    ended = True
                    return _result(message, function)
                if message is not None:
                    latest = message.content()
                yield latest
        finally:
            if not ended:
                self._cancel(child)
            self._release(child)

    def rest(self) -> None:
        """End an idle child, so that the memory and the device that it holds are free; the next run starts another.

        One that is busy stays.
        """
        with self._lock:
            if self._busy:
                return
            child, self._child = self._child, None
        if child is not None:
            child.end(self._grace_s)

    def close(self) -> None:
        """End the child for good, also in the midst of a run, which then raises WorkerError. Any thread may call this.

        The run's generator is closed at its next yield; a child that has not ended after the grace period is killed.
        """
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.end(self._grace_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _living_child(self) -> ChildProcess:
        if self._closed:
            raise RuntimeError("the worker is closed")
        if self._child is not None and not self._child.alive:
            self._child.end(self._grace_s)
            self._child = None
        if self._child is None:
            self._child = ChildProcess(self._grace_s)
        return self._child

    def _engage(self) -> ChildProcess:
        with self._lock:
            if self._busy:
                raise RuntimeError("a worker runs one piece of work at a time")
            child = self._living_child()
            self._busy = True
            return child

    def _release(self, child: ChildProcess) -> None:
        with self._lock:
            self._busy = False
            if self._child is child and not child.alive:
                self._child = None
                child.end(self._grace_s)

    def _cancel(self, child: ChildProcess) -> None:
        """Return when the run is over in the child, or the child is."""
        deadline = monotonic() + self._grace_s
        try:
            child.send(Message.of(Kind.CANCEL))
            while (left_s := deadline - monotonic()) > 0:
                message = child.receive(left_s)
                if message is not None and message.kind is not Kind.PROGRESS:
                    if message.kind is Kind.CRASH:
                        _log.error("cancelled work failed in its end\n%s", message.content()[1])
                    return
        except WorkerError:  # it has died, which ends the run as well
            return
        child.kill()


def _result(message: Message, function: str) -> Any:
    """What the message that ends a run holds: returned if a result, else raised."""
    if message.kind is Kind.RESULT:
        return message.content()
    if message.kind is Kind.ERROR:
        raise message.content()
    if message.kind is Kind.CRASH:
        line, trace = message.content()
        _log.error("%s failed in the child process\n%s", function, trace)
        raise WorkerError(f"The work failed unexpectedly: {line}; the log has the details", details=trace)
    raise WorkerError("The work was stopped, because the process that does it was told to end")
