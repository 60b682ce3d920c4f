"""The training loop of the project.

A run is a folder: `config.json`, `log.jsonl` (one JSON record per line), `checkpoint.pt` (all of the state),
`weights.safetensors` (the averaged weights alone, renewed at each checkpoint, for a look at the model while it trains)
and, once it has ended, the bundle `model`.
"""

import json
import time
from contextlib import closing
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import TrainingError
from engine.progress import Progress, Work
from engine.train import checkpoint
from engine.train.config import TrainConfig
from engine.train.feed import Source, batches
from engine.train.sources import SyntheticSource, prepare_folder
from engine.train.trainer import Trainer
from engine.train.validate import mean_dice, validation_examples

LOG_EVERY = 10
LOG_FILE = "log.jsonl"
WEIGHTS_FILE = "weights.safetensors"


def train(
    config: TrainConfig,
    run: Path,
    *,
    dataset: Path | None = None,
    init: dict[str, Tensor] | None = None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 (a constant)
) -> Work[Trainer]:
    """Train in the folder `run`, or go on where it stopped; returns what was trained.

    dataset: a folder of cases with truth, in any layout that is known; None for synthetic cases, made as training
    goes. init: weights to start a fresh run from. Closing the generator stops the training; what it did since the last
    checkpoint is lost. Raises TrainingError if the folder holds a run of another configuration, or a case cannot be
    used.
    """
    trainer = _open(config, run, init, device)
    source: Source = SyntheticSource(config, device)
    if dataset is not None:
        source = yield from prepare_folder(dataset, config, run / "cases", device)
    examples = validation_examples(config, device) if config.validate_every else []
    began = time.monotonic() - trainer.seconds
    with closing(batches(config, source, trainer.step)) as feed, (run / LOG_FILE).open("a", encoding="utf-8") as log:
        losses: list[float] = []
        for batch in feed:
            if trainer.fraction >= 1:
                break
            losses.append(trainer.train_on(batch))
            trainer.seconds = time.monotonic() - began
            record: dict[str, object] = {}
            if trainer.step % LOG_EVERY == 0:
                record = {"loss": sum(losses) / len(losses), "lr": trainer.optimiser.param_groups[0]["lr"]}
                losses.clear()
            if examples and trainer.step % config.validate_every == 0:
                record["dice"] = mean_dice(trainer.averaged_network(), examples)
            if record:
                log.write(json.dumps({"step": trainer.step, "seconds": round(trainer.seconds, 1)} | record) + "\n")
                log.flush()
            if trainer.step % config.checkpoint_every == 0:
                _save(trainer, run)
            yield _progress(trainer)
    _save(trainer, run)
    return trainer


def _open(config: TrainConfig, run: Path, init: dict[str, Tensor] | None, device: torch.device) -> Trainer:
    trainer = Trainer(config, device)
    saved_config, saved_state = run / "config.json", run / "checkpoint.pt"
    if saved_state.exists():
        if TrainConfig.read(saved_config) != config:
            raise TrainingError(f"{run}: holds a training of another configuration; choose another folder")
        trainer.resume(checkpoint.load(saved_state))
        _forget_log_after(run / LOG_FILE, trainer.step)
        return trainer
    if init is not None:
        try:
            trainer.begin_from(init)
        except RuntimeError as error:
            raise TrainingError("--init: the weights are of another network than the settings describe") from error
    try:
        run.mkdir(parents=True, exist_ok=True)
        saved_config.write_text(config.to_json(), encoding="utf-8")
        (run / LOG_FILE).write_text("", encoding="utf-8")
    except OSError as error:
        raise TrainingError(f"{run}: cannot be written ({error.strerror}); choose another folder") from error
    return trainer


def _forget_log_after(path: Path, step: int) -> None:
    """Drop the records of steps that were lost with the time since the last checkpoint, and a half-written line."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:
            break
        if record["step"] > step:
            break
        kept.append(line)
    path.write_text("".join(kept), encoding="utf-8")


def _save(trainer: Trainer, run: Path) -> None:
    checkpoint.save(run / "checkpoint.pt", trainer.state())
    fresh = run / f"{WEIGHTS_FILE}.new"
    save_file({name: value.cpu() for name, value in trainer.average.items()}, fresh)
    fresh.replace(run / WEIGHTS_FILE)


def _progress(trainer: Trainer) -> Progress:
    fraction = trainer.fraction
    left = trainer.seconds / fraction * (1 - fraction) if fraction > 0 else None
    total = trainer.config.steps if trainer.config.hours is None else round(trainer.step / max(fraction, 1e-6))
    return Progress(trainer.step, max(total, trainer.step), "training", left)
