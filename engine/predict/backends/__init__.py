"""What runs the network: one small interface, and the libraries behind it. Torch loads when one of them is made."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TORCH, TORCH_BF16, OPENVINO, OPENVINO_BF16 = "torch", "torch-bf16", "openvino", "openvino-bf16"
BACKENDS = (TORCH, TORCH_BF16, OPENVINO, OPENVINO_BF16)
"""By name, in float32 where it does not say bfloat16."""
CPU_ONLY = (OPENVINO, OPENVINO_BF16)

LISTEN_S = 0.05
"""How often a pass that runs on the CPU lets its caller speak."""


class Backend(Protocol):
    """A network, ready on a device: windows in, logits out. Made once per model and kept for the next case."""

    @property
    def name(self) -> str:
        """Its name among `BACKENDS`."""

    @property
    def device(self) -> "torch.device":
        """Where it takes its windows and leaves its logits."""

    def logits(self, windows: "Tensor") -> "Generator[None, None, Tensor]":
        """Logits (B, R, X, Y, Z) float32 of windows (B, C, X, Y, Z) float32, each size a multiple of the stride.

        A generator that yields every `LISTEN_S` while the CPU computes; closing it stops the pass within the layer that
        it is at. Raises MemoryError, whatever the library behind it raises, where the memory does not suffice. It can
        be asked again after either.
        """
