"""The network as torch runs it: float32 or bfloat16, on the CPU or on a GPU."""

import torch
from torch import Tensor
from torch.nn import Module

from engine.predict.backends import TORCH, TORCH_BF16
from engine.predict.memory import memory_error


class TorchBackend:
    """A network on its device; on the CPU with its channels last, which spares oneDNN the change of layout.

    Measured on two cores with AVX-512 and group norm: 14 to 23 % less time than with the channels first.
    """

    def __init__(self, network: Module, device: torch.device, *, bfloat16: bool) -> None:
        layout = torch.channels_last_3d if device.type == "cpu" else torch.contiguous_format
        self.name = TORCH_BF16 if bfloat16 else TORCH
        self.device = device
        self._network = network.to(device, memory_format=layout)
        self._bfloat16 = bfloat16

    @torch.inference_mode()
    def logits(self, windows: Tensor) -> Tensor:
        """See `Backend.logits`."""
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bfloat16):
                found: Tensor = self._network(windows)
            return found.float()
        except (torch.OutOfMemoryError, RuntimeError) as error:
            raise memory_error(error) or error from None
