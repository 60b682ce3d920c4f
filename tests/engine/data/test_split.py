"""Splits of a data set: their sizes, that they are decided by the seed, that no patient straddles them."""

import json

import pytest

from engine.data.split import Split, fold_split, parse_fold, patient_of, random_split, read_split, write_split
from engine.errors import TrainingError

IDS = [f"BraTS20_Training_{number:03}" for number in range(1, 370)]
TWO_VISITS = [f"BraTS-GLI-{patient:05}-{visit:03}" for patient in range(20) for visit in range(2)]


def test_a_split_is_decided_by_its_seed_and_not_by_the_order():
    assert random_split(IDS, 3) == random_split(reversed(IDS), 3)
    assert random_split(IDS, 3) != random_split(IDS, 4)


def test_parts_hold_every_case_once():
    split = random_split(IDS, 0)
    assert (len(split.training), len(split.validation), len(split.test)) == (221, 74, 74)
    assert sorted((*split.training, *split.validation, *split.test)) == IDS


def test_small_data_sets_are_split_too():
    assert [len(part) for part in parts(random_split(IDS[:3], 0))] == [1, 1, 1]
    assert [len(part) for part in parts(random_split(IDS[:2], 0))] == [2, 0, 0]


def parts(split):
    return (split.training, split.validation, split.test)


@pytest.mark.parametrize("seed", range(5))
def test_visits_of_a_patient_stay_together(seed):
    for split in (random_split(TWO_VISITS, seed), fold_split(TWO_VISITS, 2, 4, seed)):
        assert split.straddling == ()
        assert sorted(case_id for part in parts(split) for case_id in part) == TWO_VISITS
    assert len(random_split(TWO_VISITS, seed).test) == 8


def test_a_split_that_straddles_says_so():
    assert Split(("BraTS-GLI-00001-000",), (), ("BraTS-GLI-00001-001",)).straddling == ("BraTS-GLI-00001",)


@pytest.mark.parametrize(
    ("case_id", "patient"),
    [
        ("BraTS-MEN-RT-0001-1", "BraTS-MEN-RT-0001"),
        ("BraTS-GLI-00001-000", "BraTS-GLI-00001"),
        ("HGG_BraTS19_TCIA01_131_1", "HGG_BraTS19_TCIA01_131"),
        ("Brats17_TCIA_105_1", "Brats17_TCIA_105"),
        ("UPENN-GBM-00002_21", "UPENN-GBM-00002"),
        ("UCSF-PDGM-0431_FU001d", "UCSF-PDGM-0431"),
        ("UCSF-PDGM-0004", "UCSF-PDGM-0004"),
        ("patient7_visit1", "patient7"),
        ("sub-01_ses-02", "sub-01"),
        ("Patient-001_week-000-2", "Patient-001"),
        ("BraTS20_Training_355", "BraTS20_Training_355"),
        ("BraTS2021_00006", "BraTS2021_00006"),
        ("BRATS_001", "BRATS_001"),
    ],
)
def test_patients_are_read_from_ids(case_id, patient):
    assert patient_of(case_id) == patient


def test_each_case_is_in_one_fold_and_a_fifth_of_the_rest_validates():
    splits = [fold_split(IDS[:10], fold, 5, seed=1) for fold in range(1, 6)]
    assert sorted(case_id for split in splits for case_id in split.test) == IDS[:10]
    assert [[len(part) for part in parts(split)] for split in splits] == [[6, 2, 2]] * 5
    assert all(sorted(case_id for part in parts(split) for case_id in part) == IDS[:10] for split in splits)


@pytest.mark.parametrize(("fold", "folds"), [(0, 5), (6, 5), (1, 1), (1, 11)])
def test_a_fold_that_cannot_be_made_is_refused(fold, folds):
    with pytest.raises(TrainingError, match=r"fold"):
        fold_split(IDS[:10], fold, folds, seed=0)


@pytest.mark.parametrize("text", ["5", "a/b", "1/5/2", "-1/5", ""])
def test_a_text_that_is_no_fold_is_refused(text):
    with pytest.raises(TrainingError, match="such as 1/5"):
        parse_fold(text)


def test_a_split_survives_its_file(tmp_path):
    split = random_split(IDS, 0)
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json", IDS) == split


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"training": ["a"], "test": ["x", "y"]}, "names x, y, which the data set does not have"),
        ({"training": ["a", "b"], "test": ["b"]}, "names b more than once"),
        ({"training": [], "test": ["b"]}, 'no case under "training"'),
        ({"training": "a"}, "not a list of ids"),
        ([], "cannot be read as a split"),
    ],
)
def test_a_wrong_split_is_refused_in_one_line(tmp_path, content, what):
    path = tmp_path / "split.json"
    path.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=what) as error:
        read_split(path, ["a", "b", "c"])
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_other_entries_of_a_split_are_left_alone(tmp_path):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": ["a"], "seed": 3}))
    assert read_split(path, ["a", "b"]) == Split(("a",))
