"""Trainings that are really killed, in short: `tests.benchmarks.kills` does it fifty times and more."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.runs.folder import Source
from engine.runs.state import Stage
from engine.runs.status import status
from tests.benchmarks.kills import ADAMW, Moment, at_stage, begin, being_written, differences, kill_at, run_to_the_end
from tests.engine.train.runs import trained

CONFIG = replace(ADAMW, epochs=8)  # 12 steps of two of three cases


@pytest.mark.timeout(900)
def test_three_kills_leave_no_trace(cases: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as this process has it: sums depend on it
    trained(tmp_path / "whole", CONFIG, Source(dataset=cases, device="cpu"))
    killed = tmp_path / "killed"
    begin(killed, CONFIG, cases)
    for moment in (
        Moment("training", at_stage(Stage.TRAINING)),
        Moment("checkpoint", being_written("checkpoint.pt.new")),
        Moment("validating", at_stage(Stage.VALIDATING)),
    ):
        assert kill_at(killed, moment)
        assert status(killed).stage is Stage.INTERRUPTED
    run_to_the_end(killed)
    by_launch = [f"{name} is in one alone" for name in ("control.json", "output.txt")]
    assert differences(tmp_path / "whole", killed) == by_launch
