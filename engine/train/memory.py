"""Running out of memory, as torch says it on each device, and giving back what it keeps for later."""

import gc

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device's memory, or the machine's, did not suffice.

    >>> is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"))
    True
    >>> is_out_of_memory(RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"))
    False
    """
    text = str(error)
    said = "DefaultCPUAllocator" in text or "not enough memory" in text or "std::bad_alloc" in text
    return isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or (isinstance(error, RuntimeError) and said)


def free(device: torch.device) -> None:
    """Let go of what a failed step held, and of what the allocator keeps."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
