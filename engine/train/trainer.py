"""What a training carries from step to step, and what a step does to it."""

import gc
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from engine.errors import DeviceError, TrainingError
from engine.model.unet import UNet
from engine.predict.memory import memory_error
from engine.runs.settings import Precision, TrainConfig
from engine.train import checkpoint
from engine.train.deep import DeepHeads, all_logits, deep_loss
from engine.train.distributed import ALONE, Processes
from engine.train.feed import Batch
from engine.train.losses import region_targets
from engine.train.network import network_config
from engine.train.optimiser import learning_rate, make_optimiser


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Whether to compute in bfloat16; "auto" times a matrix product in each, since not every CPU has units for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
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
    """Network, the heads that help to train it, optimiser, averaged weights, and how far it is.

    step, seconds: of training so far. best: the highest mean Dice of its validations, `validated`: the step of the last
    one, 0 before there is any. micro_batch: how many samples are computed at once. left_out: how many of the last steps
    in a row had no finite loss or gradient, and so left the weights alone. remarks: what a person should know of the
    steps since they were last taken away.
    """

    def __init__(self, config: TrainConfig, device: torch.device, processes: Processes = ALONE) -> None:
        processes.check(config)
        torch.manual_seed(config.seed)
        self.config = config
        self.device = device
        self.processes = processes
        self.network = UNet(network_config(config)).to(device)
        if device.type == "cpu":
            # In which its convolutions are a fifth faster; the stubs of torch do not know the argument.
            self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.heads = DeepHeads(network_config(config), config.deep_supervision).to(device)
        self.parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimiser = make_optimiser(config, self.parameters, config.steps)
        self.average = _copied(self.network.state_dict())
        self.half = uses_bfloat16(config.precision, device)
        self.step = 0
        self.seconds = 0.0
        self.best = -math.inf
        self.validated = 0
        self.micro_batch = config.batch // processes.count
        self.left_out = 0
        self.remarks: list[str] = []
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
        """One step; returns its loss. One whose loss or gradient is not finite leaves the weights alone.

        Where memory runs out, the step is done again with half of the samples at once, and so are all that follow.
        Raises DeviceError if it does not suffice for one.
        """
        if self.config.optimiser == "adamw":
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, self.fraction)
        self.network.train()
        loss = _or_none(lambda: self._gradients(batch))
        while loss is None:  # outside of any except block: the exception would hold what the step held
            self._halve()
            loss = _or_none(lambda: self._gradients(batch))
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        value, length = torch.stack((loss, norm.to(loss.device))).tolist()  # the one time that the device is waited for
        if math.isfinite(value) and math.isfinite(length):
            self.optimiser.step()
            self._average()
            self._losses.append(value)
            self.left_out = 0
        else:
            self.left_out += 1
        self.step += 1
        return float(value)

    def _gradients(self, batch: Batch) -> Tensor:
        """Put the gradient of a batch's loss, which is returned as a scalar, into the parameters."""
        self.optimiser.zero_grad()
        size = len(batch.labels)
        total = torch.zeros((), device=self.device)
        for first in range(0, size, self.micro_batch):
            some = slice(first, first + self.micro_batch)
            images, labels = batch.images[some], batch.labels[some]
            targets = region_targets(labels)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                logits = all_logits(self.network, self.heads, images)
            loss = deep_loss(self.config, logits, targets, self.processes.sum) * (len(labels) / size)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        self.processes.sum_gradients(self.parameters)
        return total

    def _halve(self) -> None:
        """Compute half as many samples at once from now on."""
        self.optimiser.zero_grad()
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.micro_batch == 1 or self.processes.count > 1:
            raise DeviceError(
                f"{self.device}: not enough memory for a step of these settings; lower batch, patch or width"
            )
        self.micro_batch = (self.micro_batch + 1) // 2
        dice = f"; the batch Dice is now taken over {self.micro_batch}" if self.config.batch_dice else ""
        self.remarks.append(
            f"memory ran out, so {self.micro_batch} of the {self.config.batch} samples of a step are computed at once "
            f"and their gradients added up{dice}"
        )

    def mean_loss(self) -> float | None:
        """Mean loss of the steps since this was last asked for; None if none of them had a finite one."""
        mean = sum(self._losses) / len(self._losses) if self._losses else None
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
        """What a checkpoint holds. All chance follows from the seed and the step, so there is no generator to keep."""
        return {
            "network": self.network.state_dict(),
            "heads": self.heads.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average,
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "validated": self.validated,
            "micro_batch": self.micro_batch * self.processes.count,  # of all, as another number may go on
            "left_out": self.left_out,
            "losses": list(self._losses),
            "half": self.half,
        }

    def resume(self, state: checkpoint.State) -> None:
        """Go on from a checkpoint."""
        self.network.load_state_dict(state["network"])
        self.heads.load_state_dict(state["heads"])
        self.optimiser.load_state_dict(state["optimiser"])
        for parameter, moments in self.optimiser.state.items():
            for name, value in moments.items():  # a fused step takes for granted that they lie in memory as it does
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    moments[name] = torch.empty_like(parameter).copy_(value)
        self.average = {name: value.to(self.device) for name, value in state["average"].items()}
        self.step, self.seconds = state["step"], state["seconds"]
        self.best, self.validated = state["best"], state["validated"]
        self.left_out = state.get("left_out", 0)  # which states of earlier versions lack
        self.micro_batch = max(1, state["micro_batch"] // self.processes.count)
        self._losses, self.half = list(state["losses"]), state["half"]


def _or_none(compute: Callable[[], Tensor]) -> Tensor | None:
    """What `compute` returns, None if memory ran out in it."""
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if memory_error(error) is None:
            raise
        return None


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in weights.items()}
