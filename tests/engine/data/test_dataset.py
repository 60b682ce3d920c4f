import json
import os

import numpy as np
import pytest

from engine.data import find_dataset
from engine.errors import CaseError
from tests.engine.data.files import write, write_case

NAMES = ("t1", "t1ce", "t2", "flair")


def complete(folder, case_id=None):
    case_id = case_id or folder.name
    return write_case(folder, [f"{case_id}_{name}" for name in NAMES], (f"{case_id}_seg", 3))


def ids(root):
    return [case.id for case in find_dataset(root).cases]


def test_cases_of_all_levels_are_sorted_by_id(tmp_path):
    complete(tmp_path / "LGG" / "BraTS19_A_1")
    complete(tmp_path / "HGG" / "BraTS19_B_1")
    complete(tmp_path / "BraTS19_C_1")
    found = find_dataset(tmp_path)
    assert [case.id for case in found.cases] == ["BraTS19_A_1", "BraTS19_B_1", "BraTS19_C_1"]
    assert all(case.truth is not None for case in found.cases)
    assert found.unreadable == {}


def test_a_case_folder_is_a_data_set_of_one(tmp_path):
    assert ids(complete(tmp_path / "p")) == ["p"]


def test_hidden_folders_and_results_of_evaluations_are_left_out(tmp_path):
    complete(tmp_path / "p")
    for name in (".trash", "~backup", "__MACOSX", "scores"):
        complete(tmp_path / name / "q")
    (tmp_path / "scores" / "summary.json").write_text(json.dumps({"program": "brats-viewer", "kind": "evaluation"}))
    complete(tmp_path / "nnunet" / "r")
    (tmp_path / "nnunet" / "summary.json").write_text("{}")
    assert ids(tmp_path) == ["p", "r"]


def test_folders_that_look_like_a_case_and_are_none_are_told(tmp_path):
    complete(tmp_path / "p")
    write(tmp_path / "odd" / "scan_a.nii.gz")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "VSD.Brain.mha").write_text("ObjectType = Image")
    complete(tmp_path / "damaged")
    (tmp_path / "damaged" / "dataset.json").write_text("{")
    found = find_dataset(tmp_path)
    assert [case.id for case in found.cases] == ["p"]
    assert {path.name for path in found.unreadable} == {"odd", "meta", "damaged"}
    assert "named as a case's" in found.unreadable[tmp_path / "odd"]
    assert "MetaImage" in found.unreadable[tmp_path / "meta"]
    assert "dataset.json: is not valid JSON" in found.unreadable[tmp_path / "damaged"]


def test_folders_that_nobody_takes_for_a_case_are_not_told(tmp_path):
    complete(tmp_path / "p")
    write(tmp_path / "p" / "model_segmentations" / "one.nii.gz")
    write(tmp_path / "truths" / "q_seg.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8))
    write(tmp_path / "labelsTs" / "BRATS_001.nii.gz")
    write(tmp_path / "predictions" / "BRATS_001.nii.gz")
    write(tmp_path / "ours" / "q.nii.gz", descrip=b"brats-viewer prediction, labels brats2020")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.txt").write_text("x")
    assert find_dataset(tmp_path).unreadable == {}


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    complete(tmp_path / "p")
    (tmp_path / "private").mkdir()
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("private"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_dataset(tmp_path)
    assert found.unreadable == {tmp_path / "private": f"{tmp_path / 'private'}: cannot be read (Permission denied)"}


def test_one_id_in_several_folders_is_made_distinct(tmp_path):
    for patient in ("patient1", "patient2"):
        write_case(tmp_path / patient / "visit1", NAMES)
    complete(tmp_path / "x" / "BraTS20_Training_001")
    complete(tmp_path / "y" / "brats20_training_001")
    complete(tmp_path / "y" / "z")
    assert ids(tmp_path) == [
        "patient1_visit1",
        "patient2_visit1",
        "x_BraTS20_Training_001",
        "y_brats20_training_001",
        "z",
    ]


def test_ids_that_folders_do_not_tell_apart_are_refused(tmp_path):
    complete(tmp_path / "a" / "b_c", "x")
    complete(tmp_path / "a_b" / "c", "x")
    with pytest.raises(CaseError, match="would both be named a_b_c_x; rename one") as error:
        find_dataset(tmp_path)
    assert "\n" not in str(error.value)


def test_nothing_but_unreadable_folders_says_why(tmp_path):
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "VSD.Brain.mha").write_text("ObjectType = Image")
    with pytest.raises(CaseError, match=r"VSD\.Brain\.mha is a MetaImage"):
        find_dataset(tmp_path)
