"""The main loop of the child process: runs one piece of work after the other until its parent has no more, or has died.

The parent's end of the pipe is the child's lease on life: when it closes, for whatever reason, the running generator is
closed at its next yield and the process ends, within the grace period or by force.
"""

import faulthandler
import importlib
import io
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from contextlib import closing
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Any

import psutil

from engine.errors import EngineError, WorkerError
from engine.isolate.channel import Channel, Kind, Message
from engine.isolate.memory import MemoryFile

_NICENESS = 10
_NO_MEMORY = "The memory does not suffice for this; close other programs"


def main(inbox: int | None, outbox: int | None, grace_s: float, log_level: int) -> None:
    """Serve the parent that started this process. `inbox` and `outbox` are inherited descriptors of shared memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to answer
    _give_way()
    if sys.stderr is not None:
        faulthandler.enable()
    reading, writing = _take_standard_streams()
    channel = Channel(
        reading,
        writing,
        None if inbox is None else MemoryFile(inbox),
        None if outbox is None else MemoryFile(outbox),
    )
    logging.getLogger().setLevel(log_level)
    logging.getLogger().addHandler(_ToParent(channel))
    requests: SimpleQueue[Message | None] = SimpleQueue()
    cancelled = threading.Event()
    threading.Thread(target=_listen, args=(channel, requests, cancelled, grace_s), daemon=True).start()
    while _serve(requests, channel, cancelled):
        pass


def _serve(requests: "SimpleQueue[Message | None]", channel: Channel, cancelled: threading.Event) -> bool:
    """Wait for one request and answer it; False when there are no more. On return nothing of it is kept alive."""
    request = requests.get()
    if request is None:
        return False
    try:
        channel.send(_perform(request, channel, cancelled))
    except BrokenPipeError:  # nobody is left to hear it
        return False
    return True


def _give_way() -> None:
    """Leave the processor to the parent where both want it: a person waits for its window at every gesture."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        psutil.Process().nice(_NICENESS)


def _take_standard_streams() -> tuple[io.FileIO, io.FileIO]:
    """Take the pipes on stdin and stdout for our own, so that a library that prints writes to stderr instead."""
    reading, writing = io.FileIO(os.dup(0), "rb"), io.FileIO(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing if sys.stderr is None else 2, 1)
    os.close(nothing)
    return reading, writing


def _listen(
    channel: Channel, requests: "SimpleQueue[Message | None]", cancelled: threading.Event, grace_s: float
) -> None:
    """Pass requests on, note cancellation, and see to the end when the parent is gone."""
    while (message := channel.receive()) is not None:
        if message.kind is Kind.CANCEL:
            cancelled.set()
        else:
            cancelled.clear()  # a cancel that came after its run had ended
            requests.put(message)
        del message  # it may hold large arrays, and the next may be long in coming
    # A timer in C: it ends the process even if the work, or the interpreter's own shutdown, never gives way.
    faulthandler.dump_traceback_later(grace_s, exit=True, file=os.open(os.devnull, os.O_WRONLY))
    cancelled.set()
    requests.put(None)


def _perform(request: Message, channel: Channel, cancelled: threading.Event) -> Message:
    """Run what is asked for, sending its progress, and return the message that ends the run."""
    try:
        name, args, kwargs = request.content()
        outcome = _function(name)(*args, **kwargs)
        if not isinstance(outcome, Generator):
            return Message.of(Kind.RESULT, outcome)
        with closing(outcome) as work:
            while not cancelled.is_set():
                try:
                    report = next(work)
                except StopIteration as stop:
                    return Message.of(Kind.RESULT, stop.value)
                channel.send(Message.of(Kind.PROGRESS, report))
        return Message.of(Kind.CANCELLED)
    except EngineError as error:
        return Message.of(Kind.ERROR, error)
    except MemoryError:
        return Message.of(Kind.ERROR, WorkerError(_NO_MEMORY, traceback.format_exc()))
    except Exception as error:  # noqa: BLE001 - it is raised again in the parent
        return Message.of(Kind.CRASH, (_one_line(error), traceback.format_exc()))


def _function(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _one_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


class _ToParent(QueueHandler):
    """Sends what is logged here to be logged in the parent, where the log file is."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self._channel = channel

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._channel.send(Message.of(Kind.LOG, record))
        except BrokenPipeError:  # the parent is gone, and with it the log
            return
