"""Training on a folder of cases: what is read from it, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import TrainingError
from engine.progress import finish
from engine.runs.settings import TrainConfig
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize
from engine.train.loop import train
from engine.train.sources import prepare_folder, resample_labels

CPU = torch.device("cpu")
CONFIG = TrainConfig(steps=2, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, warm_up=0.5)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two small cases of 8 mm in BraTS 2020 layout."""
    layout = LAYOUTS["brats2020"]
    finish(synthesize(tmp_path / "data", 2, Recipe(1, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0)), CPU))
    return tmp_path / "data"


def test_a_folder_is_prepared_once_at_the_networks_spacing(dataset: Path, tmp_path: Path):
    source = finish(prepare_folder(dataset, CONFIG, tmp_path / "cases", CPU))
    assert [path.name.split("-")[0] for path in source.files] == ["BraTS20_Synthetic_001", "BraTS20_Synthetic_002"]
    stored = np.load(source.files[0])
    assert stored.shape[0] == 5
    assert all(size <= 20 for size in stored.shape[1:])  # 8 mm became 10
    assert set(np.unique(stored[-1])) <= {0, 1, 2, 3}
    inside = stored[0][stored[0] != 0].astype(np.float32)
    assert inside.mean() == pytest.approx(0, abs=0.01)
    assert inside.std() == pytest.approx(1, abs=0.01)
    written = source.files[0].stat().st_mtime_ns
    finish(prepare_folder(dataset, CONFIG, tmp_path / "cases", CPU))
    assert source.files[0].stat().st_mtime_ns == written
    finer = finish(prepare_folder(dataset, replace(CONFIG, spacing_mm=9.0), tmp_path / "cases", CPU))
    assert finer.files[0] != source.files[0]


def test_a_case_with_two_files_for_one_image_is_named(dataset: Path, tmp_path: Path):
    image = next(dataset.glob("*_001/*_t1ce.nii.gz"))
    image.with_name(image.name.replace("t1ce", "t1gd")).write_bytes(image.read_bytes())
    with pytest.raises(TrainingError, match=r"Synthetic_001.*several files"):
        finish(train(CONFIG, tmp_path / "run", dataset=dataset))


def test_a_training_learns_from_a_folder_and_goes_on(dataset: Path, tmp_path: Path):
    whole = finish(train(CONFIG, tmp_path / "whole", dataset=dataset))
    assert whole.step == 2
    config = replace(CONFIG, checkpoint_every=1)
    work = train(config, tmp_path / "cut", dataset=dataset)
    while next(work).stage != "training":
        pass
    work.close()
    resumed = finish(train(config, tmp_path / "cut", dataset=dataset))
    assert all(torch.equal(whole.average[name], resumed.average[name]) for name in whole.average)


def test_a_case_without_truth_is_named(dataset: Path, tmp_path: Path):
    next(dataset.glob("*_002/*seg*")).unlink()
    with pytest.raises(TrainingError, match=r"Synthetic_002.*truth"):
        finish(train(CONFIG, tmp_path / "run", dataset=dataset))


def test_a_broken_case_is_named(dataset: Path, tmp_path: Path):
    next(dataset.glob("*_001/*_t1.nii.gz")).write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="Synthetic_001"):
        finish(train(CONFIG, tmp_path / "run", dataset=dataset))


def test_the_label_with_the_largest_share_wins():
    labels = torch.tensor([1, 1, 1, 3, 0, 0, 2, 2], dtype=torch.uint8).reshape(8, 1, 1)
    assert resample_labels(labels, (4, 1, 1)).flatten().tolist() == [1, 1, 0, 2]
    assert resample_labels(labels, (8, 1, 1)) is labels
