"""A training that learns nothing, in a process of its own: it writes a run's folder and obeys as a real one does."""

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from engine.data import Region
from engine.lock import FolderLock
from engine.runs.log import Point, Validation
from engine.runs.preview import write_preview
from engine.runs.state import Command, RunState, Stage, asked, read_state, tell, write_state
from engine.runs.table import write_table
from tests.brats_viewer.runs import append, hold, preview

STEPS = 60
ROOT = Path(__file__).parents[2]


def launch(folder: Path) -> int:
    """As `engine.runs.launch.launch`."""
    tell(folder, Command.GO)
    before = read_state(folder) or RunState(Stage.STARTING)
    write_state(folder, RunState(Stage.STARTING, before.step, STEPS))
    hold(folder, held=True)  # until the process takes it over
    program = f"from tests.brats_viewer.fake_training import main; main({str(folder)!r})"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, start_new_session=True)
    Thread(target=process.wait, name="end of a fake training", daemon=True).start()  # so that it does not stay listed
    return process.pid


def main(path: str) -> None:
    """Go through the steps, from where the state says that they stopped."""
    folder = Path(path)
    with FolderLock(folder):
        state = read_state(folder)
        for step in range(state.step + 1 if state else 1, STEPS + 1):
            time.sleep(0.02)
            while asked(folder) is Command.PAUSE:
                write_state(folder, RunState(Stage.PAUSED, step, STEPS))
                time.sleep(0.02)
            if asked(folder) is Command.STOP:
                write_state(folder, RunState(Stage.STOPPED, step, STEPS))
                return
            append(folder, Point(step, step / 10, 1 / step, 1e-3))
            if step % 20 == 0:
                append(folder, Validation(step, step / 10, dict.fromkeys(Region, step / 100), best=True))
                write_preview(folder, preview(step))
            write_state(folder, RunState(Stage.TRAINING, step, STEPS, step / 10, (STEPS - step) / 50, 50.0))
        write_table(folder, {"case": dict.fromkeys(Region, 0.6)})
        write_state(folder, RunState(Stage.FINISHED, STEPS, STEPS, STEPS / 10))
