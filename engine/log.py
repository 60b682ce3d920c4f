"""The log file: where tracebacks and details go that a person at the screen is spared."""

import logging
import logging.handlers
import sys
from pathlib import Path

from platformdirs import user_log_path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_file(program: str) -> Path:
    """Where `program` ("brats-engine" or "brats-viewer") keeps its log."""
    return user_log_path("brats-viewer", appauthor=False) / f"{program}.log"


def start_log(program: str, *, verbose: bool = False) -> None:
    """Log to the program's file (1 MB, two old ones kept), and with `verbose` to stderr as well.

    Where the file cannot be written the program runs on without, and says so once on stderr.
    """
    root = logging.getLogger()
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    path = log_file(program)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        to_file = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    except OSError as error:
        print(f"no log is kept: {path}: {error.strerror}", file=sys.stderr)
    else:
        to_file.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(to_file)
    if verbose:
        to_screen = logging.StreamHandler()
        to_screen.setFormatter(logging.Formatter(_FORMAT))
        root.addHandler(to_screen)
