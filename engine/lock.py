"""One process at a time in a folder: what a training or an evaluation writes there is of one of them, never of two.

The operating system holds the lock and lets go of it however the process ends, so no lock outlives a crash or a power
cut, and a folder that is copied to another machine is free there. Who holds it stands in `lock.json`, for people and
for windows that look in from outside: the process's number, and when it started, since numbers are used again.
"""

import errno
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from engine.errors import EngineError

LOCK_FILE = "lock.json"
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
_SAME_START_S = 1.0
_MARK_BYTES = 512
"""Every mark is as long, so that one write puts it in place of another and nobody who looks in reads none or a half."""

_taken: set[Path] = set()
"""The folders that this process holds."""


class FolderInUseError(EngineError):
    """Another process, or other work of this one, writes into the folder."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that took a folder: its number, when it started in seconds since 1970, and the machine's name."""

    pid: int
    started: float
    host: str

    @classmethod
    def me(cls) -> Self:
        """The process that asks."""
        return cls(os.getpid(), psutil.Process().create_time(), platform.node())

    @property
    def is_running(self) -> bool:
        """Whether the process still runs, on this machine: of another's nothing is known."""
        try:
            started: float = psutil.Process(self.pid).create_time()
        except psutil.Error:
            return False
        return self.host == platform.node() and abs(started - self.started) < _SAME_START_S


def holder(folder: Path) -> Holder | None:
    """The running process of this machine that holds `folder`; None where there is none."""
    found = _marked(folder)
    return found if found and found.is_running else None


class FolderLock:
    """A folder held by this process from `take` to `release`, or within a `with`; the folder must be there.

    A second lock on the folder, here or in another process, raises FolderInUseError. On a file system without locks
    the running process that `lock.json` names is taken to hold it, which does not stop two that come in one moment.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None

    def take(self) -> None:
        """Hold the folder; raises FolderInUseError if it is held, or cannot be written to."""
        file = _opened(self.folder)
        if not self._is_free(file):
            os.close(file)
            raise FolderInUseError(self._told())
        try:
            _mark(file, Holder.me())
        except OSError as error:
            os.close(file)
            raise _cannot_write(self.folder, error) from error
        self._file = file
        _taken.add(self.folder.resolve())

    def _is_free(self, file: int) -> bool:
        try:
            _lock(file)
        except OSError as error:
            return error.errno not in _HELD and self._is_unmarked()
        return True

    def _is_unmarked(self) -> bool:
        """Whether the mark names nobody else that runs: who started this process may have written its mark already."""
        found = holder(self.folder)
        return found is None or (found.pid == os.getpid() and self.folder.resolve() not in _taken)

    def _told(self) -> str:
        found = _marked(self.folder)
        by = f"process {found.pid} on {found.host}" if found else "another process"
        return f"{self.folder}: {by} writes into it; wait for it, stop it, or choose another folder"

    def release(self) -> None:
        """Let the folder go; nothing happens where it is not held."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
            _taken.discard(self.folder.resolve())

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def mark(folder: Path, taker: Holder) -> None:
    """Name a process that is about to take `folder`, so that it is seen to be held from now on.

    Raises FolderInUseError if the folder cannot be written to.
    """
    file = _opened(folder)
    try:
        _mark(file, taker)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        os.close(file)


def _opened(folder: Path) -> int:
    try:
        return os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(folder: Path, error: OSError) -> FolderInUseError:
    reason = error.strerror or error
    return FolderInUseError(f"{folder / LOCK_FILE}: cannot be written ({reason}); choose another folder")


def _mark(file: int, taker: Holder) -> None:
    os.write(file, json.dumps(asdict(taker)).encode().ljust(_MARK_BYTES))
    os.ftruncate(file, _MARK_BYTES)


def _marked(folder: Path) -> Holder | None:
    """Who took the folder last and has not let it go; None where nobody has."""
    try:
        content = json.loads((folder / LOCK_FILE).read_text(encoding="utf-8"))
        return Holder(int(content["pid"]), float(content["started"]), str(content["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nobody, or a mark that is being written


if sys.platform == "win32":
    import msvcrt

    _BEYOND = 1 << 30
    """Windows lets nobody read what is locked, so the lock is on a byte after the mark."""

    def _lock(file: int) -> None:
        os.lseek(file, _BEYOND, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
