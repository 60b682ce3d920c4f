"""The training loop of the project: in a run's folder, from its beginning or from where it stopped, to its model.

What lies in the folder is listed in `engine.runs`.
"""

from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from engine.data import Region
from engine.data.atomic import write_atomically
from engine.errors import DeviceError, EngineError, TrainingError
from engine.lock import FolderLock
from engine.predict.device import choose_device
from engine.progress import Work
from engine.runs.curves import CURVES_FILE, draw_curves
from engine.runs.folder import BEST_FOLDER
from engine.runs.log import Validation
from engine.runs.preview import write_preview
from engine.runs.state import Command, Stage, read_state
from engine.train.distributed import ALONE, Processes
from engine.train.examples import Examples, folder_examples, synthetic_examples
from engine.train.feed import batches
from engine.train.first_weights import first_weights
from engine.train.outcome import conclude, facts_of
from engine.train.publish import publish
from engine.train.run import Run
from engine.train.trainer import Trainer
from engine.train.validate import mean_over, preview_of, validate

MOST_LEFT_OUT = 10
"""So many steps in a row without a finite loss end a training: nothing would come of more."""


def train(folder: Path, *, device: torch.device | None = None, processes: Processes = ALONE) -> Work[Trainer]:
    """Train in the folder that `engine.runs.folder.create` made, to the end or until it is told to stop.

    device: in place of the one that the folder names. processes: see `engine.train.distributed`; each calls this.
    Where the run stands is in its folder, so a stopped training returns its trainer like a finished one, and a finished
    one is not trained further. Closing the generator stops it with its state kept. Raises TrainingError if the folder
    cannot be trained in, a case cannot be used, or the loss is no more finite; DeviceError if memory does not suffice;
    FolderInUseError if a process trains there already. The folder says why it failed.
    """
    run = Run(folder, processes)
    with FolderLock(folder) if processes.leads else nullcontext():
        try:
            return (yield from _train(run, device))
        except GeneratorExit:
            run.stopped(run.trainer)
            raise
        except KeyboardInterrupt:  # in the midst of a step, so it goes on from its last checkpoint
            run.tell(Stage.STOPPED)
            raise
        except torch.cuda.OutOfMemoryError as error:
            failed = DeviceError(
                f"{run.source.device}: not enough memory for these settings; lower batch, patch or width"
            )
            run.tell(Stage.FAILED, message=str(failed))
            raise failed from error
        except BaseException as error:
            known = isinstance(error, EngineError)
            run.tell(Stage.FAILED, message=f"{error}" if known else f"an error in the program: {error!r}")
            raise


def _train(run: Run, device: torch.device | None) -> Work[Trainer]:
    before = read_state(run.folder)
    device = device or choose_device(run.source.device)
    if before is not None and before.stage is Stage.FINISHED:
        trainer = Trainer(replace(run.config, steps=max(1, before.steps)), device, run.processes)
        run.begin(trainer)
        return trainer
    yield run.tell(Stage.STARTING)
    examples = yield from _examples(run, device)
    trainer = Trainer(run.config if examples is None else examples.config, device, run.processes)
    if examples is None:
        run.stopped(None)
        return trainer
    _begin(run, trainer)
    for remark in examples.remarks:
        run.remark(remark)
    stopped = yield from _steps(run, trainer, examples)
    if stopped:
        run.stopped(trainer)
    elif run.processes.leads:
        message = yield from conclude(run, trainer, examples)
        if message is None:
            run.stopped(trainer)
        else:
            run.tell(Stage.FINISHED, message=message)
    return trainer


def _begin(run: Run, trainer: Trainer) -> None:
    """Take up the run's state, or keep a first one: what the machine decided then holds however soon it is cut off."""
    resumed = run.begin(trainer)
    if not resumed and run.source.init is not None:
        trainer.begin_from(first_weights(run.source.init, trainer.config))
    (half,) = run.processes.told([float(trainer.half)], trainer.device)
    trainer.half = bool(half)
    run.processes.wait()  # for all to have looked for a state before there is a new one
    if not resumed:
        run.save(trainer)


