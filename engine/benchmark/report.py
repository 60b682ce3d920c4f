"""What was measured, in numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from engine.benchmark.machine import Machine


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the work on a case that needs no network: how long each run took."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """The middle of the runs."""
        return median(self.seconds)


@dataclass(frozen=True, slots=True)
class Passes:
    """Segmenting by one backend with one scheme of test-time augmentation, from loaded arrays to labels.

    first_s: the first time in a new process, with torch imported and the model loaded or converted. seconds: each run
    after it. peak_bytes: the process's most memory so far. flops_per_s: arithmetic of the convolutions; share: of the
    machine's best matrix product in `precision`; None where it is not known. differs: share of the brain's voxels
    with another label than from the first backend that ran; None for that itself, or where it did not run.
    problem: why it could not run, in a line; then there are no numbers.
    """

    backend: str
    tta: str
    device: str = ""
    precision: str = ""
    first_s: float | None = None
    seconds: tuple[float, ...] = ()
    peak_bytes: int | None = None
    flops_per_s: float | None = None
    share: float | None = None
    differs: float | None = None
    problem: str | None = None

    @property
    def median_s(self) -> float | None:
        """The middle of the runs after the first."""
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True, slots=True)
class Peak:
    """The machine's best matrix product: operations a second, and of which library."""

    library: str
    flops_per_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured. peaks: by precision. threads: of the CPU, as torch chose them."""

    machine: Machine
    case: str
    shape: tuple[int, int, int]
    model: str
    runs: int
    threads: int
    steps: tuple[Step, ...]
    passes: tuple[Passes, ...]
    peaks: Mapping[str, Peak]


def to_json(report: Report) -> dict[str, Any]:
    """The report as plain types, with the medians beside what they are of."""
    plain = asdict(report)
    for part in ("steps", "passes"):
        plain[part] = [asdict(one) | {"median_s": one.median_s} for one in getattr(report, part)]
    return plain
