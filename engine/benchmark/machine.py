"""What is measured on, and how much memory the measured process took."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from engine.predict.device import processor_name

_PACKAGES = ("torch", "openvino", "numpy")
_OWN_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Machine:
    """A computer in words and numbers. load: processes that wanted a core, on average over the last minute."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    versions: Mapping[str, str]
    load: float


def this_machine() -> Machine:
    """The machine that this runs on, as it is now."""
    return Machine(
        processor=processor_name(),
        cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()}, Python {platform.python_version()}",
        versions={name: found for name in _PACKAGES if (found := _version(name))},
        load=psutil.getloadavg()[0],
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def peak_memory_bytes() -> int:
    """The most memory that this process has held at one time since it was started.

    Linux's getrusage would count what the process held that started this one; /proc does not.
    """
    if _OWN_STATUS.is_file():
        for line in _OWN_STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024
