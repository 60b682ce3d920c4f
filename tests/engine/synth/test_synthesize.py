"""A folder of cases that a seed decides, made at one go or in parts."""

import json
from contextlib import closing
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from engine.data import find_case, foreground, load_case
from engine.errors import CaseError, ImageFileError
from engine.progress import finish
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.scaling import WHITE
from engine.synth.synthesize import RECORD_FILE, Recipe, synthesize

CPU = torch.device("cpu")
BRATS2020, BRATS2023 = LAYOUTS["brats2020"], LAYOUTS["brats2023"]


def recipe(seed: int = 3, layout=BRATS2020, scaling: str = "brats") -> Recipe:
    return Recipe(seed, layout, layout.prefix, FieldOfView((20, 24, 19), 8.0), scaling)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Path:
    """Three cases of seed 3."""
    folder = tmp_path_factory.mktemp("three") / "cases"
    made = finish(synthesize(folder, 3, recipe(), CPU))
    assert made.ids == tuple(f"BraTS20_Synthetic_00{number}" for number in (1, 2, 3))
    assert made.made == 3
    return folder


def test_the_cases_are_found_whole_and_differ(three):
    cases = [find_case(path) for path in sorted(three.iterdir()) if path.is_dir()]
    assert [case.id for case in cases] == [f"BraTS20_Synthetic_00{number}" for number in (1, 2, 3)]
    assert all(len(case.images) == 4 and case.truth and case.convention == BRATS2020.convention for case in cases)
    assert len({content for name, content in contents(three).items() if "_t1." in name}) == 3


def test_a_record_says_how_they_were_made(three):
    record = json.loads((three / RECORD_FILE).read_text())
    assert record["seed"] == 3
    assert record["layout"] == "brats2020"
    assert record["scaling"] == "brats"
    assert record["device"] == "cpu"
    assert "Research use only" in record["notice"]
    header = nib.Nifti1Image.from_filename(three / "BraTS20_Synthetic_002" / "BraTS20_Synthetic_002_t2.nii.gz").header
    text = header["descrip"].item().decode()
    assert text == f"synthetic, BraTS Viewer {record['version']}, seed 3, case 2"


def test_each_image_has_a_scale_of_its_own(three):
    tops = []
    for path in sorted(three.rglob("*_t1*.nii.gz")):
        data = np.asarray(nib.Nifti1Image.from_filename(path).dataobj)
        assert data.min() == 0
        tops.append(int(np.median(data[data > 0])))
    assert len(set(tops)) == len(tops) == 6
    assert min(tops) > WHITE[0] / 3
    assert max(tops) < WHITE[1] * 2


def test_scaled_in_any_way_they_are_the_same_cases(three, tmp_path):
    folder = tmp_path / "any"
    finish(synthesize(folder, 3, recipe(scaling="any"), CPU))
    kinds = set()
    for path in sorted(folder.glob("BraTS*")):
        plain, other = finish(load_case(find_case(three / path.name))), finish(load_case(find_case(path)))
        assert np.array_equal(plain.truth.data, other.truth.data)
        for modality, image in other.images.items():
            assert np.array_equal(foreground(image.data), foreground(plain.images[modality].data))
        header = nib.Nifti1Image.from_filename(path / f"{path.name}_t1.nii.gz").header
        kinds.add((header.get_data_dtype().name, float(header["scl_slope"]) == 1, other.images["T1N"].data.min()))
    assert len(kinds) > 1
    assert json.loads((folder / RECORD_FILE).read_text())["scaling"] == "any"
    finish(synthesize(tmp_path / "again", 3, recipe(scaling="any"), CPU))
    assert contents(folder) == contents(tmp_path / "again")


def test_a_case_does_not_depend_on_how_many_there_are(three, tmp_path):
    finish(synthesize(tmp_path / "two", 2, recipe(), CPU))
    all_three = contents(three)
    assert contents(tmp_path / "two") == {name: all_three[name] for name in contents(tmp_path / "two")}


