"""Words and numbers as a person reads them."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.data import Label
from engine.progress import Progress

LABEL_NAMES: Mapping[Label, str] = MappingProxyType(
    {
        Label.BACKGROUND: "background",
        Label.NCR: "Necrotic core (NCR)",
        Label.ED: "Oedema (ED)",
        Label.ET: "Enhancing tumour (ET)",
        Label.RC: "Resection cavity (RC)",
    }
)


def duration(seconds: float) -> str:
    """A time that someone waits or has waited, as coarse as one would say it.

    >>> duration(0.42), duration(7.9), duration(75), duration(3700)
    ('0.4 s', '8 s', '1 min 15 s', '1 h 1 min')
    """
    if seconds < 5:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def volume(millilitres: float) -> str:
    """A volume with as many digits as mean something.

    >>> volume(0), volume(0.034), volume(3.21), volume(123.4)
    ('0 ml', '0.03 ml', '3.2 ml', '123 ml')
    """
    if millilitres == 0:
        return "0 ml"
    digits = 2 if millilitres < 1 else 1 if millilitres < 100 else 0
    return f"{millilitres:.{digits}f} ml"


def gigabytes(count: int) -> str:
    """An amount of memory in bytes, as systems tell it.

    >>> gigabytes(3 << 30), gigabytes(120 << 20)
    ('3.0 GB', '0.1 GB')
    """
    return f"{count / (1 << 30):.1f} GB"


def stage_line(progress: Progress) -> str:
    """What work is at, as a line.

    >>> stage_line(Progress(3, 64, "segmenting"))
    'Segmenting: 3 of 64'
    >>> stage_line(Progress(0, 0, "loading the model"))
    'Loading the model…'
    """
    stage = progress.stage[:1].upper() + progress.stage[1:]
    return f"{stage}: {progress.done} of {progress.total}" if progress.total else f"{stage}…"


def time_left_line(progress: Progress) -> str:
    """How much longer work takes, as a line; empty while nobody knows.

    >>> time_left_line(Progress(3, 64, "segmenting", 75.2))
    'about 1 min 15 s left'
    """
    return "" if progress.seconds_left is None else f"about {duration(progress.seconds_left)} left"
