import io
import sys

from engine.cli.console import watch
from engine.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def work():
    yield Progress(0, 0, "looking")
    yield Progress(0, 2, "segmenting")
    yield Progress(1, 2, "segmenting", 90.0)
    return "result"


def test_a_bar_shows_the_time_left_that_the_work_knows(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert watch(work()) == "result"
    shown = sys.stderr.getvalue()
    assert "looking [" in shown
    assert "1/2" in shown
    assert "01:30 left" in shown


def test_lines_tell_each_stage_and_the_time_left(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert watch(work()) == "result"
    assert sys.stderr.getvalue().splitlines() == ["looking", "segmenting 0/2", "segmenting 1/2, 90 s left"]


def test_quiet_is_silent(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert watch(work(), quiet=True) == "result"
    assert sys.stderr.getvalue() == ""
