"""What is wrong with which case of a data set: each fault made on purpose."""

import json

import numpy as np
import pytest

from engine.data import Modality, Region, dataset_check
from engine.data.dataset_check import check_dataset
from engine.errors import CaseError
from engine.progress import finish
from tests.engine.data.files import BRATS_AFFINE, write

NAMES = ("t1", "t1ce", "t2", "flair")
NO_T1 = (Modality.T1C, Modality.T2W, Modality.T2F)


def complete(root, name, seed=0):
    """A sound case: four noisy blocks in a dark box, and a truth with 1, 2 and 3 voxels of NCR, ED and ET, of 2 mm3."""
    folder = root / name
    affine = BRATS_AFFINE @ np.diag([1.0, 1, 2, 1])
    noise = np.random.default_rng(sum(map(ord, name)) + seed)
    for sequence in NAMES:
        image = np.zeros((8, 9, 10), dtype=np.int16)
        image[1:-1, 1:-1, 1:-1] = noise.integers(100, 1000, (6, 7, 8))
        write(folder / f"{name}_{sequence}.nii.gz", image, affine)
    truth = np.zeros((8, 9, 10), dtype=np.uint8)
    truth[2, 2, 2], truth[3, 2, 2:4], truth[4, 2, 2:5] = 1, 2, 4
    write(folder / f"{name}_seg.nii.gz", truth, affine)
    return folder


@pytest.fixture
def data(tmp_path):
    for number in (1, 2):
        complete(tmp_path / "data", f"BraTS20_Training_00{number}")
    return tmp_path / "data"


@pytest.fixture
def check(data, tmp_path):
    """The check of the fixture's data set, and of its second case alone."""

    def run(modalities=tuple(Modality)):
        return finish(check_dataset(data, modalities, memory=tmp_path / "memory"))

    return run


def second(checked):
    return next(case for case in checked.cases if case.id == "BraTS20_Training_002")


def image(data, slot):
    return data / "BraTS20_Training_002" / f"BraTS20_Training_002_{slot}.nii.gz"


def test_sound_cases_are_good_and_their_regions_measured(check):
    checked = check()
    assert [case.id for case in checked.good] == ["BraTS20_Training_001", "BraTS20_Training_002"]
    assert checked.bad == ()
    assert checked.good[0].region_ml == {Region.ET: 0.006, Region.TC: 0.008, Region.WT: 0.012}


def test_case_355_of_brats_2020_is_clean(data, check):
    folder = complete(data, "BraTS20_Training_355")
    (folder / "BraTS20_Training_355_seg.nii.gz").rename(folder / "W39_1998.09.19_Segm.nii.gz")
    assert [case.problem for case in check().cases] == [None] * 3


def test_a_missing_modality_is_a_problem_where_it_is_asked_for(data, check):
    image(data, "t1").unlink()
    bad = second(check())
    assert bad.missing == (Modality.T1N,)
    assert "has no T1;" in bad.problem
    assert second(check(NO_T1)).problem is None


def test_a_case_without_truth_is_told(data, check):
    image(data, "seg").unlink()
    bad = second(check())
    assert "no truth" in bad.problem
    assert bad.region_ml is None


def test_two_files_for_one_image_are_told(data, check):
    image(data, "t1gd").write_bytes(image(data, "t1ce").read_bytes())
    assert "several files could be its T1CE (" in second(check()).problem


def test_a_flipped_bit_is_found_by_the_checksum(data, check):
    content = bytearray(image(data, "t2").read_bytes())
    content[len(content) // 2] ^= 1
    image(data, "t2").write_bytes(content)
    assert "_t2.nii.gz: " in second(check()).problem


def test_another_grid_is_told(data, check):
    write(image(data, "flair"), np.arange(720).reshape(8, 9, 10).astype(np.int16), BRATS_AFFINE)
    problem = second(check()).problem
    assert problem.startswith(str(image(data, "flair")))
    assert "compared with BraTS20_Training_002_t1ce.nii.gz" in problem
    assert second(check((Modality.T1C,))).problem is None


@pytest.mark.parametrize(
    ("slot", "value", "what"),
    [("t2", 0, "is empty"), ("seg", 5, "label value 5"), ("seg", 1, "marks every voxel")],
)
def test_an_image_or_a_truth_of_one_value_is_told(data, check, slot, value, what):
    data_type = np.uint8 if slot == "seg" else np.int16
    write(image(data, slot), np.full((8, 9, 10), value, data_type), BRATS_AFFINE @ np.diag([1.0, 1, 2, 1]))
    assert what in second(check()).problem


def test_one_image_in_two_places_is_told(data, check):
    image(data, "t1").write_bytes(image(data, "t2").read_bytes())
    assert "T1 and T2 are the same image" in second(check()).problem


def test_a_copy_of_a_case_is_told(data, check):
    for slot in (*NAMES, "seg"):
        first = data / "BraTS20_Training_001" / f"BraTS20_Training_001_{slot}.nii.gz"
        image(data, slot).write_bytes(first.read_bytes())
    checked = check()
    assert [case.id for case in checked.good] == ["BraTS20_Training_001"]
    assert "holds the same image as BraTS20_Training_001" in checked.bad[0].problem


def test_integers_that_nothing_names_are_told(tmp_path):
    complete(tmp_path / "data", "someone")
    (case,) = finish(check_dataset(tmp_path / "data", memory=tmp_path)).cases
    assert "which integer means which label is not known" in case.problem


def test_folders_that_are_no_case_are_listed_after_the_cases(data, check):
    write(data / "odd" / "scan.nii.gz")
    last = check().cases[-1]
    assert (last.id, last.folder) == ("odd", data / "odd")
    assert "named as a case's" in last.problem


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(CaseError):
        next(check_dataset(tmp_path, memory=tmp_path))


def test_what_was_read_is_remembered_until_a_file_changes(data, check, monkeypatch):
    first = check()
    read = []
    examine = dataset_check._examined
    monkeypatch.setattr(dataset_check, "_examined", lambda files: read.append(files.id) or examine(files))
    assert check() == first
    assert check(NO_T1).bad == ()
    assert read == []
    image(data, "t2").unlink()
    assert len(check().bad) == 1
    assert read == ["BraTS20_Training_002"]


def test_a_check_that_is_cut_off_keeps_what_it_read(data, tmp_path):
    work = check_dataset(data, memory=tmp_path / "memory")
    assert [next(work).done, next(work).done] == [0, 1]
    work.close()
    (record,) = (tmp_path / "memory").iterdir()
    assert len(json.loads(record.read_text())["cases"]) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1, "cases": {"a": {}}}', '{"format": 0, "cases": {}}'])
def test_a_damaged_memory_is_written_anew(data, check, tmp_path, content):
    first = check()
    (record,) = (tmp_path / "memory").iterdir()
    record.write_text(content)
    assert check() == first
    assert len(json.loads(record.read_text())["cases"]) == 2


def test_a_memory_that_cannot_be_written_is_done_without(data, tmp_path):
    (tmp_path / "file").write_text("")
    assert len(finish(check_dataset(data, memory=tmp_path / "file")).good) == 2
