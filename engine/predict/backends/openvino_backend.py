"""The network as OpenVINO runs it on the CPU (the optional extra `cpu`), float32 or bfloat16.

The graph is built from the bundle's network, operator by operator: that takes milliseconds, so that no converted copy
need be kept on disk, and needs none of OpenVINO's converters.
"""

import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import DeviceError
from engine.model.unet import Block, UNet
from engine.predict.backends import OPENVINO, OPENVINO_BF16
from engine.predict.memory import memory_error

_LISTEN_MS = 100  # how often a running inference lets Python answer Ctrl+C


def is_installed() -> bool:
    """Whether OpenVINO is there; asks without loading it."""
    return find_spec("openvino") is not None


def version() -> str:
    """OpenVINO's version and build."""
    return str(_openvino().__version__)


def has_bfloat16() -> bool:
    """Whether this machine's CPU computes in bfloat16 itself; elsewhere it is imitated, and slower than float32."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVINOBackend:
    """A network compiled by OpenVINO for the CPU, anew where windows of another shape come (0.2 s)."""

    def __init__(self, network: UNet, *, bfloat16: bool) -> None:
        self.name = OPENVINO_BF16 if bfloat16 else OPENVINO
        self.device = torch.device("cpu")
        self._graph = graph_of(network)
        self._precision = "bf16" if bfloat16 else "f32"
        self._shape: torch.Size | None = None
        self._request: Any = None

    def logits(self, windows: Tensor) -> Tensor:
        """See `Backend.logits`."""
        try:
            if windows.shape != self._shape:
                self._compile(windows.shape)
            return self._infer(windows)
        except RuntimeError as error:
            self._shape = self._request = None
            raise memory_error(error) or error from None

    def _compile(self, shape: torch.Size) -> None:
        self._shape = self._request = None  # what the last shape holds is given back before more is taken
        self._graph.reshape(list(shape))
        settings = {
            "INFERENCE_PRECISION_HINT": self._precision,
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # two programs that pin their threads to one core halve each other
        }
        self._request = _openvino().Core().compile_model(self._graph, "CPU", settings).create_infer_request()
        self._shape = shape

    def _infer(self, windows: Tensor) -> Tensor:
        values = windows.contiguous().numpy()
        self._request.set_input_tensor(_openvino().Tensor(values, shared_memory=True))
        self._request.start_async()
        try:
            while not self._request.wait_for(_LISTEN_MS):
                pass
        except KeyboardInterrupt:
            self._request.cancel()
            raise
        self._request.wait()  # raises what the inference raised
        return torch.from_numpy(self._request.get_output_tensor().data.copy())


def graph_of(network: UNet) -> Any:
    """The network as an `openvino.Model` of dynamic shape (?, C, ?, ?, ?); equal to it but for rounding."""
    ops = _openvino().opset15
    inputs = ops.parameter([-1, network.config.in_channels, -1, -1, -1], _openvino().Type.f32)
    x = inputs
    skips = []
    for level, block in enumerate(network.encoder):
        x = _apply(block, x if level == 0 else _apply(network.pool, x))
        skips.append(x)
    x = skips.pop()
    for up, block in zip(network.up, network.decoder, strict=True):
        x = _apply(block, ops.concat([skips.pop(), _apply(up, x)], axis=1))
    return _openvino().Model([_apply(network.head, x)], [inputs], "UNet")


def _apply(module: nn.Module, x: Any) -> Any:
    """The node that computes what `module` does of the node x."""
    ops = _openvino().opset15
    match module:
        case Block():
            for part in module:
                x = _apply(part, x)
            return x
        case nn.Conv3d():
            pads = list(module.padding)
            return _with_bias(ops.convolution(x, _array(module.weight), [1] * 3, pads, pads, [1] * 3), module.bias)
        case nn.ConvTranspose3d():
            strides = list(module.stride)
            return _with_bias(ops.convolution_backprop_data(x, _array(module.weight), strides), module.bias)
        case nn.GroupNorm():
            return _group_norm(module, x, module.num_groups)
        case nn.InstanceNorm3d():
            return _group_norm(module, x, module.num_features)
        case nn.BatchNorm3d():
            arrays = (module.weight, module.bias, module.running_mean, module.running_var)
            return ops.batch_norm_inference(x, *(_array(array) for array in arrays), module.eps)
        case nn.ReLU():
            return ops.relu(x)
        case nn.MaxPool3d():
            size = [module.kernel_size] * 3
            return ops.max_pool(x, size, [1] * 3, [0] * 3, [0] * 3, size).output(0)
        case nn.Identity():
            return x
    raise TypeError(f"{type(module).__name__} has no counterpart in OpenVINO's graph yet")


def _group_norm(module: nn.GroupNorm | nn.InstanceNorm3d, x: Any, groups: int) -> Any:
    scale, bias = _array(module.weight), _array(module.bias)
    return _openvino().opset15.group_normalization(x, scale, bias, groups, module.eps)


def _with_bias(x: Any, bias: Tensor | None) -> Any:
    return x if bias is None else _openvino().opset15.add(x, _array(bias.reshape(1, -1, 1, 1, 1)))


def _array(tensor: Tensor | None) -> Any:
    if tensor is None:
        raise TypeError("a norm without weights has no counterpart in OpenVINO's graph yet")
    return tensor.detach().float().cpu().contiguous().numpy()


def _openvino() -> ModuleType:
    """OpenVINO, without its telemetry: on import it would report to its makers unless a person had objected.

    Where `openvino_telemetry` cannot be imported, OpenVINO goes on without. A medical image's workstation sends nothing
    that nobody asked for.
    """
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    if not is_installed():
        raise DeviceError("OpenVINO is not installed: pip install 'brats-viewer[cpu]', or choose another backend")
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
