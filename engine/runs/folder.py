"""The folder of a run, from which it goes on: what decides it, its log, the mark of the process that trains in it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from engine.data.atomic import write_atomically
from engine.errors import TrainingError
from engine.runs.settings import TrainConfig

CONFIG_FILE = "config.json"
SOURCE_FILE = "source.json"
LOG_FILE = "log.jsonl"
CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
_LOCK_FILE = "lock.json"


class RunFolder:
    """A run's files, opened by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = path / CHECKPOINT_FILE
        self.weights = path / WEIGHTS_FILE

    @property
    def log(self) -> Path:
        """One JSON record per line."""
        return self.path / LOG_FILE

    def claim(self, config: TrainConfig) -> bool:
        """Take the folder for a run of `config`; says whether there is a state to go on from.

        Raises TrainingError, naming what differs, if it holds another run, or files of something else, or a process
        trains in it now.
        """
        saved = self.path / CONFIG_FILE
        if saved.exists():
            before, now = asdict(TrainConfig.read(saved)), asdict(config)
            different = [f"{name}: {before[name]}, now {now[name]}" for name in now if before[name] != now[name]]
            if different:
                raise TrainingError(
                    f"{self.path}: holds a training of another configuration ({'; '.join(different)}); "
                    "choose another folder"
                )
        elif self.path.is_dir() and any(not path.name.startswith(".") for path in self.path.iterdir()):
            raise TrainingError(f"{self.path}: holds files of something else; choose another folder, or a new one")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be made ({error.strerror}); choose another folder") from error
        if not saved.exists():  # first of all: a folder that has it is a run's, wherever this is cut off
            write_atomically({saved: config.to_json().encode()})
        self._lock()
        return self.checkpoint.exists()

    def _lock(self) -> None:
        """Mark the folder as this process's; a mark of a process that is no more is overwritten."""
        lock = self.path / _LOCK_FILE
        try:
            other = json.loads(lock.read_text(encoding="utf-8"))
            pid, started = int(other["pid"]), float(other["started"])
        except (OSError, ValueError, KeyError, TypeError):
            pid, started = 0, 0.0
        if pid != os.getpid() and _is_alive(pid, started):
            raise TrainingError(f"{self.path}: is being trained in by process {pid}; wait for it, or stop it")
        mark = {"pid": os.getpid(), "started": psutil.Process().create_time()}
        write_atomically({lock: json.dumps(mark).encode()})

    def release(self) -> None:
        """Take the mark off."""
        (self.path / _LOCK_FILE).unlink(missing_ok=True)

    def source(self) -> dict[str, Any]:
        """Where the run's examples and first weights come from, as `check_source` recorded it."""
        try:
            content: dict[str, Any] = json.loads((self.path / SOURCE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self.path / SOURCE_FILE}: cannot be read; the run cannot go on from it") from error
        return content

    def check_source(self, source: Mapping[str, Any]) -> None:
        """Record where examples and first weights come from; raises TrainingError if the run began with others."""
        before = self.source()
        different = [name for name, value in source.items() if before and before.get(name) != value]
        if different:
            shown = ", ".join(different)
            raise TrainingError(f"{self.path}: was begun with another {shown}; choose another folder, or give the same")
        if not before:
            write_atomically({self.path / SOURCE_FILE: (json.dumps(source, indent=2) + "\n").encode()})

    def forget_log_after(self, step: int) -> None:
        """Drop the records of steps that were lost with the time since the last checkpoint, and a half-written line."""
        kept = []
        for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True) if self.log.exists() else []:
            try:
                if not line.endswith("\n") or json.loads(line)["step"] > step:
                    break
            except (ValueError, KeyError, TypeError):
                break
            kept.append(line)
        write_atomically({self.log: "".join(kept).encode()})


def _is_alive(pid: int, started: float) -> bool:
    """Whether a process runs that has this number and started at this time: numbers are used again."""
    try:
        return pid > 0 and abs(psutil.Process(pid).create_time() - started) < 1
    except psutil.NoSuchProcess:
        return False
