"""How gradients move the weights: AdamW under this project's schedule, or Ranger21 under its own."""

import io
import math
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import Parameter

from engine.runs.settings import TrainConfig

FINAL_SHARE = 0.01  # of the learning rate, at the end of either schedule


class Optimiser(Protocol):
    """What a training asks of an optimiser: a `torch.optim.Optimizer` is one."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameters and, as "lr", the learning rate of the last step."""

    @property
    def state(self) -> Mapping[Tensor, dict[str, Any]]:
        """What is remembered of each parameter."""

    def zero_grad(self) -> None:
        """Forget the gradients."""

    def step(self) -> object:
        """Move the weights by their gradients, which must be finite."""

    def state_dict(self) -> dict[str, Any]:
        """All that a fresh optimiser of the same settings needs to go on exactly."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from a state."""


def make_optimiser(config: TrainConfig, parameters: Sequence[Parameter], steps: int) -> Optimiser:
    """The optimiser of a configuration; `steps`: length of the training, which Ranger21 lays its schedule out over."""
    if config.optimiser == "ranger21":
        return Ranger21(parameters, config.learning_rate, config.weight_decay, steps)
    return torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def learning_rate(config: TrainConfig, fraction: float) -> float:
    """AdamW's: linear warm-up, then half a cosine down to a hundredth; `fraction` of the training in [0, 1].

    >>> config = TrainConfig(learning_rate=1.0, warm_up=0.5)
    >>> [round(learning_rate(config, at), 3) for at in (0.25, 0.5, 0.75, 1.0)]
    [0.5, 1.0, 0.505, 0.01]
    """
    if fraction < config.warm_up:
        return config.learning_rate * fraction / config.warm_up
    descent = min(1.0, (fraction - config.warm_up) / (1 - config.warm_up))
    return config.learning_rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * descent)) / 2)


class Ranger21:
    """The optimiser of the package ranger21 (arXiv 2106.13731), silent, and resumed exactly.

    Its settings are the package's own but for the rates. `learning_rate` is the highest: reached in a linear warm-up of
    2000 steps (22 % of `steps` where 2000 are more than 45 % of them), held to 72 %, then lowered linearly to
    `FINAL_SHARE` of it, which for the reference's 3e-3 is the package's own 3e-5. Steps that are left out for their
    gradient do not count, and with any of them the last rate is a little higher.

    What version 0.1.0 gets wrong and is mended here:

    - Its state_dict lacks the counters of lookahead and schedule, so that once resumed it merges at other steps.
    - It prints. While it is made, and while it steps, `sys.stdout` is another, for all threads.
    - With a highest rate below its fixed final one, the rate rises at the end: here the final one is a share.
    - It imports matplotlib.pyplot, which takes longer than a second: here not before it is used.

    What is left as it is, since the reference was trained with it:

    - Weight decay and norm loss reach the last parameter only.
    - What should be the maximum of the second moments is always the latest.
    - A step overwrites the gradients, with their clipped and normalised values.
    - It clips each unit of a layer by itself, then normalises each tensor; a clipping of the whole before, which the
      reference does not have, changes only which units are clipped.
    - A NaN in a gradient is in the moments before it raises RuntimeError, and it divides by zero if all gradients of
      the first step are zero.
    - It is slow, a loop over parameters in Python (for the reference network on one thread of a CPU 0.5 s a step,
      AdamW 0.1 s; on CUDA it waits for the device once a step), and it keeps five tensors for each, AdamW two.
    """

    _COUNTERS = (
        "current_iter",
        "current_lr",
        "epoch_count",
        "lookahead_step",
        "param_size",
        "tracking_lr",
        "warmdown_displayed",
        "warmup_complete",
        "warmup_curr_pct",
    )

    def __init__(self, parameters: Sequence[Parameter], learning_rate: float, weight_decay: float, steps: int) -> None:
        import ranger21  # and with it matplotlib.pyplot

        self._learning_rate = learning_rate
        with redirect_stdout(io.StringIO()):
            self._package = ranger21.Ranger21(
                parameters,
                lr=learning_rate,
                weight_decay=weight_decay,
                warmdown_min_lr=FINAL_SHARE * learning_rate,
                num_epochs=1,  # their product alone matters
                num_batches_per_epoch=steps,
                logging_active=False,  # of two numbers a step, without end
            )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """See `Optimiser`."""
        groups: list[dict[str, Any]] = self._package.param_groups
        return groups

    @property
    def state(self) -> Mapping[Tensor, dict[str, Any]]:
        """See `Optimiser`."""
        state: Mapping[Tensor, dict[str, Any]] = self._package.state
        return state

    def zero_grad(self) -> None:
        """See `Optimiser`."""
        self._package.zero_grad()

    def step(self) -> None:
        """See `Optimiser`; the gradients are overwritten."""
        self._show_rate(self._learning_rate)  # the package takes it for the highest
        with redirect_stdout(io.StringIO()):
            self._package.step()
        self._show_rate(self._package.current_lr)

    def _show_rate(self, rate: float) -> None:
        for group in self.param_groups:
            group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """See `Optimiser`."""
        counters = {name: getattr(self._package, name) for name in self._COUNTERS}
        return {"package": self._package.state_dict(), "counters": counters}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """See `Optimiser`."""
        self._package.load_state_dict(state["package"])
        for name in self._COUNTERS:
            setattr(self._package, name, state["counters"][name])
