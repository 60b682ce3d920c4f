"""Starting a training that lives on when whoever started it ends."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from engine.errors import TrainingError
from engine.lock import Holder, holder, mark
from engine.runs.state import Command, RunState, Stage, read_state, tell, write_state

OUTPUT_FILE = "output.txt"

if sys.platform == "win32":
    _DETACHED: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    _DETACHED: dict[str, Any] = {"start_new_session": True}


def launch(folder: Path) -> int:
    """Train in a run's folder, from its beginning or from where it stopped, in a process of its own; returns its pid.

    Everything about the training is in the folder, which `engine.runs.folder.create` made. What the process prints is
    in `OUTPUT_FILE` there. From here on the folder is that process's, and `tell` reaches it. Raises TrainingError if a
    process trains there already, or none can be started.
    """
    other = holder(folder)
    if other is not None:
        raise TrainingError(f"{folder}: is being trained in by process {other.pid}; wait for it, or stop it")
    tell(folder, Command.GO)
    command = [sys.executable, "-m", "engine", "train", "-o", str(folder.resolve()), "--resume", "--quiet"]
    try:
        with (folder / OUTPUT_FILE).open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **_DETACHED
            )
    except OSError as error:
        raise TrainingError(f"{folder}: the training could not be started ({error.strerror})") from error
    mark(folder, replace(Holder.me(), pid=process.pid, started=psutil.Process(process.pid).create_time()))
    before = read_state(folder) or RunState(Stage.STARTING)
    if before.stage is not Stage.FINISHED:  # which it stays: nothing is left to do
        write_state(folder, replace(before, stage=Stage.STARTING, seconds_left=None, steps_per_s=0.0, message=""))
    Thread(target=process.wait, name="end of a training", daemon=True).start()  # no dead process stays listed
    return process.pid
