"""What a training carries from step to step, and what a step does to it."""

import time

import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.model.unet import UNet
from engine.runs.settings import Precision, TrainConfig
from engine.train import checkpoint
from engine.train.deep import DeepHeads, all_logits, deep_loss
from engine.train.feed import Batch
from engine.train.losses import region_targets
from engine.train.network import network_config
from engine.train.optimiser import learning_rate, make_optimiser


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Whether to compute in bfloat16; "auto" times a matrix product in each, since not every CPU has units for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _matrix_seconds(torch.bfloat16) < 0.8 * _matrix_seconds(torch.float32)


def _matrix_seconds(dtype: torch.dtype) -> float:
    matrix = torch.ones((768, 768), dtype=dtype)
    runs = []
    for _ in range(4):
        began = time.perf_counter()
        _ = matrix @ matrix
        runs.append(time.perf_counter() - began)
    return min(runs)


class Trainer:
    """Network, the heads that help to train it, optimiser, averaged weights, step and seconds."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.network = UNet(network_config(config)).to(device)
        self.heads = DeepHeads(network_config(config), config.deep_supervision).to(device)
        self.parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimiser = make_optimiser(config, self.parameters, config.steps)
        self.average = _copied(self.network.state_dict())
        self.half = uses_bfloat16(config.precision, device)
        self.step = 0
        self.seconds = 0.0
        self._losses: list[float] = []

    @property
    def fraction(self) -> float:
        """Share of the schedule that is done."""
        if self.config.hours is not None:
            return min(1.0, self.seconds / (3600 * self.config.hours))
        return self.step / self.config.steps

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Start from trained weights in place of random ones; raises TrainingError if they are another network's."""
        try:
            self.network.load_state_dict(weights)
        except RuntimeError as error:
            raise TrainingError("--init: the weights are of another network than the settings describe") from error
        self.average = _copied(self.network.state_dict())

    def train_on(self, batch: Batch) -> float:
        """One step; returns its loss. One whose gradient is not finite is counted and leaves the weights alone."""
        if self.config.optimiser == "adamw":
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, self.fraction)
        self.network.train()
        targets = region_targets(batch.labels)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            logits = all_logits(self.network, self.heads, batch.images)
        loss = deep_loss(self.config, logits, targets)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        if bool(torch.isfinite(norm)):
            self.optimiser.step()
            self._average()
        self.step += 1
        self._losses.append(loss.item())
        return self._losses[-1]

    def mean_loss(self) -> float:
        """Mean loss of the steps since this was last asked for."""
        mean = sum(self._losses) / len(self._losses)
        self._losses.clear()
        return mean

    def _average(self) -> None:
        """Exponential moving average of the weights; its memory grows with the step so that it forgets the start."""
        keep = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - keep)
            else:
                self.average[name].copy_(value)

    def averaged_network(self) -> UNet:
        """A network with the averaged weights, ready to predict."""
        network = UNet(network_config(self.config)).to(self.device)
        network.load_state_dict(self.average)
        return network.eval()

    def state(self) -> checkpoint.State:
        """What a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
            "losses": list(self._losses),
            "half": self.half,
        }

    def resume(self, state: checkpoint.State) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.heads.load_state_dict(state.get("heads", {}))  # runs were begun before there were any
        self.optimiser.load_state_dict(state["optimiser"])
        self.average = {name: value.to(self.device) for name, value in state["average"].items()}
        self.step, self.seconds = state["step"], state["seconds"]
        self._losses, self.half = list(state["losses"]), state["half"]


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in weights.items()}
