import threading
from typing import Any

import pytest
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from brats_viewer.job import Failure, Job, Lane, as_work
from engine.errors import CaseError
from engine.progress import Progress, Work


def count(steps: int) -> Work[int]:
    for step in range(steps):
        yield Progress(step, steps, f"step {step}")
    return steps


class Endless:
    """Work that goes on until it is closed, and tells when it has begun and when it has ended."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def work(self) -> Work[None]:
        try:
            while True:
                self.begun.set()
                yield Progress(1, 2, "going on")
                threading.Event().wait(0.001)
        finally:
            self.ended.set()


class Witness(QObject):
    """Remembers on which thread a signal reached it."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[object, bool]] = []

    def hear(self, what: object = None) -> None:
        self.heard.append((what, QThread.currentThread() is self.thread()))


def test_a_job_reports_and_finishes_on_the_threads_that_owns_it(qtbot: QtBot) -> None:
    job, witness = Job(count(3), "count"), Witness()
    job.progressed.connect(witness.hear)
    job.finished.connect(witness.hear)
    with qtbot.waitSignal(job.finished) as finished:
        job.start()
    assert finished.args == [3]
    assert witness.heard == [
        (Progress(0, 3, "step 0"), True),
        (Progress(1, 3, "step 1"), True),
        (Progress(2, 3, "step 2"), True),
        (3, True),
    ]


def refuse() -> Work[None]:
    yield Progress(0, 1, "reading")
    raise CaseError("folder: holds no image; choose another")


def test_an_error_for_people_becomes_its_line(qtbot: QtBot) -> None:
    job = Job(refuse(), "refuse")
    with qtbot.waitSignal(job.failed) as failed:
        job.start()
    failure: Failure = failed.args[0]
    assert failure.line == "folder: holds no image; choose another"
    assert isinstance(failure.error, CaseError)
    assert "in refuse" in failure.details


def test_a_bug_becomes_a_line_with_its_traceback_and_is_logged(qtbot: QtBot, caplog: pytest.LogCaptureFixture) -> None:
    job = Job(as_work("dividing", lambda: 1 / 0), "divide")
    with qtbot.waitSignal(job.failed) as failed:
        job.start()
    failure: Failure = failed.args[0]
    assert failure.line == (
        "This should not have happened (ZeroDivisionError: division by zero); the log has the details"
    )
    assert "ZeroDivisionError" in failure.details
    assert "divide failed" in caplog.text


def test_a_cancelled_job_closes_its_work_and_says_nothing_else(qtbot: QtBot) -> None:
    endless, witness = Endless(), Witness()
    job = Job(endless.work(), "endless")
    job.finished.connect(witness.hear)
    job.failed.connect(witness.hear)
    job.start()
    assert endless.begun.wait(5)
    with qtbot.waitSignal(job.cancelled):
        job.cancel()
    assert endless.ended.is_set()
    assert witness.heard == []


def test_what_a_job_finished_with_after_it_was_cancelled_is_dropped(qtbot: QtBot) -> None:
    job, witness = Job(as_work("thinking", lambda: 42), "think"), Witness()
    job.finished.connect(witness.hear)
    with qtbot.waitSignal(job.cancelled):
        job.start()
        job.cancel()  # its end is delivered by the loop, which has not run yet
    assert witness.heard == []


def test_at_the_end_of_the_program_every_job_is_stopped(qtbot: QtBot) -> None:
    all_endless = [Endless(), Endless()]
    for endless in all_endless:
        Job(endless.work(), "endless").start()
        assert endless.begun.wait(5)
    assert Job.wait_for_all(5)
    assert all(endless.ended.is_set() for endless in all_endless)


def test_a_lane_shows_how_its_work_goes(qtbot: QtBot) -> None:
    lane, endless = Lane("lane"), Endless()
    taken: list[Any] = []
    lane.start(endless.work(), taken.append)
    assert lane.is_running
    assert lane.progress == Progress(0, 0, "starting")
    qtbot.waitUntil(lambda: lane.progress == Progress(1, 2, "going on"))
    lane.cancel()
    assert lane.is_stopping
    qtbot.waitUntil(lambda: not lane.is_running)
    assert (lane.progress, lane.failure, lane.is_stopping, taken) == (None, None, False, [])


def test_a_lane_keeps_the_latest_failure_until_the_next_start(qtbot: QtBot) -> None:
    lane = Lane("lane")
    lane.start(refuse(), lambda _: None)
    qtbot.waitUntil(lambda: lane.failure is not None)
    assert lane.failure is not None
    assert lane.failure.line == "folder: holds no image; choose another"
    lane.start(count(1), lambda _: None)
    assert lane.failure is None
    qtbot.waitUntil(lambda: not lane.is_running)


def test_new_work_in_a_lane_replaces_the_old_whose_result_is_dropped(qtbot: QtBot) -> None:
    lane, release = Lane("lane"), threading.Event()
    taken: list[Any] = []
    lane.start(as_work("waiting", release.wait, 5), taken.append)
    lane.start(count(2), taken.append)
    release.set()
    qtbot.waitUntil(lambda: not lane.is_running)
    assert Job.wait_for_all(5)
    assert taken == [2]
