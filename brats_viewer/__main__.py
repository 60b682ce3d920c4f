"""`brats-viewer [CASE]`: the command that opens the window."""

import argparse
import contextlib
import gc
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from engine import RESEARCH_USE, __version__
from engine.log import log_file, start_log

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from brats_viewer.app import MainWindow

_PROGRAM = "brats-viewer"
_INTERRUPTED = 130
_SWITCH_S = 0.001
"""How long a thread of Python keeps the others waiting; the window's waits after each of its views is painted."""
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window and return the exit status when it has closed.

    0 is a window closed, 2 what a person can mend (told in one line on stderr), 130 Ctrl+C in the terminal.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    start_log(_PROGRAM, verbose=options.verbose)
    with _uncollected():
        from brats_viewer.preflight import display_problem, missing_libraries_line

        try:
            problem = display_problem()
            if problem is None:
                from brats_viewer.app import sample_case  # loads all of Qt
        except ImportError as error:
            problem = missing_libraries_line(error)
        if problem:
            _log.error("%s", problem)
            parser.exit(2, f"{_PROGRAM}: {problem}\n")
        application, window = _open(sample_case() if options.sample else options.case)
    try:
        return application.exec()
    finally:
        window.session.close()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected while the window is made, nor is what was made for it ever looked through for some.

    It is more than 100,000 things, none of them garbage: a full collection would halt the window for several frames.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _open(case: Path | None) -> "tuple[QApplication, MainWindow]":
    from PySide6.QtWidgets import QApplication

    from brats_viewer.app import MainWindow
    from brats_viewer.session import Session
    from brats_viewer.settings import Settings
    from brats_viewer.theme import Theme, app_icon
    from engine.isolate import Worker

    sys.setswitchinterval(_SWITCH_S)
    application = QApplication([_PROGRAM])
    application.setApplicationName("BraTS Viewer")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName(_PROGRAM)
    application.setWindowIcon(app_icon())
    session = Session(Worker())
    window = MainWindow(session, Settings(), Theme(application))
    _catch_everything(window)
    _end_on_interrupt(application)
    window.show()
    if case:
        session.open(case.absolute())
    else:
        window.reopen()
    return application, window


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description=f"See, segment and score brain tumours in multi-modal MRI. {RESEARCH_USE}",
        epilog=f"Details and tracebacks are logged in {log_file(_PROGRAM)}",
    )
    what = parser.add_mutually_exclusive_group()
    meaning = "a case's folder or one of its images, or a folder of cases"
    what.add_argument("case", nargs="?", type=Path, metavar="CASE", help=meaning)
    what.add_argument("--sample", action="store_true", help="open the synthetic case that comes with the viewer")
    parser.add_argument("--verbose", action="store_true", help="print the log to stderr as well")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _catch_everything(window: "MainWindow") -> None:
    """An exception that nobody expected is logged and told in the window, which stays."""

    def tell(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        _log.critical("unexpected", exc_info=(kind, error or kind(), trace))
        details = "".join(traceback.format_exception(kind, error, trace))
        line = f"This should not have happened ({kind.__name__}: {error}); the log has the details"
        with contextlib.suppress(RuntimeError):  # the window may be gone already
            window.unexpected.emit(" ".join(line.split()), details)

    sys.excepthook = tell
    threading.excepthook = lambda hook: tell(hook.exc_type, hook.exc_value, hook.exc_traceback)


def _end_on_interrupt(application: "QApplication") -> None:
    """Let Ctrl+C in the terminal end the program, though Qt's loop does not return to Python by itself."""
    from PySide6.QtCore import QTimer

    signal.signal(signal.SIGINT, lambda *_: application.exit(_INTERRUPTED))
    timer = QTimer(application)
    timer.timeout.connect(lambda: None)  # gives Python the chance to run its signal handlers
    timer.start(200)


if __name__ == "__main__":
    raise SystemExit(main())
