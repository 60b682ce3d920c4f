import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType

import numpy as np
import psutil
import pytest

from engine.errors import CaseError, WorkerError
from engine.isolate import Worker, process
from engine.isolate.channel import Kind, Message
from engine.isolate.memory import MemoryFile, shared_memory
from engine.progress import Progress, Work, finish

fcntl = pytest.importorskip("fcntl", reason="these tests speak in POSIX signals and descriptors")

HERE = Path(__file__).parent
SHARED_MEMORY, DESCRIPTORS = Path("/dev/shm"), Path("/proc/self/fd")  # noqa: S108


@pytest.fixture(autouse=True)
def findable_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds modules where this process does: here `isolated_work`."""
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(grace_s=10.0) as worker:  # a busy machine may be slow, and only some tests are about being killed
        yield worker
        pid = worker.pid
    assert pid is None or has_ended(pid)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def eventually(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = monotonic() + within_s
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(0.01)
    return True


def reports_and_result(work: Work[object]) -> tuple[list[Progress], object]:
    reports = []
    while True:
        try:
            reports.append(next(work))
        except StopIteration as stop:
            return reports, stop.value


def advance_to(work: Work[object], stage: str) -> str:
    """Consume reports up to the first of a stage that begins so; returns that stage."""
    for report in work:
        if report.stage.startswith(stage):
            return report.stage
    pytest.fail("the work ended before")


def test_reports_and_result_are_those_of_the_same_work_here(worker: Worker) -> None:
    reports, result = reports_and_result(worker.run("isolated_work:add_up", 50, start=7))
    assert result == 1225 + 7
    assert [report for report in reports if report.stage != "starting"] == [
        Progress(done, 50, "adding") for done in range(1, 51)
    ]


def test_a_plain_function_is_work_too_and_the_child_stays_warm(worker: Worker) -> None:
    first = finish(worker.run("os:getpid"))
    assert first == worker.pid != os.getpid()
    assert finish(worker.run("os:getpid")) == first


def test_silence_repeats_the_last_report() -> None:
    with Worker(grace_s=0.3) as worker:
        work = worker.run("isolated_work:turn_a_deaf_ear")
        stage = advance_to(work, "busy")
        assert next(work) == next(work) == Progress(1, 2, stage)
        worker.close()
        with pytest.raises(WorkerError, match="told to end"):
            finish(work)


def test_an_engine_error_arrives_as_itself(worker: Worker) -> None:
    with pytest.raises(CaseError) as caught:
        finish(worker.run("isolated_work:refuse", "folder"))
    assert type(caught.value) is CaseError
    assert str(caught.value) == "folder: holds no image; choose another folder"
    assert finish(worker.run("isolated_work:add_up", 3)) == 3


def test_another_exception_is_one_line_with_details_in_the_log(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(WorkerError, match=r"^The work failed unexpectedly: ZeroDivisionError: by nothing at all;") as e:
        finish(worker.run("isolated_work:stumble"))
    assert "in stumble" in e.value.details
    assert "in stumble" in caplog.text
    with pytest.raises(WorkerError, match="ModuleNotFoundError"):
        finish(worker.run("no_such_module:anything"))
    with pytest.raises(WorkerError, match="return_a_lambda"):
        finish(worker.run("isolated_work:return_a_lambda"))


def test_a_lack_of_memory_is_one_line_and_the_child_stays(worker: Worker) -> None:
    with pytest.raises(WorkerError, match=r"^The memory does not suffice for this; close other programs$") as caught:
        finish(worker.run("isolated_work:take_too_much"))
    assert "in take_too_much" in caught.value.details
    assert finish(worker.run("isolated_work:add_up", 3)) == 3


def test_what_cannot_be_sent_is_the_callers_error_and_harms_nothing(worker: Worker) -> None:
    with pytest.raises((AttributeError, TypeError), match="lock"):
        finish(worker.run("isolated_work:add_up", threading.Lock()))
    assert finish(worker.run("isolated_work:add_up", 3)) == 3


@pytest.mark.parametrize(
    ("how", "said"),
    [(-signal.SIGKILL, "SIGKILL.*out of memory"), (-signal.SIGTERM, "SIGTERM"), (3, "exit code 3")],
)
def test_a_death_is_named_and_the_next_run_has_a_fresh_child(worker: Worker, how: int, said: str) -> None:
    worker.start()
    first = worker.pid
    with pytest.raises(WorkerError, match=said):
        finish(worker.run("isolated_work:die", how))
    assert worker.pid is None
    assert finish(worker.run("os:getpid")) == worker.pid != first


def test_a_child_killed_in_the_midst_of_work_or_idle_leaves_the_parent_well(worker: Worker) -> None:
    work = worker.run("isolated_work:turn_a_deaf_ear")
    os.kill(int(advance_to(work, "busy").split()[-1]), signal.SIGKILL)
    with pytest.raises(WorkerError, match="SIGKILL"):
        finish(work)
    idle = finish(worker.run("os:getpid"))
    os.kill(idle, signal.SIGKILL)
    assert eventually(lambda: worker.pid is None)
    assert finish(worker.run("os:getpid")) != idle


def test_closing_closes_the_generator_in_the_child_which_stays(worker: Worker, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    work = worker.run("isolated_work:go_on_until_closed", str(marker))
    pid = int(advance_to(work, "busy").split()[-1])
    work.close()
    assert marker.read_text() == "finally"
    assert finish(worker.run("os:getpid")) == pid


def test_a_cancel_that_comes_too_late_does_not_touch_the_next_run(worker: Worker) -> None:
    for _ in range(20):
        work = worker.run("isolated_work:add_up", 2)
        next(work)
        work.close()
        assert finish(worker.run("isolated_work:add_up", 5)) == 10


def test_a_work_that_fails_while_it_is_cancelled_reaches_the_log(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    work = worker.run("isolated_work:close_badly")
    advance_to(work, "busy")
    work.close()
    assert "the disk is full" in caplog.text
    assert finish(worker.run("isolated_work:add_up", 3)) == 3


def test_a_child_deaf_to_the_cancel_is_killed() -> None:
    with Worker(grace_s=0.3) as worker:
        work = worker.run("isolated_work:never_let_go")
        pid = int(advance_to(work, "busy").split()[-1])
        work.close()
        assert has_ended(pid)
        assert finish(worker.run("os:getpid")) != pid


def test_one_piece_of_work_at_a_time_and_none_after_the_end(worker: Worker) -> None:
    work = worker.run("isolated_work:turn_a_deaf_ear")
    next(work)
    with pytest.raises(RuntimeError, match="one piece of work"):
        finish(worker.run("os:getpid"))
    worker.close()
    work.close()
    with pytest.raises(RuntimeError, match="closed"):
        worker.start()


def test_close_from_another_thread_ends_a_run(worker: Worker, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    work = worker.run("isolated_work:go_on_until_closed", str(marker))
    pid = int(advance_to(work, "busy").split()[-1])
    closing = threading.Thread(target=worker.close)
    closing.start()
    with pytest.raises(WorkerError, match="told to end"):
        finish(work)
    closing.join()
    assert marker.read_text() == "finally"
    assert has_ended(pid)


def test_a_system_that_refuses_a_process_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with Worker() as worker, pytest.raises(WorkerError, match="could not be started"):
        worker.start()


@pytest.mark.parametrize("through", ["memory", "pipe"])
def test_large_arrays_arrive_equal_and_leave_nothing(through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if through == "pipe":
        monkeypatch.setattr(process, "shared_memory", lambda: None)
    first = np.arange(3_000_000, dtype=np.float32).reshape(100, 100, 300)
    second = np.asfortranarray(first.astype(np.uint8))
    second.flags.writeable = False
    shared_before, open_before = listing(SHARED_MEMORY), listing(DESCRIPTORS)
    with Worker() as worker:
        for _ in range(2):
            got = finish(worker.run("isolated_work:describe", first, second))
            expected = first.copy()
            expected[0] += 1
            np.testing.assert_array_equal(got["first"], expected)
            np.testing.assert_array_equal(got["second"], second)
            assert got["first"].flags.writeable
            assert not got["second"].flags.writeable
            assert got["second"].flags.f_contiguous
            assert got["none"].shape == (0, 3)
            assert got["sum"] == float(second.sum())
    assert (listing(SHARED_MEMORY), len(listing(DESCRIPTORS))) == (shared_before, len(open_before))


def test_an_array_stays_out_of_the_pickle_whatever_its_strides() -> None:
    array = np.arange(60_000, dtype=np.uint8).reshape(30, 40, 50)
    for view in (array, array.T, array[::-1, :, ::-1], array[::2].transpose(1, 0, 2)):
        message = Message.of(Kind.RESULT, view)
        assert [buffer.nbytes for buffer in message.buffers] == [view.size]
        assert len(message.pickled) < 1000
        np.testing.assert_array_equal(message.content(), view)


def listing(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def test_read_only_mappings_arrive_so(worker: Worker) -> None:
    sent = {"values": MappingProxyType({4: "ET"})}
    got = finish(worker.run("builtins:dict", sent))
    assert got == {"values": {4: "ET"}}
    assert type(got["values"]) is MappingProxyType


@pytest.mark.skipif(sys.platform != "linux", reason="memfd is Linux's")
class TestMemoryFile:
    def test_refuses_until_the_last_buffers_are_taken_and_is_then_empty(self) -> None:
        memory = shared_memory()
        assert memory is not None
        assert memory.put([memoryview(b"abc"), memoryview(b""), memoryview(b"de")])
        assert not memory.put([memoryview(b"more")])
        assert [bytes(buffer) for buffer in memory.take([3, 0, 2])] == [b"abc", b"", b"de"]
        assert os.fstat(memory.descriptor).st_size == 0
        memory.close()

    def test_a_lack_of_memory_is_a_refusal(self) -> None:
        memory = MemoryFile(os.memfd_create("sealed", os.MFD_ALLOW_SEALING))
        fcntl.fcntl(memory.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        assert not memory.put([memoryview(b"abc")])
        memory.close()


def test_what_the_child_logs_is_logged_here_and_what_it_prints_does_no_harm(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    finish(worker.run("isolated_work:say", "hello"))
    assert [(record.name, record.message) for record in caplog.records] == [("isolated", f"hello {logging.INFO}")]


def test_ctrl_c_is_left_to_the_parent(worker: Worker, tmp_path: Path) -> None:
    work = worker.run("isolated_work:go_on_until_closed", str(tmp_path / "marker"))
    pid = int(advance_to(work, "busy").split()[-1])
    os.kill(pid, signal.SIGINT)
    assert next(work) == next(work)
    assert os.getpgid(pid) != os.getpgid(0)
    work.close()
    assert finish(worker.run("os:getpid")) == pid


def environment(*folders: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (HERE.parents[1], HERE, *folders)))}


SCRIPT = """
import sys
from PySide6 import QtCore
from engine.isolate import Worker
from engine.progress import finish

print("imported")
with Worker() as worker:
    print("PySide6" in " ".join(finish(worker.run("isolated_work:module_names"))))
"""


@pytest.mark.parametrize("how", ["script", "module", "stdin"])
def test_the_child_imports_neither_main_nor_qt(how: str, tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SCRIPT)
    arguments = {"script": [str(tmp_path / "shown.py")], "module": ["-m", "shown"], "stdin": ["-"]}[how]
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        input=SCRIPT if how == "stdin" else "",
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.split(), done.stderr, done.returncode) == (["imported", "False"], "", 0)


ORPHANING = """
import sys
from engine.isolate import Worker

for report in Worker(grace_s=0.5).run(*sys.argv[1:]):
    print(report.stage, flush=True)
"""


@pytest.mark.parametrize("work", ["go_on_until_closed", "turn_a_deaf_ear", "never_let_go"])
def test_a_killed_parent_leaves_no_child(work: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    arguments = [str(marker)] if work == "go_on_until_closed" else []
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANING, f"isolated_work:{work}", *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(next(line for line in parent.stdout if line.startswith("busy")).split()[-1])
        assert not has_ended(pid)
        parent.kill()
        assert eventually(lambda: has_ended(pid))
    assert marker.exists() == bool(arguments)
