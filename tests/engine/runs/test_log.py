"""The lines of a log, and reading one while it grows and is cut."""

from pathlib import Path

import pytest

from engine.data import Region
from engine.runs.log import Event, LogReader, Point, Validation, from_line, to_line

POINT = Point(10, 2.5, 0.123456789012345, 1e-3)
VALIDATION = Validation(20, 5.0, {Region.ET: 0.25, Region.TC: 0.5, Region.WT: 0.75}, best=True)
EVENT = Event(0, 0.0, "größer\nals eine Zeile")


@pytest.mark.parametrize("record", [POINT, VALIDATION, EVENT])
def test_a_record_survives_its_line(record):
    line = to_line(record)
    assert line.count("\n") == 1
    assert from_line(line) == [record]


def test_the_mean_is_that_of_the_regions():
    assert VALIDATION.mean == 0.5


def test_a_line_of_an_earlier_version_is_two_records():
    line = '{"step": 20, "seconds": 5.0, "loss": 0.5, "lr": 0.001, "dice": {"ET": 0.25, "TC": 0.5, "WT": 0.75}}'
    point, validation = from_line(line)
    assert point == Point(20, 5.0, 0.5, 0.001)
    assert validation.dice == VALIDATION.dice


def test_a_reader_gives_each_line_once_and_whole_ones_only(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    reader = LogReader(path)
    assert reader.read() == ([], False)
    line = to_line(VALIDATION)
    path.write_text(to_line(POINT) + line[:9], encoding="utf-8")
    assert reader.read() == ([POINT], False)
    assert reader.read() == ([], False)
    path.write_text(to_line(POINT) + line, encoding="utf-8")
    assert reader.read() == ([VALIDATION], False)


def test_a_reader_notices_that_a_log_was_cut(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text(to_line(POINT) + to_line(VALIDATION), encoding="utf-8")
    reader = LogReader(path)
    assert reader.read() == ([POINT, VALIDATION], False)
    path.write_text(to_line(POINT), encoding="utf-8")
    assert reader.read() == ([POINT], True)
    path.write_text(to_line(POINT) + to_line(EVENT), encoding="utf-8")
    assert reader.read() == ([EVENT], False)
