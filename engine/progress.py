"""How long work reports itself: a long function of the engine is a generator of `Progress` that returns its result."""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
_NEARLY = 0.99


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of work: `done` of `total` steps of about equal cost, in the stage named.

    `total` is 0 while it is not known. `seconds_left` is None until there is a measured pace to estimate from. `amid`
    is the share, in [0, 1), that the step after them must have reached by that pace.
    """

    done: int
    total: int
    stage: str
    seconds_left: float | None = None
    amid: float = 0.0

    @property
    def fraction(self) -> float:
        """Share of the work that is done, in [0, 1]; 0 while the total is unknown.

        >>> Progress(3, 12, "windows").fraction
        0.25
        """
        return (self.done + self.amid) / self.total if self.total else 0.0


Work = Generator[Progress, None, T]
"""A long computation: yields `Progress`, returns a T; closing it cancels it."""


def finish(work: Generator[object, None, T]) -> T:
    """Run `work` to its end without looking at its reports, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result


def told_as(work: Generator[object, None, T], report: Callable[[], Progress]) -> Work[T]:
    """Run `work` as a part of a longer one: wherever it yields, that one's own `report` is given instead."""
    with closing(work):
        while True:
            try:
                next(work)
            except StopIteration as stop:
                result: T = stop.value
                return result
            yield report()


class Pace:
    """Reports of work in equal steps, with the time left estimated from the steps done so far."""

    def __init__(self, total: int, stage: str, step_s: float | None = None) -> None:
        """Start the clock; `total` steps of about equal cost are to be done in `stage`.

        step_s: how long one is expected to take, where that is known before the first is done.
        """
        self._total = total
        self._stage = stage
        self._step_s = step_s
        self._done = 0
        self._started = self._reported = perf_counter()

    def report(self, done: int) -> Progress:
        """The report after `done` steps; `seconds_left` is known from the first step on."""
        self._done, self._reported = done, perf_counter()
        if done:
            self._step_s = (self._reported - self._started) / done
        return Progress(done, self._total, self._stage, self._left(done))

    def meanwhile(self) -> Progress:
        """A report amid a step, which has got as far as the pace says, but not to its end."""
        if not self._step_s:
            return Progress(self._done, self._total, self._stage)
        amid = min((perf_counter() - self._reported) / self._step_s, _NEARLY)
        return Progress(self._done, self._total, self._stage, self._left(self._done + amid), amid)

    def _left(self, done: float) -> float | None:
        return None if self._step_s is None else self._step_s * (self._total - done)
