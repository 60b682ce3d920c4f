"""How long work reports itself: a long function of the engine is a generator of `Progress` that returns its result."""

from collections.abc import Generator
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of work: `done` of `total` steps of about equal cost, in the stage named.

    `total` is 0 while it is not known. `seconds_left` is None until there is a measured pace to estimate from.
    """

    done: int
    total: int
    stage: str
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Share of the work that is done, in [0, 1]; 0 while the total is unknown.

        >>> Progress(3, 12, "windows").fraction
        0.25
        """
        return self.done / self.total if self.total else 0.0


Work = Generator[Progress, None, T]
"""A long computation: yields `Progress`, returns a T; closing it cancels it."""


def finish(work: Work[T]) -> T:
    """Run `work` to its end without looking at its reports, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result


class Pace:
    """Reports of work in equal steps, with the time left estimated from the steps done so far."""

    def __init__(self, total: int, stage: str) -> None:
        """Start the clock; `total` steps of about equal cost are to be done in `stage`."""
        self._total = total
        self._stage = stage
        self._started = perf_counter()

    def report(self, done: int) -> Progress:
        """The report after `done` steps; `seconds_left` is known from the first step on."""
        seconds = perf_counter() - self._started
        left = seconds / done * (self._total - done) if done else None
        return Progress(done, self._total, self._stage, left)
