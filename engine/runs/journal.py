"""What a training tells those who watch it: its log as things happen, its state at most once a second."""

import json
import logging
import os
import time
from pathlib import Path

from engine.data.atomic import write_atomically
from engine.errors import EngineError, TrainingError
from engine.runs.folder import LOG_FILE
from engine.runs.log import Record, from_line, to_line
from engine.runs.state import RunState, write_state

_EVERY_S = 1.0
_TRIES = 10  # of a last state: on Windows, a file that somebody reads cannot be replaced
_log = logging.getLogger(__name__)


class Journal:
    """The log and the state of the run in `folder`, written by the one process that trains there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOG_FILE
        self._folder = folder
        self._state: RunState | None = None
        self._told_at = -_EVERY_S

    def log(self, record: Record) -> None:
        """Add a line to the log. Raises TrainingError where the disk does not take it."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(to_line(record))
        except OSError as error:
            raise TrainingError(f"{self.path}: cannot be written ({error.strerror}); free some space") from error

    def sync(self) -> None:
        """Force the log to the disk, so that it reaches as far as a checkpoint that is written next."""
        if self.path.exists():
            with self.path.open("rb+") as file:
                os.fsync(file.fileno())

    def records(self) -> list[Record]:
        """All of the log so far."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [record for line in lines for record in from_line(line)]

    def forget_after(self, step: int, validated: int) -> None:
        """Drop what was logged since the last checkpoint, and a half-written line.

        step: that of the checkpoint; validated: the last step whose validation it knows of.
        """
        kept = []
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        for line in lines:
            try:
                values = json.loads(line)
                last = validated if "dice" in values and "loss" not in values else step
                if not line.endswith(b"\n") or values["step"] > last:
                    break
            except (ValueError, KeyError, TypeError):
                break
            kept.append(line)
        if len(kept) < len(lines):
            write_atomically({self.path: b"".join(kept)})

    def tell(self, state: RunState) -> None:
        """Say where the training is: at once if it is at another stage or over, else where a second has passed."""
        changed = self._state is None or self._state.stage is not state.stage
        now = time.monotonic()
        if changed or now - self._told_at >= _EVERY_S:
            self._write(state, _TRIES if changed else 1)
            self._state, self._told_at = state, now

    def _write(self, state: RunState, tries: int) -> None:
        """A state that cannot be written is no reason to stop: the next one may be."""
        for left in reversed(range(tries)):
            try:
                write_state(self._folder, state)
            except EngineError as error:
                _log.warning("%s", error)
            else:
                return
            if left:
                time.sleep(0.1)
