"""Cases written in BraTS layout, and the sample case that ships."""

from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from engine.data import CONVENTIONS, find_case
from engine.resources import resource
from engine.synth.case import SyntheticCase
from engine.synth.folder import HEAD_GRID, WHITE_MATTER, write_brats

SAMPLE = "BraTS-Viewer_Sample_001"
AFFINE = [[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.Nifti1Image.from_filename(path)
    return np.asarray(image.dataobj), image.affine


def test_a_case_lies_in_the_middle_of_the_brats_grid(tmp_path: Path):
    images = torch.zeros((4, *HEAD_GRID.shape))
    labels = torch.zeros(HEAD_GRID.shape, dtype=torch.uint8)
    images[:, 10, 20, 30] = torch.tensor([0.5, 1.0, 2.0, 0.0001])
    labels[10, 20, 30] = 3
    *paths, dataset = write_brats(SyntheticCase(images, labels, labels > 0), tmp_path / "Case_1")
    assert [path.name for path in paths] == [f"Case_1_{end}.nii.gz" for end in ("t1", "t1ce", "t2", "flair", "seg")]
    assert dataset.name == "dataset.json"
    assert find_case(tmp_path / "Case_1").convention == CONVENTIONS["brats2020"]
    for path, value in zip(paths, (WHITE_MATTER // 2, WHITE_MATTER, 2 * WHITE_MATTER, 1, 4), strict=True):
        data, affine = _read(path)
        assert data.shape == (240, 240, 155)
        assert data.dtype == np.int16
        assert affine.tolist() == AFFINE
        assert np.argwhere(data).tolist() == [[42, 36, 30]]  # (240 - 176) / 2 + 10, (240 - 208) / 2 + 20
        assert data[42, 36, 30] == value


def test_the_sample_is_a_brats_2020_case():
    folder = resource("sample", SAMPLE)
    labels, affine = _read(folder / f"{SAMPLE}_seg.nii.gz")
    assert affine.tolist() == AFFINE
    assert np.unique(labels).tolist() == [0, 1, 2, 4]
    for suffix in ("t1", "t1ce", "t2", "flair"):
        image, affine = _read(folder / f"{SAMPLE}_{suffix}.nii.gz")
        assert image.shape == labels.shape == (240, 240, 155)
        assert image.dtype == np.int16
        assert affine.tolist() == AFFINE
        assert 1000 < (image > 0).sum() / 1000 < 1700  # ml of brain
        assert image[labels > 0].min() > 0
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_000_000
    assert "synthetic" in resource("sample", "README.md").read_text(encoding="utf-8")
