"""Where a run is, as seen from outside: what it last said, unless its process is gone."""

from dataclasses import replace
from pathlib import Path

from engine.lock import holder
from engine.runs.state import RunState, Stage, read_state


def status(folder: Path) -> RunState | None:
    """The state of the run in `folder`; INTERRUPTED where it was not over and no process trains there any more.

    None where there is no run that has ever begun. A process on another machine is not seen from here.
    """
    held = holder(folder) is not None  # asked first: a run says that it is over before it lets the folder go
    state = read_state(folder)
    if state is None or state.stage.over or held:
        return state
    told = "its process ended without a word; it goes on from its last checkpoint when it is resumed"
    return replace(state, stage=Stage.INTERRUPTED, seconds_left=None, steps_per_s=0.0, message=told)
