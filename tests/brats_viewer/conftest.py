"""Windows without a screen, with settings of their own and a fake engine, and nothing left behind by any test."""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything loads Qt

import nibabel as nib
import numpy as np
import psutil
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.remote import DEVICES, KEEP, MODELS, SEGMENT, SEGMENT_KEPT
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import CONVENTIONS, Modality
from engine.isolate import Worker
from engine.progress import Work
from tests.brats_viewer.driving import PATIENT_MS
from tests.phantoms import phantom_case

SHAPE = (40, 48, 36)


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
    started = set(threading.enumerate()) - threads
    for thread in started:
        thread.join(timeout=5)  # one that was told to stop has a moment to do so
    assert [thread.name for thread in started if thread.is_alive()] == []
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


_FUNCTIONS = {
    SEGMENT: "segment",
    KEEP: "keep",
    SEGMENT_KEPT: "segment_kept",
    DEVICES: "devices",
    MODELS: "list_models",
}


class FakeEngine(Worker):
    """The real worker with a real child process, in which another engine runs."""

    module = "tests.brats_viewer.fake_work"

    def run(self, function: str, /, *args: Any, **kwargs: Any) -> Work[Any]:
        name = _FUNCTIONS[function]
        return super().run(f"{self.module}:{name}", *args, **kwargs)


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine() as worker:
        yield worker


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.ini")


@pytest.fixture
def session(qapp: QApplication, engine: FakeEngine) -> Iterator[Session]:
    session = Session(engine)
    yield session
    session.close()


@pytest.fixture
def window(qtbot: QtBot, session: Session, settings: Settings) -> MainWindow:
    """The main window, on the screen, with an engine that has told its models and devices."""
    window = MainWindow(session, settings)
    qtbot.addWidget(window)
    with qtbot.waitSignal(session.engine_surveyed, timeout=PATIENT_MS):
        window.show()
    return window


WriteCase = Callable[..., Path]


@pytest.fixture
def write_case(tmp_path: Path) -> WriteCase:
    """Writes the phantom as a case on disk, in the layout of BraTS 2023, and returns its folder."""

    def write(name: str = "BraTS-GLI-00001-000", *, truth: bool = True, without: tuple[Modality, ...] = ()) -> Path:
        case = phantom_case("LPS", shape=SHAPE)
        folder = tmp_path / name
        folder.mkdir()
        for modality, image in case.images.items():
            if modality not in without:
                nib.save(nib.Nifti1Image(image.data, case.native.affine), folder / f"{name}-{modality.lower()}.nii.gz")
        if truth and case.truth:
            integers = CONVENTIONS["brats2023"].encode(case.truth.data).astype(np.uint8)
            nib.save(nib.Nifti1Image(integers, case.native.affine), folder / f"{name}-seg.nii.gz")
        return folder

    return write


@pytest.fixture
def case_folder(write_case: WriteCase) -> Path:
    """One case on disk."""
    return write_case()


@pytest.fixture
def open_case(qtbot: QtBot, window: MainWindow, case_folder: Path) -> MainWindow:
    """The main window with a case in it."""
    with qtbot.waitSignal(window.session.case_changed, timeout=PATIENT_MS):
        window.session.open(case_folder)
    return window
