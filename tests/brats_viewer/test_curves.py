"""Curves from a log: what they hold, and how they grow."""

from pathlib import Path

import numpy as np

from brats_viewer.curves import NO_CURVES, CurveReader, curves_of
from engine.data import Region
from engine.runs.folder import LOG_FILE
from engine.runs.log import Point
from tests.brats_viewer.runs import EVENTS, RECORDS, append


def test_records_become_curves() -> None:
    curves = curves_of(RECORDS)
    assert curves.step.tolist() == [10, 20, 30, 40]
    assert curves.seconds.tolist() == [5, 10, 15, 20]
    assert curves.loss.tolist() == [2.0, 1.0, 2 / 3, 0.5]
    assert curves.validated_step.tolist() == [20, 30, 40]
    assert curves.dice[Region.ET].tolist() == [0.2, 0.5, 0.4]
    assert np.allclose(curves.mean_dice, [0.4, 0.6, 0.5])
    assert curves.best == 1
    assert curves.events == EVENTS


def test_a_log_without_validations_has_no_dice() -> None:
    assert curves_of([Point(1, 1.0, 1.0, 1e-3)]).mean_dice.tolist() == []
    assert NO_CURVES.best is None


def test_curves_grow_with_the_log(tmp_path: Path) -> None:
    reader = CurveReader(tmp_path)
    assert reader.read() is NO_CURVES
    append(tmp_path, Point(1, 1.0, 3.0, 1e-3))
    first = reader.read()
    assert first.loss.tolist() == [3.0]
    assert reader.read() is first
    append(tmp_path, Point(2, 2.0, 2.0, 1e-3))
    assert reader.read().loss.tolist() == [3.0, 2.0]


def test_a_resumed_training_has_cut_its_log(tmp_path: Path) -> None:
    reader = CurveReader(tmp_path)
    append(tmp_path, *(Point(n, 1.0, float(n), 1e-3) for n in (1, 2, 3)))
    assert reader.read().step.tolist() == [1, 2, 3]
    (tmp_path / LOG_FILE).unlink()
    append(tmp_path, Point(1, 1.0, 1.0, 1e-3), Point(2, 1.0, 9.0, 1e-3))
    assert reader.read().loss.tolist() == [1.0, 9.0]
