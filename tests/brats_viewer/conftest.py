"""Windows without a screen, with settings of their own, and nothing left behind by any test."""

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything loads Qt

import psutil
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings and logs of a test, and of the processes it starts, go to its own folder."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "home" / variable))


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A top-level widget, a thread or a child process that outlives its test fails it."""
    widgets, threads, children = _widgets(), set(threading.enumerate()), _children()
    yield
    assert [repr(widget) for widget in _widgets() - widgets] == []
    assert [thread.name for thread in set(threading.enumerate()) - threads if thread.is_alive()] == []
    left = _children() - children
    psutil.wait_procs(left, timeout=5)
    assert [child.cmdline() for child in left if child.is_running()] == []


def _widgets() -> set[object]:
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        return set()
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    return set(app.topLevelWidgets())


def _children() -> set[psutil.Process]:
    """Child processes, without the one that Python keeps to clean up shared memory."""
    return {
        child
        for child in psutil.Process().children(recursive=True)
        if not any("resource_tracker" in argument for argument in child.cmdline())
    }