def _examples(run: Run, device: torch.device) -> Work[Examples | None]:
    """What the run learns from; None if it was told to stop before that was ready."""
    if run.source.dataset is None:
        return synthetic_examples(run.config, device)
    if not run.processes.leads:
        run.processes.wait()  # for the first to prepare the cases, which the others then find
    work = folder_examples(run.folder, run.config, run.source, device, leads=run.processes.leads)
    with closing(work):
        while True:
            try:
                progress = next(work)
            except StopIteration as stop:
                examples: Examples = stop.value
                break
            yield run.tell(Stage.PREPARING, progress.done, progress.total, progress.stage)
            if run.processes.count == 1 and run.asked() is Command.STOP:
                return None
    if run.processes.leads:
        run.processes.wait()
    return examples


def _steps(run: Run, trainer: Trainer, examples: Examples) -> Work[bool]:
    """Train to the end of the schedule, validating on the way; says whether it was told to stop before."""
    run.resume_clock()
    place = run.processes.rank, run.processes.count
    with closing(batches(trainer.config, examples.training, trainer.step, *place)) as feed:
        while True:
            stop = yield from run.obey(trainer)
            if stop:
                return True
            done = trainer.fraction >= 1
            if examples.validation and _is_due(trainer, done):
                run.save(trainer)
                stop = yield from _validate(run, trainer, examples)
                if stop:
                    return True
            if done:
                run.save(trainer)
                return False
            trainer.train_on(next(feed))
            if trainer.left_out:
                _tell_left_out(run, trainer, examples)
            run.stepped(trainer)
            yield run.tell(Stage.TRAINING)


def _is_due(trainer: Trainer, done: bool) -> bool:
    """Whether the weights of this step are to be validated, and have not been."""
    every = trainer.config.validate_every
    return trainer.step > trainer.validated and every > 0 and (done or trainer.step % every == 0)


def _tell_left_out(run: Run, trainer: Trainer, examples: Examples) -> None:
    """Say that a step had no finite loss or gradient, and of which cases; after too many in a row, raise."""
    batch = trainer.config.batch
    names = ", ".join(examples.cases_of(range((trainer.step - 1) * batch, trainer.step * batch)))
    cases = f" (of {names})" if names else ""
    run.remark(f"the loss or its gradient{cases} was not finite, so the step was left out")
    if trainer.left_out >= MOST_LEFT_OUT:
        raise TrainingError(
            f"{run.folder}: {MOST_LEFT_OUT} steps in a row up to step {trainer.step}{cases} had no finite loss; the "
            "state before them is kept; begin another run with a lower learning rate"
        )


def _validate(run: Run, trainer: Trainer, examples: Examples) -> Work[bool]:
    """Validate the averaged weights, keep them if they are the best so far; says whether it was told to stop before.

    The first of several processes does it and the others wait for what comes of it.
    """
    if run.processes.leads:
        network = trainer.averaged_network()
        scores: list[Mapping[Region, float]] = []
        for case, get in examples.validation.items():
            yield run.tell(Stage.VALIDATING, len(scores), len(examples.validation), f"validating {case}")
            if run.asked() is Command.STOP and run.processes.count == 1:
                return True
            validated = validate(network, get(), trainer.config.window, half=trainer.half)
            if not scores:
                write_preview(run.folder, preview_of(validated, case, trainer.step, trainer.config))
            scores.append(validated.dice)
        dice = mean_over(scores)
        mean = sum(dice.values()) / len(dice)
        best = mean > trainer.best
        if best:
            trainer.best = mean
            if trainer.config.keep_best:
                _keep(run, trainer, examples)
        run.tick(trainer)
        run.journal.log(Validation(trainer.step, trainer.seconds, dice, best))
        write_atomically({run.folder / CURVES_FILE: draw_curves(run.journal.records())})
    trainer.validated = trainer.step
    return False


def _keep(run: Run, trainer: Trainer, examples: Examples) -> None:
    """Put the averaged weights into the bundle of the best validation."""
    publish(
        run.folder / BEST_FOLDER,
        trainer.config,
        trainer.average,
        title=f"{run.folder.name}, {trainer.config.spacing_mm:g} mm, best validation",
        description="The best so far of a training that has not ended.",
        training=facts_of(run, trainer, examples),
    )
