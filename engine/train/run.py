"""A run while a process trains in it: what it tells, what it is asked for, and its state on disk."""

import shutil
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

from safetensors.torch import save_file

from engine.errors import TrainingError
from engine.progress import Progress, Work
from engine.runs.folder import BEST_FOLDER, MODEL_FOLDER, WEIGHTS_FILE, read_config, read_source
from engine.runs.journal import Journal
from engine.runs.log import Event, Point
from engine.runs.state import Command, RunState, Stage, asked, tell
from engine.train import checkpoint
from engine.train.distributed import Processes
from engine.train.trainer import Trainer

LOG_EVERY = 10
SAVE_EVERY_S = 60.0
_LOOK_EVERY_S = 0.2  # while paused
_LEFT_FOR_S = 60.0  # a temporary file is not being written any more
_PACE_OVER = 20  # steps
_COMMANDS = tuple(Command)


class Run:
    """The folder of a run and the trainer in it; of several processes, only the first one's writes."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder = folder
        self.config = read_config(folder)
        self.source = read_source(folder)
        self.processes = processes
        self.journal = Journal(folder)
        self.trainer: Trainer | None = None
        self._ticked = time.monotonic()
        self._saved = (0, self._ticked)  # step and time of the last checkpoint
        self._steps: deque[float] = deque(maxlen=_PACE_OVER)

    def tell(self, stage: Stage, done: int = 0, total: int = 0, message: str = "") -> Progress:
        """Say where the run is, for those who watch its folder, and as a report to whoever runs it."""
        trainer = self.trainer
        if trainer is None:
            state = RunState(stage, done=done, total=total, message=message)
        else:
            state = RunState(
                stage=stage,
                step=trainer.step,
                steps=self._all_steps(trainer),
                seconds=round(trainer.seconds, 1),
                seconds_left=self._seconds_left(trainer),
                steps_per_s=self._pace() if stage is Stage.TRAINING else 0.0,
                done=done,
                total=total,
                message=message,
            )
        if self.processes.leads:
            self.journal.tell(state)
        if stage is Stage.TRAINING:
            return Progress(state.step, max(state.steps, state.step), stage, state.seconds_left)
        return Progress(done, total, message or stage)

    def _all_steps(self, trainer: Trainer) -> int:
        if trainer.config.hours is None:
            return trainer.config.steps
        return round(trainer.step / trainer.fraction) if trainer.fraction > 0 else 0

    def _seconds_left(self, trainer: Trainer) -> float | None:
        if trainer.config.hours is not None:
            return max(0.0, 3600 * trainer.config.hours - trainer.seconds)
        return trainer.seconds / trainer.fraction * (1 - trainer.fraction) if trainer.fraction > 0 else None

    def _pace(self) -> float:
        """Steps in a second, of late."""
        seconds = self._steps[-1] - self._steps[0] if len(self._steps) > 1 else 0.0
        return (len(self._steps) - 1) / seconds if seconds > 0 else 0.0

    def resume_clock(self) -> None:
        """Let the time that has passed since the last tick not count."""
        self._ticked = time.monotonic()
        self._steps.clear()

    def tick(self, trainer: Trainer) -> None:
        """Count the time since the last tick as time of training."""
        now = time.monotonic()
        trainer.seconds += now - self._ticked
        self._ticked = now

    def stepped(self, trainer: Trainer) -> None:
        """Write down what there is to tell of a step, and keep the state where that is due."""
        self.tick(trainer)
        self._steps.append(self._ticked)
        for remark in trainer.remarks:
            self.remark(remark)
        trainer.remarks.clear()
        if trainer.step < LOG_EVERY or trainer.step % LOG_EVERY == 0:  # a curve from the first steps, however slow
            loss = trainer.mean_loss()
            if loss is not None and self.processes.leads:
                rate = float(trainer.optimiser.param_groups[0]["lr"])
                self.journal.log(Point(trainer.step, trainer.seconds, loss, rate))
        step, at = self._saved
        late = time.monotonic() - at >= SAVE_EVERY_S
        if not trainer.left_out and (late or trainer.step - step >= trainer.config.checkpoint_every):
            self.save(trainer)

    def remark(self, text: str) -> None:
        """Put into the log what a person should know of."""
        trainer = self.trainer
        if self.processes.leads:
            step, seconds = (trainer.step, trainer.seconds) if trainer is not None else (0, 0.0)
            self.journal.log(Event(step, seconds, text))

    def begin(self, trainer: Trainer) -> bool:
        """Take up what the folder holds of this trainer; says whether it holds a state, so that weights are there."""
        state, remark = checkpoint.load(self.folder)
        if state is not None:
            trainer.resume(state)
        self.trainer = trainer
        self._saved = (trainer.step, time.monotonic())
        if self.processes.leads:
            self.journal.forget_after(trainer.step, trainer.validated)
            self._clear()
        if remark:
            self.remark(remark)
        return state is not None

    def _clear(self) -> None:
        """Remove what a process that was killed left half-written; not what a window may be writing now."""
        for half in (*self.folder.glob(f".{BEST_FOLDER}-*"), *self.folder.glob(f".{MODEL_FOLDER}-*")):
            shutil.rmtree(half, ignore_errors=True)
        for half in self.folder.glob(".*.tmp"):
            with suppress(FileNotFoundError):
                if time.time() - half.stat().st_mtime > _LEFT_FOR_S:
                    half.unlink()

    def save(self, trainer: Trainer) -> None:
        """Keep the state from which the run goes on, and the averaged weights for a look at the model."""
        self._saved = (trainer.step, time.monotonic())
        if not self.processes.leads:
            return
        self.journal.sync()
        checkpoint.save(self.folder, trainer.state())
        path = self.folder / WEIGHTS_FILE
        fresh = path.with_name(path.name + ".new")
        try:
            save_file({name: value.cpu() for name, value in trainer.average.items()}, fresh)
            fresh.replace(path)
        except OSError as error:
            raise TrainingError(f"{path}: cannot be written ({error.strerror}); free some space") from error
        finally:
            fresh.unlink(missing_ok=True)

    def asked(self) -> Command:
        """What the run is asked for now."""
        return asked(self.folder)

    def obey(self, trainer: Trainer) -> Work[bool]:
        """Wait while the run is asked to pause, the state kept; says whether it is asked to stop."""
        paused = False
        while True:
            told = [float(_COMMANDS.index(self.asked())), trainer.seconds]
            number, trainer.seconds = self.processes.told(told, trainer.device)
            command = _COMMANDS[int(number)]
            if command is not Command.PAUSE:
                break
            if not paused:
                self.save(trainer)
                paused = True
            yield self.tell(Stage.PAUSED)
            time.sleep(_LOOK_EVERY_S)
        if paused:
            self.resume_clock()
        return command is Command.STOP

    def stopped(self, trainer: Trainer | None) -> None:
        """Keep the state and end; what was asked for is done, so that the next start does not stop at once."""
        if trainer is not None:
            self.save(trainer)
        if self.processes.leads:
            tell(self.folder, Command.GO)
        self.tell(Stage.STOPPED)
