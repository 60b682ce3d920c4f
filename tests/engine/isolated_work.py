"""Work for the child process of test_isolate, which imports this by name."""

import logging
import os
import sys
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import CaseError
from engine.progress import Progress, Work

_PAUSE_S = 0.005


def add_up(count: int, *, start: int = 0) -> Work[int]:
    total = start
    for step in range(count):
        total += step
        yield Progress(step + 1, count, "adding")
    return total


def refuse(path: str) -> Work[None]:
    yield Progress(0, 1, "reading")
    raise CaseError(f"{path}: holds no image; choose another folder")


def stumble() -> Work[None]:
    yield Progress(0, 1, "dividing")
    raise ZeroDivisionError("by nothing\nat all")


def take_too_much() -> object:
    return np.empty(1 << 62, dtype=np.uint8)


def return_a_lambda() -> object:
    return lambda: None


def go_on_until_closed(marker: str) -> Work[None]:
    pause = threading.Event()
    try:
        while True:
            pause.wait(_PAUSE_S)
            yield Progress(1, 2, f"busy in {os.getpid()}")
    finally:
        Path(marker).write_text("finally")


def turn_a_deaf_ear() -> Work[None]:
    yield Progress(1, 2, f"busy in {os.getpid()}")
    threading.Event().wait()


def never_let_go() -> Work[None]:
    pause = threading.Event()
    try:
        while True:
            pause.wait(_PAUSE_S)
            yield Progress(1, 2, f"busy in {os.getpid()}")
    finally:
        pause.wait()


def close_badly() -> Work[None]:
    try:
        while True:
            yield Progress(1, 2, "busy")
    finally:
        raise OSError("the disk is full")


def die(how: int) -> Work[None]:
    yield Progress(1, 2, "dying")
    if how < 0:
        os.kill(os.getpid(), -how)
        threading.Event().wait()
    os._exit(how)


def describe(first: NDArray[np.float32], second: NDArray[np.uint8]) -> dict[str, object]:
    """What arrived, and the arrays again."""
    first[0] += 1
    return {"first": first, "second": second, "sum": float(second.sum()), "none": np.zeros((0, 3))}


def say(line: str) -> None:
    print("printed, which must not garble the conversation")  # noqa: T201
    logging.getLogger("isolated").warning("%s %s", line, logging.getLogger().level)


def module_names() -> list[str]:
    return sorted(sys.modules)
