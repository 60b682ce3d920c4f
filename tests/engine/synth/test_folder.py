"""Cases written in BraTS layout, and the sample case that ships."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from engine.data import CONVENTIONS, Label, Modality, find_case, load_case
from engine.errors import ImageFileError
from engine.progress import finish
from engine.resources import resource
from engine.synth.anatomy import FieldOfView
from engine.synth.case import SyntheticCase
from engine.synth.folder import HEAD_GRID, file_names, write_case
from engine.synth.layout import LAYOUTS
from engine.synth.scaling import Kind, Scaling

SAMPLE = "BraTS-Viewer_Sample_001"
AFFINE = [[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]]
WHITE = (100.0, 200.0, 400.0, 2000.0)
SCALINGS = [Scaling(Kind.INTEGER, white) for white in WHITE]
SMALL = FieldOfView((22, 26, 19), 8.0)  # in a frame of 30 x 30 x 19
IDS = {"brats2020": "BraTS20_Synthetic_001", "brats2023": "BraTS-Synthetic-00001-000"}


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.Nifti1Image.from_filename(path)
    return np.asarray(image.dataobj), image.affine


def _noise() -> SyntheticCase:
    random = torch.Generator().manual_seed(0)
    brain = torch.rand(SMALL.shape, generator=random) > 0.3
    images = torch.rand((4, *SMALL.shape), generator=random) * 3 * brain
    labels = torch.randint(4, SMALL.shape, generator=random, dtype=torch.uint8) * brain
    return SyntheticCase(images, labels, brain)


def test_a_case_lies_in_the_middle_of_the_brats_grid(tmp_path: Path):
    images = torch.zeros((4, *HEAD_GRID.shape))
    labels = torch.zeros(HEAD_GRID.shape, dtype=torch.uint8)
    images[:, 10, 20, 30] = torch.tensor([0.5, 1.0, 0.0001, 1000.0])
    labels[10, 20, 30] = 3
    folder = tmp_path / "new" / IDS["brats2020"]
    write_case(
        SyntheticCase(images, labels, labels > 0), folder, LAYOUTS["brats2020"], HEAD_GRID, SCALINGS, "synthetic"
    )
    names = [f"{folder.name}_{end}.nii.gz" for end in ("t1", "t1ce", "t2", "flair", "seg")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    for name, value in zip(names, (50, 200, 1, 32767, 4), strict=True):
        data, affine = _read(folder / name)
        assert data.shape == (240, 240, 155)
        assert data.dtype == (np.uint8 if "seg" in name else np.int16)
        assert affine.tolist() == AFFINE
        assert np.argwhere(data).tolist() == [[42, 36, 30]]  # (240 - 176) / 2 + 10, (240 - 208) / 2 + 20
        assert data[42, 36, 30] == value


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_a_case_is_read_back_as_it_was_made(tmp_path: Path, layout):
    case = _noise()
    folder = tmp_path / IDS[layout.name]
    write_case(case, folder, layout, SMALL, SCALINGS, "synthetic, seed 7")
    assert sorted(path.name for path in folder.iterdir()) == sorted(layout.file_names(folder.name)), "images and truth"
    files = find_case(folder)
    assert files.id == folder.name
    assert files.convention == CONVENTIONS[layout.name]
    assert files.missing == files.unused == ()
    loaded = finish(load_case(files))
    middle = np.s_[4:26, 2:28, :]
    for modality, image, white in zip(Modality, case.images.numpy(), WHITE, strict=True):
        expected = np.where(case.brain.numpy(), np.rint(image * np.float32(white)).clip(1), 0)
        assert np.array_equal(loaded.images[modality].data[middle], expected)
        assert np.count_nonzero(loaded.images[modality].data) == case.brain.sum()
    assert loaded.truth is not None
    assert np.array_equal(loaded.truth.data[middle], case.labels.numpy())
    assert loaded.native.axis_codes == "LPS"
    assert loaded.native.spacing_mm == (8.0, 8.0, 8.0)


def test_the_header_says_what_it_is(tmp_path: Path):
    write_case(
        _noise(), tmp_path / IDS["brats2020"], LAYOUTS["brats2020"], SMALL, SCALINGS, "synthetic, seed 7" + "0" * 99
    )
    for path in (tmp_path / IDS["brats2020"]).iterdir():
        header = nib.Nifti1Image.from_filename(path).header
        assert header["descrip"].item().startswith(b"synthetic, seed 70000")
        assert (header["sform_code"], header["qform_code"]) == (1, 1)


def test_the_same_case_gives_the_same_bytes(tmp_path: Path):
    for place in ("one", "other"):
        write_case(_noise(), tmp_path / place / "Case_001", LAYOUTS["brats2020"], SMALL, SCALINGS, "")
    for path in (tmp_path / "one" / "Case_001").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / "Case_001" / path.name).read_bytes()
        assert not path.name.endswith(".gz") or gzip.decompress(path.read_bytes())


def test_a_name_that_does_not_tell_the_labels_gets_a_file_that_does(tmp_path: Path):
    folder = tmp_path / "Case_001"
    write_case(_noise(), folder, LAYOUTS["brats2020"], SMALL, SCALINGS, "")
    assert sorted(path.name for path in folder.iterdir()) == sorted(file_names(LAYOUTS["brats2020"], "Case_001"))
    assert (folder / "dataset.json").is_file()
    convention = find_case(folder).convention
    assert convention == CONVENTIONS["brats2020"]
    assert convention.values[4] is Label.ET


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.data.atomic.os.fsync", full)
    with pytest.raises(ImageFileError, match="No space left on device"):
        write_case(_noise(), tmp_path / "Case_001", LAYOUTS["brats2020"], SMALL, SCALINGS, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path):
    (tmp_path / "Case_001").mkdir()
    (tmp_path / "Case_001" / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(ImageFileError, match="Case_001"):
        write_case(_noise(), tmp_path / "Case_001", LAYOUTS["brats2020"], SMALL, SCALINGS, "")
    assert [path.name for path in tmp_path.rglob("*")] == ["Case_001", "mine.txt"]


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
