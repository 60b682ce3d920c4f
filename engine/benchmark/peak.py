"""The fastest matrix product that any library here makes: what a network's arithmetic is to be compared with.

This file imports torch.
"""

from collections.abc import Callable, Iterator
from time import perf_counter

import torch
from torch import Tensor

from engine.benchmark.report import Peak
from engine.predict.backends.openvino_backend import is_installed, load_openvino
from engine.predict.backends.torch_backend import has_bfloat16
from engine.progress import Pace, Work

SIZE = 2048
"""Rows and columns: large enough that starting a product costs nothing, small enough to be quick on two cores."""
_SECONDS = 1.0
_FEWEST = 3


def matrix_peaks(device: str, size: int = SIZE) -> Work[dict[str, Peak]]:
    """The peak on `device` ("cpu", "cuda:0") of the libraries installed here, in each precision that it computes in."""
    products = list(_products(torch.device(device), size))
    pace = Pace(len(products), "measuring matrix products")
    best: dict[str, Peak] = {}
    for done, (precision, library, multiply) in enumerate(products):
        yield pace.report(done)
        found = Peak(library, 2 * size**3 / _fastest(multiply))
        if precision not in best or found.flops_per_s > best[precision].flops_per_s:
            best[precision] = found
    return best


def _products(device: torch.device, size: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    precisions = {"float32": torch.float32} | ({"bfloat16": torch.bfloat16} if has_bfloat16(device) else {})
    for precision, dtype in precisions.items():
        left, right = torch.randn((2, size, size), device=device).to(dtype)
        yield precision, "torch", _of_torch(left, right)
        if device.type == "cpu" and is_installed():
            yield precision, "OpenVINO", _of_openvino(precision, size)


def _of_torch(left: Tensor, right: Tensor) -> Callable[[], object]:
    out = torch.empty_like(left)

    def multiply() -> None:
        with torch.inference_mode():
            torch.mm(left, right, out=out)
        if left.is_cuda:
            torch.cuda.synchronize(left.device)

    return multiply


def _of_openvino(precision: str, size: int) -> Callable[[], object]:
    """A product by constants, as a layer's weights are."""
    openvino = load_openvino()
    left = openvino.opset15.parameter([size, size], openvino.Type.f32)
    right = openvino.opset15.constant(torch.randn(size, size).numpy())
    product = openvino.opset15.matmul(left, right, transpose_a=False, transpose_b=False)
    settings = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.Core().compile_model(openvino.Model([product], [left]), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(torch.randn(size, size).numpy()))
    multiply: Callable[[], object] = request.infer
    return multiply


def _fastest(multiply: Callable[[], object]) -> float:
    """Seconds of the fastest of several products: what the machine can do when nothing else runs."""
    multiply()
    times: list[float] = []
    while len(times) < _FEWEST or sum(times) < _SECONDS:
        began = perf_counter()
        multiply()
        times.append(perf_counter() - began)
    return min(times)
