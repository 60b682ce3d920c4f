"""The log of a training: written line by line, read while it grows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data import Region


@dataclass(frozen=True, slots=True)
class Point:
    """The mean loss of the last steps up to `step`, and the learning rate there; `seconds` of training until then."""

    step: int
    seconds: float
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Validation:
    """Mean Dice in [0, 1] of each region over the validation cases; `best`: the highest mean of the three so far."""

    step: int
    seconds: float
    dice: Mapping[Region, float]
    best: bool

    @property
    def mean(self) -> float:
        """Mean of the regions."""
        return sum(self.dice.values()) / len(self.dice)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person should know of: less memory than was asked for, a resumed run."""

    step: int
    seconds: float
    text: str


Record = Point | Validation | Event


def to_line(record: Record) -> str:
    r"""A record as a line of the log.

    >>> to_line(Point(10, 2.54, 0.5, 1e-3))
    '{"step": 10, "seconds": 2.5, "loss": 0.5, "lr": 0.001}\n'
    """
    values: dict[str, Any] = {"step": record.step, "seconds": round(record.seconds, 1)}
    match record:
        case Point():
            values |= {"loss": record.loss, "lr": record.learning_rate}
        case Validation():
            values |= {"dice": {str(region): value for region, value in record.dice.items()}, "best": record.best}
        case Event():
            values |= {"event": record.text}
    return json.dumps(values) + "\n"


def from_line(line: str) -> Sequence[Record]:
    """The records of a line: logs of earlier versions have a loss and a Dice on one. None if it is not a log's.

    >>> from_line('{"step": 10, "seconds": 2.5, "loss": 0.5, "lr": 0.001}')
    [Point(step=10, seconds=2.5, loss=0.5, learning_rate=0.001)]
    >>> from_line('{"step": 10, "sec')
    []
    """
    records: list[Record] = []
    try:
        values = json.loads(line)
        step, seconds = int(values["step"]), float(values["seconds"])
        if "loss" in values:
            records.append(Point(step, seconds, float(values["loss"]), float(values["lr"])))
        if "dice" in values:
            dice = {Region(name): float(value) for name, value in values["dice"].items()}
            records.append(Validation(step, seconds, dice, values.get("best") is True))
        if "event" in values:
            records.append(Event(step, seconds, str(values["event"])))
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return records


class LogReader:
    """Reads what a log has gained since it was last asked, and notices when a resumed training has cut it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = b""

    def read(self) -> tuple[list[Record], bool]:
        """The new records, whole lines only, and whether what was read before is gone, so that these are all there are.

        A log that is not there yet has none.
        """
        try:
            content = self._path.read_bytes()
        except OSError:
            content = b""
        content = content[: content.rfind(b"\n") + 1]
        again = not content.startswith(self._content)
        fresh = content if again else content[len(self._content) :]
        self._content = content
        lines = fresh.decode("utf-8", "replace").splitlines()
        return [record for line in lines for record in from_line(line)], again
