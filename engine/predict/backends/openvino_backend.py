"""The network as OpenVINO runs it on the CPU (the optional extra `cpu`), float32 or bfloat16.

The graph is built from the bundle's network, operator by operator. With compiling that takes 0.4 s of processor time,
so that no converted copy, which could be outdated or damaged, need be kept on disk.
"""

import math
import sys
from collections.abc import Generator
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import DeviceError
from engine.model.unet import Block, UNet
from engine.predict.backends import LISTEN_S, OPENVINO, OPENVINO_BF16
from engine.predict.memory import memory_error


def is_installed() -> bool:
    """Whether OpenVINO is there; asks without loading it."""
    return find_spec("openvino") is not None


def version() -> str | None:
    """The installed package's version, None where there is none; asks without loading it."""
    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return None


class OpenVINOBackend:
    """A network compiled by OpenVINO for the CPU, anew where windows of another shape come (0.3 s)."""

    def __init__(self, network: UNet, *, bfloat16: bool) -> None:
        self.name = OPENVINO_BF16 if bfloat16 else OPENVINO
        self.device = torch.device("cpu")
        self._network = network
        self._bfloat16 = bfloat16
        self._shape: torch.Size | None = None
        self._request: Any = None

    def logits(self, windows: Tensor) -> Generator[None, None, Tensor]:
        """See `Backend.logits`."""
        try:
            if windows.shape != self._shape:
                self._compile(windows.shape)
            return (yield from self._infer(windows))
        except RuntimeError as error:
            self._shape = self._request = None
            raise memory_error(error) or error from None

    def _compile(self, shape: torch.Size) -> None:
        self._shape = self._request = None  # what the last shape holds is given back before more is taken
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # two programs that pin their threads to one core halve each other
        }
        graph = graph_of(self._network, tuple(shape), norms_by_sums=not self._bfloat16)
        self._request = load_openvino().Core().compile_model(graph, "CPU", settings).create_infer_request()
        self._shape = shape

    def _infer(self, windows: Tensor) -> Generator[None, None, Tensor]:
        values = windows.contiguous().numpy()
        self._request.set_input_tensor(load_openvino().Tensor(values, shared_memory=True))
        self._request.start_async()
        try:
            while not self._request.wait_for(round(1000 * LISTEN_S)):
                yield
        except (GeneratorExit, KeyboardInterrupt):
            self._request.cancel()
            with suppress(RuntimeError):  # that it was cancelled
                self._request.wait()
            raise
        self._request.wait()  # raises what the inference raised
        return torch.from_numpy(self._request.get_output_tensor().data.copy())


def graph_of(network: UNet, shape: tuple[int, ...], *, norms_by_sums: bool = True) -> Any:
    """The network as an `openvino.Model` for inputs of `shape` (B, C, X, Y, Z); equal to it but for rounding.

    norms_by_sums: write the group norms as sums over each channel. OpenVINO's own operator wants the channels first and
    the convolutions want them last: turning the image around twice for each norm takes 30 % of the time in float32. In
    bfloat16, where the sums would be rounded too, labels then differ twice as much.
    """
    return _Graph(norms_by_sums).of(network, shape)


