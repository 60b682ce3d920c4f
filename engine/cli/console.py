"""Progress on a console: one bar on a terminal, a plain line now and then where the output goes to a file."""

import sys
from contextlib import closing
from typing import NoReturn, Protocol, TypeVar

from tqdm import tqdm

from engine.progress import Progress, Work

T = TypeVar("T")


class _Display(Protocol):
    def show(self, progress: Progress) -> None: ...

    def close(self) -> None: ...


class _Silence:
    def show(self, progress: Progress) -> None:
        pass

    def close(self) -> None:
        pass


class _Bar:
    """A bar for each stage; tqdm estimates the time left."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._stage = ""

    def show(self, progress: Progress) -> None:
        if self._bar is None or progress.stage != self._stage:
            self.close()
            self._stage = progress.stage
            self._bar = tqdm(
                total=progress.total or None, desc=progress.stage, unit="step", leave=False, file=sys.stderr
            )
        self._bar.n = progress.done
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _new_bar(progress: Progress) -> "tqdm[NoReturn]":
    return tqdm(total=progress.total or None, desc=progress.stage, leave=False, file=sys.stderr)


class _Lines:
    """A line when a stage begins and at each further quarter of it."""

    def __init__(self) -> None:
        self._told = ("", 0)

    def show(self, progress: Progress) -> None:
        quarter = int(progress.fraction * 4)
        if (progress.stage, quarter) == self._told:
            return
        self._told = (progress.stage, quarter)
        steps = f" {progress.done}/{progress.total}" if progress.total else ""
        left = f", {progress.seconds_left:.0f} s left" if progress.seconds_left else ""
        print(f"{progress.stage}{steps}{left}", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


def watch(work: Work[T], *, quiet: bool = False) -> T:
    """Run `work` to its end while showing its progress on stderr; Ctrl+C closes it before going on up."""
    display: _Display = _Silence() if quiet else _Bar() if sys.stderr.isatty() else _Lines()
    with closing(work), closing(display):
        while True:
            try:
                progress = next(work)
            except StopIteration as stop:
                result: T = stop.value
                return result
            display.show(progress)
