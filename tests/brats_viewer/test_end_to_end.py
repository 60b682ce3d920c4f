"""The window with the real engine: a case is opened, segmented by the shipped model and saved."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow, sample_case
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import Region
from engine.isolate import Worker


def test_the_sample_case_from_opening_to_a_saved_mask(
    qtbot: QtBot, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(Worker())
    window = MainWindow(session, settings)
    qtbot.addWidget(window)
    with qtbot.waitSignal(session.engine_surveyed, timeout=60_000):
        window.show()
    with qtbot.waitSignal(session.case_changed, timeout=60_000):
        window.actions_by_id["open_sample"].trigger()
    session.set_plan("default", "cpu", "none")
    with qtbot.waitSignal(session.prediction_changed, timeout=200_000):
        window.actions_by_id["segment"].trigger()
    qtbot.waitUntil(lambda: session.comparison is not None, timeout=60_000)
    assert session.comparison is not None
    assert session.comparison.scores[Region.WT].dice > 0.5

    target = tmp_path / "mask.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.actions_by_id["save"].trigger()
    qtbot.waitUntil(lambda: not session.has_unsaved_prediction)
    mask = nib.load(target)
    image = nib.load(next(sample_case().glob("*_t1ce.nii.gz")))
    assert mask.shape == image.shape
    assert np.array_equal(mask.affine, image.affine)
    assert set(np.unique(np.asarray(mask.dataobj)).tolist()) <= {0, 1, 2, 4}
    assert window.close()
