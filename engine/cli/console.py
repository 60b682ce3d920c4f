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


_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
_FORMAT_WITHOUT_TOTAL = "{desc} [{elapsed}]"


class _Bar:
    """A bar for each stage, with the time left as the work itself estimates it."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None
        self._stage = ""

    def show(self, progress: Progress) -> None:
        if self._bar is None or progress.stage != self._stage:
            self.close()
            self._stage = progress.stage
            form = _FORMAT if progress.total else _FORMAT_WITHOUT_TOTAL
            self._bar = tqdm(
                total=progress.total or None, desc=progress.stage, leave=False, file=sys.stderr, bar_format=form
            )
        self._bar.n = progress.done
        if progress.seconds_left is not None:
            self._bar.set_postfix_str(f"{tqdm.format_interval(progress.seconds_left)} left", refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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
