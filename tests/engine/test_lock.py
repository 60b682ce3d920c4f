"""A folder is held by one at a time: within a process, between processes, and never by one that is dead."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from engine.lock import LOCK_FILE, FolderInUseError, FolderLock, Holder, holder


@pytest.fixture
def other(tmp_path):
    """Another process that has taken the folder."""
    code = "held = lock.FolderLock(pathlib.Path(sys.argv[1])); held.take(); print(1, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", f"import pathlib, sys; import engine.lock as lock; {code}", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "1\n"
        yield process
        process.kill()


def test_a_folder_is_held_once(tmp_path):
    with FolderLock(tmp_path):
        assert holder(tmp_path) == Holder.me()
        with pytest.raises(FolderInUseError, match="writes into it"):
            FolderLock(tmp_path).take()
        assert holder(tmp_path) == Holder.me(), "a refusal changes nothing"
    assert holder(tmp_path) is None
    with FolderLock(tmp_path):
        pass


def test_another_process_is_named(tmp_path, other):
    assert holder(tmp_path).pid == other.pid
    with pytest.raises(FolderInUseError, match=rf"process {other.pid} on ") as error:
        FolderLock(tmp_path).take()
    assert "\n" not in str(error.value)


def test_a_killed_process_holds_nothing(tmp_path, other):
    other.kill()
    other.wait()
    assert json.loads((tmp_path / LOCK_FILE).read_text())["pid"] == other.pid, "it had no time to tidy up"
    assert holder(tmp_path) is None
    with FolderLock(tmp_path):
        assert holder(tmp_path) == Holder.me()


def test_a_mark_is_never_gone_while_another_takes_its_place(tmp_path, monkeypatch):
    """Who starts a process writes its mark, and a window that looks in sees it from then on."""
    mark = tmp_path / LOCK_FILE
    mark.write_text(json.dumps(asdict(Holder.me())))
    seen = []
    write = os.write

    def watched(file, content):
        seen.append(holder(tmp_path))
        written = write(file, content)
        seen.append(holder(tmp_path))
        return written

    monkeypatch.setattr(os, "write", watched)
    with FolderLock(tmp_path):
        assert seen == [Holder.me(), Holder.me()], "one write, before and after which it is marked"
    mark.write_text("x" * 2000)
    with FolderLock(tmp_path):
        assert holder(tmp_path) == Holder.me(), "a longer mark leaves nothing behind"


def test_a_folder_that_was_let_go_may_be_taken_again(tmp_path):
    lock = FolderLock(tmp_path)
    for _ in range(2):
        with lock:
            assert holder(tmp_path) == Holder.me()
    lock.release()
    assert (tmp_path / LOCK_FILE).read_bytes() == b""


def test_numbers_of_processes_are_used_again():
    me = Holder.me()
    assert me.is_running
    assert not replace(me, started=me.started - 60).is_running
    assert not replace(me, host="elsewhere").is_running


def test_without_locks_of_the_file_system_the_mark_counts(tmp_path, other, monkeypatch):
    def lock(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("engine.lock._lock", lock)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / LOCK_FILE).write_text(json.dumps(asdict(Holder.me())))
    with FolderLock(tmp_path / "mine"), pytest.raises(FolderInUseError):  # whose mark it is was written before
        FolderLock(tmp_path / "mine").take()
    with pytest.raises(FolderInUseError, match=f"process {other.pid}"):
        FolderLock(tmp_path).take()
    other.kill()
    other.wait()
    with FolderLock(tmp_path):
        assert holder(tmp_path) == Holder.me()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 0, "host": ""}'])
def test_a_mark_that_says_nothing_is_nobodys(tmp_path, content):
    (tmp_path / LOCK_FILE).write_text(content)
    assert holder(tmp_path) is None
    with FolderLock(tmp_path):
        assert holder(tmp_path) == Holder.me()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    with pytest.raises(FolderInUseError, match="cannot be written"):
        FolderLock(tmp_path / "none").take()
