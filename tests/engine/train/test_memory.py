"""What counts as running out of memory, on any device."""

import pytest
import torch

from engine.train.memory import free, is_out_of_memory


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("std::bad_alloc"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("not enough memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_errors_are_told_apart(error: BaseException, is_it: bool):
    assert is_out_of_memory(error) is is_it


def test_what_a_cpu_says_of_too_much_is_known():
    with pytest.raises(RuntimeError) as told:
        torch.empty(1 << 60)
    assert is_out_of_memory(told.value)
    free(torch.device("cpu"))
