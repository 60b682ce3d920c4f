"""The computing devices of this machine, by the names that the command line takes. Torch loads at first use."""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import DeviceError

if TYPE_CHECKING:
    import torch

AUTO = "auto"
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Device:
    """A computing device: `name` as in "cpu" or "cuda:0", and `title` for people."""

    name: str
    title: str


def devices() -> list[Device]:
    """The devices that a model can run on here, the fastest first; the CPU is always the last."""
    import torch

    found: list[Device] = []
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(index)
            found.append(Device(f"cuda:{index}", f"{facts.name} ({facts.total_memory / 2**30:.0f} GiB)"))
    threads = torch.get_num_threads()
    return [*found, Device("cpu", f"CPU ({threads} thread{'s' if threads > 1 else ''})")]


def choose_device(name: str = AUTO) -> "torch.device":
    """The device of that name, the fastest for "auto"; raises DeviceError if this machine does not have it."""
    import torch

    known = [device.name for device in devices()]
    wanted = known[0] if name == AUTO else {"cuda": "cuda:0"}.get(name, name)
    if wanted in known:
        return torch.device(wanted)
    if wanted.startswith("cuda") and torch.version.cuda is None and shutil.which("nvidia-smi"):
        raise DeviceError(
            f"{name}: there is an NVIDIA GPU, but the installed torch {torch.__version__} is built without CUDA; "
            "install a CUDA build of torch as https://pytorch.org/get-started describes, or choose cpu"
        )
    raise DeviceError(f"{name}: no such device here; choose {AUTO} or one of {', '.join(known)}")


def processor_name() -> str:
    """The processor's name, which Linux tells in a file only."""
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
