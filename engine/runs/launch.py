"""Starting a training that lives on when whoever started it ends."""

import subprocess
import sys
from pathlib import Path

from engine.errors import TrainingError

OUTPUT_FILE = "output.txt"


def launch(folder: Path) -> int:
    """Train in a run's folder, from its beginning or from where it stopped, in a process of its own; returns its pid.

    Everything about the training is in the folder. What the process prints is in `OUTPUT_FILE` there. Raises
    TrainingError if it cannot be started.
    """
    command = [sys.executable, "-m", "engine", "train", "-o", str(folder), "--resume", "--quiet"]
    detached = {"creationflags": _WINDOWS_FLAGS} if sys.platform == "win32" else {"start_new_session": True}
    try:
        with (folder / OUTPUT_FILE).open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **detached
            )
    except OSError as error:
        raise TrainingError(f"{folder}: the training could not be started ({error.strerror})") from error
    return process.pid


if sys.platform == "win32":
    _WINDOWS_FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
