"""What runs the network: one small interface, and the libraries behind it. Torch loads when one of them is made."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AUTO = "auto"
TORCH, TORCH_BF16, OPENVINO, OPENVINO_BF16 = "torch", "torch-bf16", "openvino", "openvino-bf16"
BACKENDS = (AUTO, TORCH, TORCH_BF16, OPENVINO, OPENVINO_BF16)
"""The names that a person may ask for; "auto" is the fastest one that agrees with `TORCH` on this machine."""


class Backend(Protocol):
    """A network, ready on a device: windows in, logits out. Made once per model and kept for the next case."""

    @property
    def name(self) -> str:
        """Its name among `BACKENDS`."""

    @property
    def device(self) -> "torch.device":
        """Where it takes its windows and leaves its logits."""

    def logits(self, windows: "Tensor") -> "Tensor":
        """Logits (B, R, X, Y, Z) float32 of windows (B, C, X, Y, Z) float32, each size a multiple of the stride.

        Raises MemoryError, whatever the library behind it raises, where the memory does not suffice; it can be asked
        again then. Ctrl+C is answered within a fraction of a second.
        """
