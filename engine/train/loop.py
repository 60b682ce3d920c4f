"""The training loop of the project.

A run is a folder: `config.json`, `log.jsonl` (one JSON record per line), `checkpoint.pt` (all of the state) and
`weights.safetensors` (the averaged weights alone, renewed at each checkpoint, for a look at the model while it trains).
"""

import json
import math
import time
from contextlib import closing
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import TrainingError
from engine.model.unet import UNet, UNetConfig
from engine.progress import Progress, Work
from engine.train import checkpoint
from engine.train.config import Precision, TrainConfig
from engine.train.feed import Batch, batches
from engine.train.losses import dice_loss, focal_loss, region_targets

LOG_EVERY = 10
FINAL_SHARE = 0.01  # of the learning rate, at the end of the schedule


def learning_rate(config: TrainConfig, fraction: float) -> float:
    """Linear warm-up, then half a cosine down to a hundredth; `fraction` of the training in [0, 1].

    >>> config = TrainConfig(learning_rate=1.0, warm_up=0.5)
    >>> [round(learning_rate(config, at), 3) for at in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 1.0, 0.505, 0.01]
    """
    if fraction < config.warm_up:
        return config.learning_rate * fraction / config.warm_up
    descent = min(1.0, (fraction - config.warm_up) / (1 - config.warm_up))
    return config.learning_rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * descent)) / 2)


def network_config(config: TrainConfig) -> UNetConfig:
    """The shape of the network that a configuration trains: four modalities in, three regions out."""
    return UNetConfig(in_channels=4, out_channels=3, width=config.width, depth=config.depth, norm=config.norm)


def uses_bfloat16(precision: Precision) -> bool:
    """Whether to compute in bfloat16; "auto" times a matrix product in each, since not every CPU has units for it."""
    if precision != "auto":
        return precision == "bfloat16"
    seconds = []
    for dtype in (torch.float32, torch.bfloat16):
        matrix = torch.ones((768, 768), dtype=dtype)
        runs = []
        for _ in range(4):
            began = time.perf_counter()
            matrix @ matrix
            runs.append(time.perf_counter() - began)
        seconds.append(min(runs))
    return seconds[1] < 0.8 * seconds[0]


class Trainer:
    """The state that a training carries from step to step: network, optimiser, averaged weights, step, seconds."""

    def __init__(self, config: TrainConfig) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.network = UNet(network_config(config))
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.half = uses_bfloat16(config.precision)
        self.step = 0
        self.seconds = 0.0

    @property
    def fraction(self) -> float:
        """Share of the schedule that is done."""
        if self.config.hours is not None:
            return min(1.0, self.seconds / (3600 * self.config.hours))
        return self.step / self.config.steps

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Start from trained weights in place of random ones."""
        self.network.load_state_dict(weights)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def train_on(self, batch: Batch) -> float:
        """One step; returns its loss. A step whose gradient is not finite changes nothing."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, self.fraction)
        self.network.train()
        targets = region_targets(batch.labels)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.network(batch.images)
        loss = dice_loss(logits, targets, self.config.dice_smoothing)
        loss = loss + self.config.focal_weight * focal_loss(logits, targets, self.config.focal_gamma)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
        self._average()
        self.step += 1
        return loss.item()

    def _average(self) -> None:
        """Exponential moving average of the weights; its memory grows with the step so that it forgets the start."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def state(self) -> checkpoint.State:
        """What a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
            "rng": torch.get_rng_state(),
        }

    def resume(self, state: checkpoint.State) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = state["average"]
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["rng"])


def train(config: TrainConfig, run: Path, init: dict[str, Tensor] | None = None) -> Work[dict[str, Tensor]]:
    """Train on synthetic cases in the folder `run`, or go on where it stopped; returns the averaged weights.

    init: weights to start a fresh run from. Closing the generator stops the training; what it did since the last
    checkpoint is lost. Raises TrainingError if the folder holds a run of another configuration.
    """
    trainer = _open(config, run, init)
    began = time.monotonic() - trainer.seconds
    with closing(batches(config, trainer.step)) as source, (run / "log.jsonl").open("a", encoding="utf-8") as log:
        losses: list[float] = []
        for batch in source:
            if trainer.fraction >= 1:
                break
            losses.append(trainer.train_on(batch))
            trainer.seconds = time.monotonic() - began
            if trainer.step % LOG_EVERY == 0:
                record = {"step": trainer.step, "seconds": round(trainer.seconds, 1), "loss": sum(losses) / len(losses)}
                log.write(json.dumps(record | {"lr": trainer.optimiser.param_groups[0]["lr"]}) + "\n")
                log.flush()
                losses.clear()
            if trainer.step % config.checkpoint_every == 0:
                _save(trainer, run)
            yield _progress(trainer)
    _save(trainer, run)
    return trainer.average


def _open(config: TrainConfig, run: Path, init: dict[str, Tensor] | None) -> Trainer:
    trainer = Trainer(config)
    run.mkdir(parents=True, exist_ok=True)
    saved_config, saved_state = run / "config.json", run / "checkpoint.pt"
    if saved_state.exists():
        if TrainConfig.read(saved_config) != config:
            raise TrainingError(f"{run}: holds a training of another configuration; choose another folder")
        trainer.resume(checkpoint.load(saved_state))
        return trainer
    saved_config.write_text(config.to_json(), encoding="utf-8")
    if init is not None:
        trainer.begin_from(init)
    return trainer


def _save(trainer: Trainer, run: Path) -> None:
    checkpoint.save(run / "checkpoint.pt", trainer.state())
    fresh = run / "weights.safetensors.new"
    save_file(trainer.average, fresh)
    fresh.replace(run / "weights.safetensors")


def _progress(trainer: Trainer) -> Progress:
    fraction = trainer.fraction
    left = trainer.seconds / fraction * (1 - fraction) if fraction > 0 else None
    total = trainer.config.steps if trainer.config.hours is None else round(trainer.step / max(fraction, 1e-6))
    return Progress(trainer.step, max(total, trainer.step), "training", left)