def test_each_case_is_reported(tmp_path):
    reports = list(synthesize(tmp_path, 2, recipe(), CPU))
    assert [(report.done, report.total) for report in reports] == [(0, 2), (1, 2), (2, 2)]


def test_another_seed_makes_other_cases(three, tmp_path):
    finish(synthesize(tmp_path / "other", 1, recipe(seed=2**40), CPU))
    assert not set(contents(tmp_path / "other").values()) & set(contents(three).values())


def test_a_run_that_was_stopped_goes_on(three, tmp_path):
    folder = tmp_path / "cases"
    with closing(synthesize(folder, 6, recipe(), CPU)) as work:
        while next(work).done < 1:
            pass
    before = contents(folder)
    whole, rest = divmod(len(before), 5)
    assert rest == 1, "whole cases, and the record"
    assert 1 <= whole < 6
    (folder / ".BraTS20_Synthetic_006.unfinished").mkdir()  # as a run that was killed leaves it
    assert finish(synthesize(folder, 6, recipe(), CPU)).made == 6 - whole
    after = contents(folder)
    assert len(after) == 31
    assert after.items() >= before.items()
    assert after.items() >= contents(three).items()
    assert not list(folder.glob(".*"))


def test_what_is_there_is_not_made_again(three):
    before = contents(three)
    assert finish(synthesize(three, 2, recipe(), CPU)).made == 0
    assert contents(three) == before


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (recipe(seed=4), "of seed 3, not of seed 4"),
        (recipe(layout=BRATS2023), "layout brats2020"),
        (recipe(scaling="any"), "of scaling brats, not of scaling any"),
    ],
)
def test_cases_of_another_kind_are_not_mixed_in(three, other, says):
    before = contents(three)
    with pytest.raises(CaseError, match=says):
        finish(synthesize(three, 4, other, CPU))
    assert contents(three) == before


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "BraTS20_Training_001").mkdir()
    with pytest.raises(CaseError, match="holds BraTS20_Training_001"):
        finish(synthesize(tmp_path, 1, recipe(), CPU))
    assert [path.name for path in tmp_path.iterdir()] == ["BraTS20_Training_001"]


@pytest.mark.parametrize("content", ["", "[]", '{"seed": 3}', "\xff"])
def test_a_record_of_something_else_is_refused(tmp_path, content):
    (tmp_path / RECORD_FILE).write_text(content, encoding="latin-1")
    with pytest.raises(CaseError, match="no record of this command"):
        finish(synthesize(tmp_path, 1, recipe(), CPU))


def test_a_case_that_lost_a_file_is_told(tmp_path):
    finish(synthesize(tmp_path, 1, recipe(), CPU))
    (tmp_path / "BraTS20_Synthetic_001" / "BraTS20_Synthetic_001_t2.nii.gz").unlink()
    with pytest.raises(CaseError, match=r"lacks BraTS20_Synthetic_001_t2\.nii\.gz; remove the folder"):
        finish(synthesize(tmp_path, 1, recipe(), CPU))


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(ImageFileError, match="choose another folder"):
        finish(synthesize(tmp_path / "file" / "cases", 1, recipe(), CPU))


def test_a_full_disk_stops_the_run_and_keeps_what_is_whole(three, tmp_path, monkeypatch):
    from engine.synth import folder as module

    real = module._write_folder

    def full_at_two(folder, files):
        if folder.name.endswith("2"):
            raise ImageFileError(f"{folder}: could not be written (No space left on device)")
        real(folder, files)

    monkeypatch.setattr(module, "_write_folder", full_at_two)
    with pytest.raises(ImageFileError, match="No space left"):
        finish(synthesize(tmp_path / "cases", 3, recipe(), CPU))
    monkeypatch.undo()
    finish(synthesize(tmp_path / "cases", 3, recipe(), CPU))
    assert contents(tmp_path / "cases") == contents(three)
