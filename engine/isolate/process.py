"""The child process as its parent holds it: how it is started, heard and ended, and what to say of its death."""

import io
import logging
import signal
import subprocess
import sys
import threading
from queue import Empty, SimpleQueue
from typing import cast

from engine.errors import WorkerError
from engine.isolate.channel import Channel, Kind, Message
from engine.isolate.memory import shared_memory

_LAST_WORDS_S = 1.0  # how long to listen to a process that has ended: only a descendant of it could hold the pipe open


class ChildProcess:
    """A new interpreter that runs `engine.isolate.child`.

    Not a `multiprocessing.Process`: that would import the parent's `__main__` again, with Qt in it, and take down a
    resource tracker beside it. The child finds modules where this process does, and its prints go to our stderr. It is
    a process group of its own, which Ctrl+C in a terminal does not reach.
    """

    def __init__(self, grace_s: float) -> None:
        self._ending = False
        self._end_lock = threading.Lock()
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        to_child, to_parent = shared_memory(), shared_memory()
        descriptors = [None if memory is None else memory.descriptor for memory in (to_child, to_parent)]
        path = [str(folder) for folder in sys.path]
        arguments = (*descriptors, grace_s, logging.getLogger().getEffectiveLevel())
        program = f"import sys; sys.path[:] = {path!r}; from engine.isolate.child import main; main(*{arguments!r})"
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
                [sys.executable, "-c", program],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if sys.stderr is None else None,
                pass_fds=[descriptor for descriptor in descriptors if descriptor is not None],
                process_group=0,
            )
        except OSError as error:
            for memory in (to_child, to_parent):
                if memory is not None:
                    memory.close()
            raise WorkerError(
                f"The process that does the work could not be started ({error.strerror}); close other programs"
            ) from error
        reading, writing = cast("io.FileIO", self._process.stdout), cast("io.FileIO", self._process.stdin)
        self._channel = Channel(reading, writing, inbox=to_parent, outbox=to_child)
        self._reader = threading.Thread(target=self._listen, name="worker-listener", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def send(self, message: Message) -> None:
        """Send it a message; WorkerError if it has died."""
        try:
            self._channel.send(message)
        except BrokenPipeError:
            raise self._death() from None

    def receive(self, timeout_s: float) -> Message | None:
        """Its next message, or None after `timeout_s` of silence; WorkerError once it has died and said everything."""
        try:
            message = self._messages.get(timeout=timeout_s)
        except Empty:
            if self.alive:
                return None
            self._reader.join(_LAST_WORDS_S)
            message = None if self._messages.empty() else self._messages.get()
        if message is None:
            raise self._death()
        return message

    def end(self, grace_s: float) -> None:
        """Let it close its work and go, kill it after `grace_s`, and free what it held; harmless when repeated."""
        self._ending = True
        self._channel.stop_sending()
        self._wait(grace_s)
        with self._end_lock:
            self._reader.join(_LAST_WORDS_S)
            if not self._reader.is_alive():
                self._channel.close()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.end(grace_s=0.0)

    def _listen(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                if message.kind is Kind.LOG:
                    _log_again(message.content())
                else:
                    self._messages.put(message)
                del message  # it may hold large arrays, and the next may be long in coming
        finally:
            self._messages.put(None)

    def _wait(self, grace_s: float) -> int:
        try:
            return self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _death(self) -> WorkerError:
        code = self._wait(_LAST_WORDS_S)
        if self._ending:
            return WorkerError("The work was stopped, because the process that does it was told to end")
        return WorkerError(death_notice(code))


def death_notice(code: int) -> str:
    """One line on a process that ended with `code` (negative: the signal that killed it) though nobody told it to.

    >>> death_notice(3)
    'The process that did the work ended unexpectedly (exit code 3); try again, and report it if it happens again'
    """
    if sys.platform != "win32" and code == -signal.SIGKILL:
        return (
            "The process that did the work was killed (SIGKILL), possibly out of memory; "
            "close other programs or give it less to do at a time"
        )
    try:
        cause = signal.Signals(-code).name
    except ValueError:
        cause = f"exit code {code}" if code < 256 else f"exit code {code:#x}"
    return f"The process that did the work ended unexpectedly ({cause}); try again, and report it if it happens again"


def _log_again(record: logging.LogRecord) -> None:
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
