"""The command itself, in a process of its own as a person starts it."""

import ctypes.util
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brats_viewer import __main__, preflight
from brats_viewer.display import Plane
from brats_viewer.preflight import display_problem
from brats_viewer.settings import Place, Settings
from engine import __version__
from engine.data import Modality
from engine.log import log_file

LOOK_THEN_LEAVE = """
import sys
from PySide6.QtCore import QTimer
from brats_viewer import app, __main__

class Window(app.MainWindow):
    def showEvent(self, event):
        super().showEvent(event)
        QTimer.singleShot({after_ms}, self.look)

    def look(self):
        print("loaded:", sorted({{"torch", "nibabel", "scipy", "pyqtgraph"}} & set(sys.modules)), flush=True)
        {then}

app.MainWindow = Window
raise SystemExit(__main__.main({arguments!r}))
"""


def run(arguments: list[str] | None = None, *, then: str = "self.close()", after_ms: int = 0) -> subprocess.Popen[str]:
    """Start the viewer, and look at what it has loaded when its window has been shown."""
    program = LOOK_THEN_LEAVE.format(arguments=arguments or [], then=then, after_ms=after_ms)
    environment = os.environ | {"PYTHONWARNINGS": "error", "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", program]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_window_appears_without_torch() -> None:
    process = run()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith("loaded: [")
    assert "torch" not in out
    assert "pyqtgraph" not in out  # the page of trainings loads it


def test_the_engine_is_asked_from_the_window_that_still_has_no_torch() -> None:
    say = 'print(len(self.session.devices) > 0, "torch" in sys.modules)'
    process = run(then=f"self.session.engine_surveyed.connect(lambda: ({say}, self.close()))")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "True False"


def test_the_collector_leaves_alone_what_was_there_before_the_window() -> None:
    count = "gc.isenabled(), gc.get_freeze_count() > 20_000, len(gc.get_objects()) < 10_000"
    process = run(then=f"import gc; print({count}); self.close()")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "True True True"


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_ends_it() -> None:
    process = run(then="pass")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("loaded")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_bug_in_the_window_is_told_and_logged(tmp_path: Path) -> None:
    then = "QTimer.singleShot(100, lambda: (print(self.notice.text()), self.close())); 1 / 0"
    process = run(then=then)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "This should not have happened (ZeroDivisionError: division by zero)" in out
    assert "ZeroDivisionError" in log_file("brats-viewer").read_text()


def test_a_case_on_the_command_line_is_opened(case_folder: Path) -> None:
    then = "self.session.case_changed.connect(lambda: (print(self.session.case.id), self.close()))"
    process = run([str(case_folder)], then=then)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "BraTS-GLI-00001-000"


def test_without_a_case_the_last_one_is_reopened(case_folder: Path) -> None:
    settings = Settings()
    settings.keep_session(Place(case_folder, (12, 30, 23), Plane.AXIAL, Modality.T2F))
    settings._store.sync()
    then = (
        "self.session.cursor_changed.connect(lambda: (print(self.session.case.id, self.session.cursor), self.close()))"
    )
    process = run(then=then)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines()[-1] == "BraTS-GLI-00001-000 (12, 30, 23)"


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        __main__.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"brats-viewer {__version__}\n"
    with pytest.raises(SystemExit):
        __main__.main(["--help"])
    text = "".join(capsys.readouterr().out.split())
    assert "".join(str(log_file("brats-viewer")).split()) in text


def test_a_missing_library_of_qt_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(_: str) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(preflight, "display_problem", lambda: lacks("libEGL.so.1"))
    monkeypatch.setattr(preflight, "_loads", lambda library: library != "libEGL.so.1")
    with pytest.raises(SystemExit) as left:
        __main__.main([])
    assert left.value.code == 2
    assert gc.isenabled()
    assert capsys.readouterr().err == (
        "brats-viewer: Qt needs libEGL.so.1: "
        "apt install libegl1 (Debian, Ubuntu) or dnf install libglvnd-egl (Fedora)\n"
    )


def test_every_missing_library_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_loads", lambda library: "xcb-cursor" not in library)
    line = preflight.missing_libraries_line(OSError("libxcb-icccm.so.4: cannot open shared object file"))
    assert line == (
        "Qt needs libxcb-cursor.so.0, libxcb-icccm.so.4: apt install libxcb-cursor0 libxcb-icccm4 (Debian, Ubuntu) "
        "or dnf install xcb-util-cursor xcb-util-wm (Fedora)"
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has a choice of screens")
class TestDisplay:
    @pytest.fixture(autouse=True)
    def no_screen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(variable, raising=False)

    def test_no_screen_at_all(self) -> None:
        assert display_problem() == (
            "There is no screen here (DISPLAY is not set): start it on a desktop, or connect with ssh -X"
        )

    def test_a_screen_that_needs_no_server(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        assert display_problem() is None

    def test_wayland_needs_no_x(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
        monkeypatch.setattr(preflight, "_plugin_problem", lambda name: None)
        assert display_problem() is None

    def test_a_plugin_that_lacks_a_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setattr(preflight, "_plugin_problem", lambda name: f"{name} lacks something")
        assert display_problem() == "libqxcb.so lacks something"

    @pytest.mark.skipif(ctypes.util.find_library("xcb") is None, reason="the X client library is not here")
    def test_an_x_server_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", ":4711")
        monkeypatch.setattr(preflight, "_plugin_problem", lambda name: None)
        assert display_problem() == ("The X server at DISPLAY=:4711 does not answer: check DISPLAY, or use ssh -X")
