"""The training loop of the project.

A run is a folder: `config.json`, `source.json` (data and first weights), `log.jsonl` (one JSON record per line),
`checkpoint.pt` (all of the state), `weights.safetensors` (the averaged weights alone, renewed at each checkpoint, for a
look at the model while it trains) and, once it has ended, the bundle `model`.
"""

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import DeviceError, TrainingError
from engine.progress import Progress, Work
from engine.runs.folder import RunFolder
from engine.runs.settings import TrainConfig
from engine.train import checkpoint
from engine.train.feed import Example, Source, batches
from engine.train.sources import SyntheticSource, prepare_folder
from engine.train.trainer import Trainer
from engine.train.validate import mean_dice, validation_examples

LOG_EVERY = 10
CPU = torch.device("cpu")


def train(
    config: TrainConfig,
    folder: Path,
    *,
    dataset: Path | None = None,
    init: dict[str, Tensor] | None = None,
    init_name: str | None = None,
    device: torch.device = CPU,
) -> Work[Trainer]:
    """Train in `folder`, or go on where it stopped; returns what was trained.

    dataset: a folder of cases with truth, in any layout that is known; None for synthetic cases, made as training
    goes. init: weights to start a fresh run from, and `init_name`, what they are called in its record. Closing the
    generator stops the training; what it did since the last checkpoint is lost. Raises TrainingError if the folder
    holds another run, a process trains in it, the weights do not fit, or a case cannot be used; DeviceError if the
    device's memory is too small.
    """
    trainer = Trainer(config, device)
    if init is not None:
        trainer.begin_from(init)
    run = RunFolder(folder)
    goes_on = run.claim(config)
    try:
        if goes_on:
            trainer.resume(checkpoint.load(run.checkpoint))
        run.forget_log_after(trainer.step)
        if trainer.fraction < 1:
            yield from _train(trainer, run, dataset, init_name)
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"{device}: not enough memory for these settings; lower batch, patch or width") from error
    finally:
        run.release()
    return trainer


def _train(trainer: Trainer, run: RunFolder, dataset: Path | None, init_name: str | None) -> Work[None]:
    config, device = trainer.config, trainer.device
    facts: dict[str, Any] = {"data set": str(dataset.resolve()) if dataset else None, "first weights": init_name}
    source: Source = SyntheticSource(config, device)
    if dataset is not None:
        source = stored = yield from prepare_folder(dataset, config, run.path / "cases", device)
        facts["cases"] = [file.name for file in stored.files]
    run.check_source(facts)
    examples = validation_examples(config, device) if config.validate_every else []
    began = time.monotonic() - trainer.seconds
    with closing(batches(config, source, trainer.step)) as feed, run.log.open("a", encoding="utf-8") as log:
        for batch in feed:
            trainer.train_on(batch)
            trainer.seconds = time.monotonic() - began
            _log(trainer, examples, log)
            done = trainer.fraction >= 1
            if done or trainer.step % config.checkpoint_every == 0:
                _save(trainer, run)
            yield _progress(trainer)
            if done:
                return


def _log(trainer: Trainer, examples: list[Example], log: TextIO) -> None:
    """Write what there is to tell of a step: the mean loss of the last steps, now and then a validation."""
    record: dict[str, object] = {}
    if trainer.step % LOG_EVERY == 0:
        record = {"loss": trainer.mean_loss(), "lr": trainer.optimiser.param_groups[0]["lr"]}
    if examples and trainer.step % trainer.config.validate_every == 0:
        record["dice"] = mean_dice(trainer.averaged_network(), examples, trainer.config.window)
    if record:
        log.write(json.dumps({"step": trainer.step, "seconds": round(trainer.seconds, 1)} | record) + "\n")
        log.flush()


def _save(trainer: Trainer, run: RunFolder) -> None:
    checkpoint.save(run.checkpoint, trainer.state())
    fresh = run.weights.with_name(run.weights.name + ".new")
    try:
        save_file({name: value.cpu() for name, value in trainer.average.items()}, fresh)
        fresh.replace(run.weights)
    except OSError as error:
        raise TrainingError(f"{run.weights}: cannot be written ({error.strerror}); free some space") from error
    finally:
        fresh.unlink(missing_ok=True)


def _progress(trainer: Trainer) -> Progress:
    fraction = trainer.fraction
    left = trainer.seconds / fraction * (1 - fraction) if fraction > 0 else None
    total = trainer.config.steps if trainer.config.hours is None else round(trainer.step / max(fraction, 1e-6))
    return Progress(trainer.step, max(total, trainer.step), "training", left)
