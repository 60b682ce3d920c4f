"""What holds for all tests of trainings, and the data set that they share."""

from pathlib import Path

import pytest

from engine.progress import finish
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize
from tests.engine.train.runs import CPU


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """To draw the curves takes longer than all else that a tiny run does; their own tests draw them."""
    for place in ("loop", "outcome"):
        monkeypatch.setattr(f"engine.train.{place}.draw_curves", lambda records: b"")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path_factory):
    """Prepared cases and installed models of the tests are none of a person's."""
    private = tmp_path_factory.getbasetemp() / "private"
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(private))


@pytest.fixture(scope="session")
def cases(tmp_path_factory) -> Path:
    """Five small cases of 8 mm in BraTS 2020 layout: three train, one validates, one tests. Not to be changed."""
    folder = tmp_path_factory.mktemp("cases") / "BraTS2020_TrainingData"
    layout = LAYOUTS["brats2020"]
    finish(synthesize(folder, 5, Recipe(1, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0)), CPU))
    return folder
