"""Several processes that train as one, started by `torchrun`: each takes its share of every batch.

Nothing is averaged that is not a mean of the whole batch: the sums of the Dice are added up over the processes before
it is formed, and every process's gradient is its share of the gradient of that one loss. So a training ends where one
process with the same batch would, but for the order in which floats are added.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed
from torch.autograd.function import FunctionCtx
from torch.nn import Parameter

from engine.errors import TrainingError
from engine.runs.settings import TrainConfig

_PATIENCE = timedelta(hours=12)  # the others wait while the first validates, or is paused


@dataclass(frozen=True, slots=True)
class Processes:
    """One process, number `rank` of the `count` that train together; the first of them writes and is talked to."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes the run's folder."""
        return self.rank == 0

    def check(self, config: TrainConfig) -> None:
        """Raise TrainingError if a training of these settings would not be the same in several processes."""
        if self.count > 1 and config.norm == "batch":
            raise TrainingError("norm 'batch' looks at one process's share of a batch; train in one process")
        if config.batch % self.count:
            raise TrainingError(f"batch {config.batch} cannot be shared by {self.count} processes; make it a multiple")

    def sum(self, values: Tensor) -> Tensor:
        """`values` added up over the processes; the gradient of the sum reaches each one's own values as it is."""
        total: Tensor = _Sum.apply(values) if self.count > 1 else values  # type: ignore[no-untyped-call]
        return total

    def sum_gradients(self, parameters: Sequence[Parameter]) -> None:
        """Give each parameter the sum of its gradients over the processes, in one message."""
        if self.count == 1:
            return
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        first = 0
        for parameter in parameters:
            part = flat[first : first + parameter.numel()]
            parameter.grad = torch.empty_like(parameter).copy_(part.reshape(parameter.shape))  # in its memory format
            first += parameter.numel()

    def wait(self) -> None:
        """Go on when all are here."""
        if self.count > 1:
            distributed.barrier()

    def told(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The numbers that the first process has; the others wait for them."""
        if self.count == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.broadcast(shared, 0)
        told: list[float] = shared.tolist()
        return told


ALONE = Processes()


class _Sum(torch.autograd.Function):
    """Sum over the processes. Each computes the same loss from it, and only its own part of the gradient is its own."""

    @staticmethod
    def forward(context: FunctionCtx, values: Tensor) -> Tensor:  # noqa: ARG004 (torch's signature)
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: FunctionCtx, *gradients: Any) -> Any:  # noqa: ARG004
        return gradients[0]


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """The calling process among those that `torchrun` started, and the device that is its own; alone without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE, device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(distributed.get_rank(), count), device
    finally:
        distributed.destroy_process_group()