class _Graph:
    """Builds a graph, module by module."""

    def __init__(self, norms_by_sums: bool) -> None:
        self._ops = load_openvino().opset15
        self._norm = self._norm_by_sums if norms_by_sums else self._norm_by_operator

    def of(self, network: UNet, shape: tuple[int, ...]) -> Any:
        inputs = self._ops.parameter(list(shape), load_openvino().Type.f32)
        x = inputs
        skips = []
        for level, block in enumerate(network.encoder):
            x = self._after(block, x if level == 0 else self._after(network.pool, x))
            skips.append(x)
        x = skips.pop()
        for up, block in zip(network.up, network.decoder, strict=True):
            x = self._after(block, self._ops.concat([skips.pop(), self._after(up, x)], axis=1))
        return load_openvino().Model([self._after(network.head, x)], [inputs], "UNet")

    def _after(self, module: nn.Module, x: Any) -> Any:
        """The node that computes what `module` does of the node x."""
        ops = self._ops
        match module:
            case Block():
                for part in module:
                    x = self._after(part, x)
                return x
            case nn.Conv3d():
                pads, ones = list(module.padding), [1] * 3
                return self._plus(ops.convolution(x, _array(module.weight), ones, pads, pads, ones), module.bias)
            case nn.ConvTranspose3d():
                strides = list(module.stride)
                return self._plus(ops.convolution_backprop_data(x, _array(module.weight), strides), module.bias)
            case nn.GroupNorm():
                return self._norm(module, x, module.num_groups)
            case nn.InstanceNorm3d():
                return self._norm(module, x, module.num_features)
            case nn.BatchNorm3d():
                arrays = (module.weight, module.bias, module.running_mean, module.running_var)
                return ops.batch_norm_inference(x, *(_array(array) for array in arrays), module.eps)
            case nn.ReLU():
                return ops.relu(x)
            case nn.MaxPool3d():
                size, none = [module.kernel_size] * 3, [0] * 3
                return ops.max_pool(x, size, [1] * 3, none, none, size).output(0)
            case nn.Identity():
                return x
        raise TypeError(f"{type(module).__name__} has no counterpart in OpenVINO's graph yet")

    def _plus(self, x: Any, bias: Tensor | None) -> Any:
        return x if bias is None else self._ops.add(x, _array(bias.reshape(1, -1, 1, 1, 1)))

    def _norm_by_operator(self, module: nn.GroupNorm | nn.InstanceNorm3d, x: Any, groups: int) -> Any:
        scale, bias = _array(module.weight), _array(module.bias)
        return self._ops.group_normalization(x, scale, bias, groups, module.eps)

    def _norm_by_sums(self, module: nn.GroupNorm | nn.InstanceNorm3d, x: Any, groups: int) -> Any:
        """The variance is the mean square less the squared mean: sums over channels, then over those of a group."""
        ops = self._ops
        batch, channels, *size = (int(length) for length in x.get_output_shape(0))

        def group_mean(of_channels: Any) -> Any:
            by_group = ops.reshape(of_channels, [batch, groups, channels // groups], special_zero=False)
            return ops.reduce_mean(by_group, [2], keep_dims=True)

        def by_channel(of_groups: Any) -> Any:
            return ops.reshape(of_groups, [batch, channels, 1, 1, 1], special_zero=False)

        length = ops.reduce_l2(x, [2, 3, 4], keep_dims=True)
        mean = group_mean(ops.reduce_mean(x, [2, 3, 4], keep_dims=True))
        square = group_mean(ops.multiply(ops.multiply(length, length), np.float32(1.0 / math.prod(size))))
        variance = ops.relu(ops.subtract(square, ops.multiply(mean, mean)))
        weight, bias = (_array(part).reshape(1, groups, -1) for part in (module.weight, module.bias))
        scale = ops.divide(weight, ops.sqrt(ops.add(variance, np.float32(module.eps))))
        shift = ops.subtract(bias, ops.multiply(mean, scale))
        return ops.add(ops.multiply(x, by_channel(scale)), by_channel(shift))


def _array(tensor: Tensor | None) -> Any:
    if tensor is None:
        raise TypeError("a norm without weights has no counterpart in OpenVINO's graph yet")
    return tensor.detach().float().cpu().contiguous().numpy()


def load_openvino() -> ModuleType:
    """OpenVINO, without its telemetry: on import it would report to its makers unless a person had objected.

    Where `openvino_telemetry` cannot be imported, OpenVINO goes on without. A medical image's workstation sends nothing
    that nobody asked for.
    """
    if not is_installed():
        raise DeviceError("OpenVINO is not installed: pip install 'brats-viewer[cpu]', or choose another backend")
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    reporter = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        del sys.modules["openvino_telemetry"]
        if reporter is not None:
            sys.modules["openvino_telemetry"] = reporter
    module: ModuleType = openvino
    return module
