"""Memory, before it is taken and when it was not there: how much is free, and which errors mean that it ran out."""

import sys
from pathlib import Path

import psutil
import torch

_CGROUPS = Path("/sys/fs/cgroup")
_SAYS_SO = (
    "can't allocate memory",  # torch's allocator
    "not enough memory",
    "out of memory",
    "cannot allocate",
    "bad_alloc",
    "bad allocation",
    "could not create a memory",  # oneDNN, in torch and in OpenVINO
    "could not create a primitive",
)


def memory_error(error: Exception) -> MemoryError | None:
    """The MemoryError that a library's own error stands for; None where it stands for something else.

    >>> memory_error(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes"))
    MemoryError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")
    >>> memory_error(RuntimeError("shapes do not match"))
    """
    said = " ".join(str(error).split())
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(sign in said.lower() for sign in _SAYS_SO)
    return MemoryError(said) if known else None


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on the device: a GPU's own, or the least that bounds the CPU's.

    That is the machine's free memory, what its control group has left (a container, a cluster's job) and what its own
    limit leaves of its address space (`ulimit -v`).
    """
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch holds it for reuse
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    return min([int(psutil.virtual_memory().available), *_control_group(), *_address_space()])


def _address_space() -> list[int]:
    if sys.platform != "linux":
        return []
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if limit == resource.RLIM_INFINITY else [max(0, limit - psutil.Process().memory_info().vms)]


def _control_group() -> list[int]:
    """What the process's control group (version 2) and those around it have left; file caches count as free."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:  # another system than Linux
        return []
    own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::")), None)
    if own is None:
        return []
    left = []
    for group in (_CGROUPS / own, *(_CGROUPS / own).parents):
        if (group / "memory.max").is_file():
            limit = (group / "memory.max").read_text().strip()
            if limit != "max":
                left.append(max(0, int(limit) - _in_use(group)))
    return left


def _in_use(group: Path) -> int:
    facts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return int((group / "memory.current").read_text()) - int(facts.get("inactive_file", 0))
