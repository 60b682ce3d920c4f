import json

import numpy as np
import pytest

from engine.data import (
    CONVENTIONS,
    ImageSource,
    Modality,
    decide_convention,
    find_case,
    find_dataset,
    output_convention,
)
from engine.errors import CaseError
from tests.engine.data.files import write, write_case

T1N, T1C, T2W, T2F = Modality
OLD = ("t1", "t1ce", "t2", "flair")
NEW = ("t1n", "t1c", "t2w", "t2f")
ET_OF = {"brats2020": 4, "brats2023": 3, "brats2024": 3, "decathlon": 3}


def names(found):
    return {modality.name: source.path.name for modality, source in found.images.items()}


def complete(folder, case_id, suffixes=OLD, separator="_", truth="seg"):
    write_case(folder, [f"{case_id}{separator}{suffix}" for suffix in suffixes], (f"{case_id}{separator}{truth}", 3))
    return folder


@pytest.mark.parametrize(
    ("case_id", "suffixes", "separator", "truth", "convention"),
    [
        ("Brats17_TCIA_105_1", OLD, "_", "seg", "brats2020"),
        ("Brats18_2013_0_1", OLD, "_", "seg", "brats2020"),
        ("BraTS19_TCIA01_131_1", OLD, "_", "seg", "brats2020"),
        ("BraTS20_Training_001", OLD, "_", "seg", "brats2020"),
        ("BraTS2021_00000", OLD, "_", "seg", "brats2020"),
        ("BraTS-GLI-00000-000", NEW, "-", "seg", "brats2023"),
        ("BraTS-GLI-00000-001", NEW, "-", "seg", "brats2023"),
        ("BraTS-GLI-02063-100", NEW, "-", "seg", "brats2024"),
        ("BraTS-SSA-00002-000", NEW, "-", "seg", "brats2023"),
        ("BraTS-MEN-00004-000", NEW, "-", "seg", "brats2023"),
        ("BraTS-MET-00001-000", NEW, "-", "seg", "brats2023"),
        ("BraTS-Synthetic-00001-000", NEW, "-", "seg", "brats2023"),
        ("BraTS20_Synthetic_001", OLD, "_", "seg", "brats2020"),
        ("BraTS-PED-00001-000", NEW, "-", "seg", None),
        ("UCSF-PDGM-0004", ("T1", "T1c", "T2", "FLAIR"), "_", "tumor_segmentation", "brats2020"),
        ("UPENN-GBM-00002_11", ("T1", "T1GD", "T2", "FLAIR"), "_", "segm", "brats2020"),
        ("somebody", OLD, "_", "seg", None),
    ],
)
def test_a_case_of_each_naming(tmp_path, case_id, suffixes, separator, truth, convention):
    folder = complete(tmp_path / case_id, case_id, suffixes, separator, truth)
    found = find_case(folder)
    assert found.id == case_id
    assert names(found) == {
        modality.name: f"{case_id}{separator}{suffix}.nii.gz"
        for modality, suffix in zip(Modality, suffixes, strict=True)
    }
    assert found.truth.name == f"{case_id}{separator}{truth}.nii.gz"
    assert (found.missing, found.ambiguous, found.unused) == ((), {}, ())
    assert (found.convention.name if found.convention else None) == convention
    assert found.convention_reason
    assert output_convention(found).name == (convention or "brats2023")
    for image in folder.iterdir():
        assert find_case(image) == found


def test_plain_names_take_the_id_of_the_folder(tmp_path):
    write_case(tmp_path / "BraTS-GLI-00003-000", ["t1c", "t1n", "t2f", "t2w"], ("seg", 3))
    found = find_case(tmp_path / "BraTS-GLI-00003-000")
    assert found.id == "BraTS-GLI-00003-000"
    assert len(found.images) == 4
    assert found.convention.name == "brats2023", "the folder is the naming"


def test_plain_and_full_names_in_one_folder_are_one_case(tmp_path):
    write_case(tmp_path / "p7", ["t1", "p7_flair"])
    assert names(find_case(tmp_path / "p7")) == {"T1N": "t1.nii.gz", "T2F": "p7_flair.nii.gz"}


def test_the_odd_truth_of_case_355(tmp_path):
    folder = complete(tmp_path / "BraTS20_Training_355", "BraTS20_Training_355")
    (folder / "BraTS20_Training_355_seg.nii.gz").unlink()
    write(folder / "W39_1998.09.19_Segm.nii", np.zeros((4, 5, 6), dtype=np.uint8))
    found = find_case(folder)
    assert found.id == "BraTS20_Training_355"
    assert found.truth.name == "W39_1998.09.19_Segm.nii"
    assert found.convention.name == "brats2020"
    assert find_case(found.truth) == found


def test_missing_and_unused_are_told(tmp_path):
    write_case(tmp_path / "p", ["p_t1ce", "p_flair", "p_ADC", "p_brain_segmentation"])
    found = find_case(tmp_path / "p")
    assert found.missing == (T1N, T2W)
    assert found.truth is None
    assert [path.name for path in found.unused] == ["p_ADC.nii.gz", "p_brain_segmentation.nii.gz"]


def test_preferences_between_two_candidates(tmp_path):
    stems = ["p_T1", "p_T1_bias", "p_T2", "p_T2_unstripped", "p_FLAIR", "p_FLAIR_bet", "p_T1c"]
    write_case(tmp_path / "p", stems, ("p_segm", 3))
    write(tmp_path / "p" / "p_automated_approx_segm.nii.gz")
    write(tmp_path / "p" / "p_T1c.nii")
    found = find_case(tmp_path / "p")
    assert names(found) == {
        "T1N": "p_T1.nii.gz",
        "T1C": "p_T1c.nii.gz",
        "T2W": "p_T2.nii.gz",
        "T2F": "p_FLAIR_bet.nii.gz",
    }
    assert found.truth.name == "p_segm.nii.gz"
    assert len(found.unused) == 5


def test_two_equal_candidates_come_back_as_data(tmp_path):
    write_case(tmp_path / "p", ["p_t1ce", "p_t1gd", "p_flair"], ("p_seg", 3))
    write(tmp_path / "p" / "p_label.nii.gz")
    found = find_case(tmp_path / "p")
    assert T1C not in found.images
    assert [source.path.name for source in found.ambiguous[T1C]] == ["p_t1ce.nii.gz", "p_t1gd.nii.gz"]
    assert [source.path.name for source in found.ambiguous["truth"]] == ["p_label.nii.gz", "p_seg.nii.gz"]
    assert found.truth is None
    assert found.missing == (T1N, T2W)


def test_a_person_corrects_the_mapping(tmp_path):
    folder = write_case(tmp_path / "p", ["p_t1ce", "p_t1gd", "p_t2", "p_strange"])
    assign = {T1C: ImageSource(folder / "p_t1gd.nii.gz"), T2F: ImageSource(folder / "p_strange.nii.gz")}
    found = find_case(folder, assign)
    assert names(found) == {"T1C": "p_t1gd.nii.gz", "T2W": "p_t2.nii.gz", "T2F": "p_strange.nii.gz"}
    assert found.ambiguous == {}
    assert found.missing == (T1N,)
    assert found.unused == ()
    moved = find_case(folder, {T1N: ImageSource(folder / "p_t2.nii.gz")})
    assert names(moved) == {"T1N": "p_t2.nii.gz"}
    assert T2W in moved.missing
    with pytest.raises(CaseError, match="no such file"):
        find_case(folder, {T1N: ImageSource(folder / "none.nii.gz")})


def test_names_that_say_nothing_can_be_assigned(tmp_path):
    folder = write_case(tmp_path / "p", ["scan_a", "scan_b"])
    found = find_case(folder)
    assert found.images == {}
    assert len(found.missing) == 4
    assert [path.name for path in found.unused] == ["scan_a.nii.gz", "scan_b.nii.gz"]
    assigned = find_case(folder, {T2F: ImageSource(folder / "scan_b.nii.gz")})
    assert names(assigned) == {"T2F": "scan_b.nii.gz"}
    alone = find_case(folder / "scan_a.nii.gz")
    assert (alone.id, alone.unused) == ("scan_a", (folder / "scan_a.nii.gz",))


# Several cases


def test_cases_in_one_flat_folder_are_told_apart_by_their_ids(tmp_path):
    for case_id in ("BraTS2021_00000", "BraTS2021_00002"):
        complete(tmp_path, case_id)
    found = find_dataset(tmp_path).cases
    assert [case.id for case in found] == ["BraTS2021_00000", "BraTS2021_00002"]
    for case in found:
        files = [*(source.path for source in case.images.values()), case.truth]
        assert all(path.name.startswith(case.id) for path in files)
        assert len(files) == 5
    assert find_case(tmp_path / "BraTS2021_00002_t2.nii.gz") == found[1]
    with pytest.raises(CaseError, match=r"holds 2 cases \(BraTS2021_00000, BraTS2021_00002\); open a file of one"):
        find_case(tmp_path)


def test_a_truth_of_nobody_in_a_flat_folder_goes_to_nobody(tmp_path):
    for case_id in ("a", "b"):
        write_case(tmp_path, [f"{case_id}_t1ce"])
    write(tmp_path / "W39_Segm.nii.gz")
    assert [case.truth for case in find_dataset(tmp_path).cases] == [None, None]


def test_a_tree_with_high_and_low_grades(tmp_path):
    for grade, case_id in (("HGG", "Brats18_2013_2_1"), ("LGG", "Brats18_TCIA_1_1"), ("HGG", "Brats18_2013_3_1")):
        complete(tmp_path / grade / case_id, case_id)
    complete(tmp_path / ".hidden" / "x", "x")
    complete(tmp_path / "__MACOSX" / "y", "y")
    assert [case.id for case in find_dataset(tmp_path).cases] == [
        "Brats18_2013_2_1",
        "Brats18_2013_3_1",
        "Brats18_TCIA_1_1",
    ]
    with pytest.raises(CaseError, match=r"several cases; open the folder of one \(HGG.Brats18_2013_2_1"):
        find_case(tmp_path)


def test_a_folder_with_the_case_inside(tmp_path):
    complete(tmp_path / "download" / "data" / "BraTS20_Training_001", "BraTS20_Training_001")
    assert find_case(tmp_path / "download").id == "BraTS20_Training_001"


def test_links_are_followed_and_never_in_circles(tmp_path):
    complete(tmp_path / "data" / "p", "p")
    (tmp_path / "data" / "p" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "data" / "p")
    assert [case.id for case in find_dataset(tmp_path / "data").cases] == ["p"]
    assert [case.id for case in find_dataset(tmp_path / "set").cases] == ["p"]


# Data sets with a dataset.json


def decathlon(root, **changes):
    content = {
        "tensorImageSize": "4D",
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"},
    }
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content | changes))
    write(root / "imagesTr" / "BRATS_001.nii.gz", np.zeros((4, 5, 6, 4), dtype=np.float32))
    write(root / "imagesTr" / "BRATS_002.nii.gz", np.zeros((4, 5, 6, 4), dtype=np.float32))
    write(root / "labelsTr" / "BRATS_001.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8))
    return root


@pytest.mark.parametrize("described", [True, False])
def test_decathlon(tmp_path, described):
    root = decathlon(tmp_path / "Task01_BrainTumour")
    if not described:
        (root / "dataset.json").unlink()
    first, second = find_dataset(root).cases
    assert first.id == "BRATS_001"
    assert {m.name: s.volume for m, s in first.images.items()} == {"T1N": 1, "T1C": 2, "T2W": 3, "T2F": 0}
    assert first.truth == root / "labelsTr" / "BRATS_001.nii.gz"
    assert second.truth is None
    assert first.convention is second.convention is CONVENTIONS["decathlon"]
    assert find_case(root / "imagesTr" / "BRATS_002.nii.gz") == second


def test_channels_follow_dataset_json_and_not_the_custom(tmp_path):
    root = decathlon(tmp_path / "Task", modality={"0": "T2w", "1": "ADC", "2": "FLAIR", "3": "T1-Gd"})
    first = find_dataset(root).cases[0]
    assert {m.name: s.volume for m, s in first.images.items()} == {"T1C": 3, "T2W": 0, "T2F": 2}
    assert first.missing == (T1N,)


def test_a_4d_file_of_unknown_order_is_left_to_the_person(tmp_path):
    path = write(tmp_path / "p" / "all.nii.gz", np.zeros((4, 5, 6, 3), dtype=np.int16))
    found = find_case(path)
    assert found.images == {}
    assert found.ambiguous[T1C] == tuple(ImageSource(path, index) for index in range(3))
    assigned = find_case(path, {T1C: ImageSource(path, 2)})
    assert assigned.images == {T1C: ImageSource(path, 2)}
    assert assigned.ambiguous[T2F] == (ImageSource(path, 0), ImageSource(path, 1))


def test_a_sequence_with_several_volumes_asks_which(tmp_path):
    folder = write_case(tmp_path / "p", ["p_flair"])
    path = write(folder / "p_t1ce.nii.gz", np.zeros((4, 5, 6, 2), dtype=np.int16))
    assert find_case(folder).ambiguous == {T1C: (ImageSource(path, 0), ImageSource(path, 1))}


def nnunet(root, labels, channels=None):
    content = {"channel_names": channels or {"0": "T1", "1": "T1ce", "2": "T2", "3": "Flair"}, "labels": labels}
    root.mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps(content))
    for channel in range(4):
        write(root / "imagesTr" / f"BraTS2021_00000_{channel:04}.nii.gz")
    write(root / "labelsTr" / "BraTS2021_00000.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8))
    return root


REGIONS = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": [3]}


@pytest.mark.parametrize(
    ("labels", "convention"),
    [
        (REGIONS, "decathlon"),
        ({"background": 0, "edema": 1, "necrosis": 2, "enhancing": 3}, "decathlon"),
        ({"background": 0, "NCR/NET": 1, "ED": 2, "ET": 3}, "brats2023"),
        ({"0": "background", "1": "NCR", "2": "ED", "4": "ET"}, "brats2020"),
        ({"background": 0, "NETC": 1, "SNFH": 2, "ET": 3, "RC": 4}, "brats2024"),
        ({"background": 0, "a": 1, "b": 2, "c": 3}, None),
        ({"background": 0, "tumor": 1}, None),
    ],
)
def test_nnunet_and_its_labels_win_over_the_case_names(tmp_path, labels, convention):
    root = nnunet(tmp_path / "Dataset137_BraTS2021", labels)
    (found,) = find_dataset(root).cases
    assert found.id == "BraTS2021_00000"
    assert names(found) == {m.name: f"BraTS2021_00000_{index:04}.nii.gz" for index, m in enumerate(Modality)}
    assert found.truth == root / "labelsTr" / "BraTS2021_00000.nii.gz"
    assert found.convention is (CONVENTIONS[convention] if convention else None)
    assert "dataset.json" in found.convention_reason
    assert decide_convention(found.truth)[0] is found.convention


def test_other_integers_make_a_convention_of_their_own(tmp_path):
    root = nnunet(tmp_path / "d", {"background": 0, "ET": 1, "NCR": 2, "ED": 3})
    (found,) = find_dataset(root).cases
    assert found.convention.name == "dataset.json"
    assert found.convention.decode(np.array([0, 1, 2, 3]), "x").tolist() == [0, 3, 1, 2]


def test_numbered_channels_without_dataset_json_are_left_to_the_person(tmp_path):
    root = nnunet(tmp_path / "d", REGIONS)
    (root / "dataset.json").unlink()
    (found,) = find_dataset(root).cases
    assert found.images == {}
    assert {len(sources) for sources in found.ambiguous.values()} == {4}
    assert set(found.ambiguous) == set(Modality)


@pytest.mark.parametrize("content", ["{", "\x00", '{"labels"'])
def test_a_damaged_dataset_json_is_named(tmp_path, content):
    root = nnunet(tmp_path / "d", REGIONS)
    (root / "dataset.json").write_text(content)
    with pytest.raises(CaseError, match=r"dataset\.json: is not valid JSON"):
        find_dataset(root)


@pytest.mark.parametrize("content", ["[]", "{}", '{"labels": 3}', '{"labels": {}, "channel_names": {}}'])
def test_a_dataset_json_that_says_nothing_decides_nothing(tmp_path, content):
    folder = complete(tmp_path / "p", "p")
    (folder / "dataset.json").write_text(content)
    found = find_case(folder)
    assert len(found.images) == 4
    assert found.convention is None


def test_upenn_truths_in_their_own_folders(tmp_path):
    root = tmp_path / "NIfTI-files"
    for case_id in ("UPENN-GBM-00001_11", "UPENN-GBM-00002_11"):
        stems = [f"{case_id}_{name}" for name in ("T1", "T1GD", "T2", "FLAIR", "T1_unstripped")]
        write_case(root / "images_structural" / case_id, stems)
    write(root / "images_segm" / "UPENN-GBM-00002_11_segm.nii.gz")
    for case_id in ("UPENN-GBM-00001_11", "UPENN-GBM-00002_11"):
        write(root / "automated_segm" / f"{case_id}_automated_approx_segm.nii.gz")
    first, second = find_dataset(root).cases
    assert first.truth.name == "UPENN-GBM-00001_11_automated_approx_segm.nii.gz"
    assert second.truth.name == "UPENN-GBM-00002_11_segm.nii.gz"


# Nothing usable


def test_folders_without_a_case(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "VSD.Brain.mha").write_text("ObjectType = Image")
    (tmp_path / "trap.nii.gz").mkdir()
    for name, why in [
        ("empty", "holds no images that are named as a case's"),
        ("meta", "VSD.Brain.mha is a MetaImage; save it as .nii.gz"),
        ("trap.nii.gz", "holds no images"),
        ("nowhere", "no such file or folder"),
    ]:
        with pytest.raises(CaseError, match=why) as error:
            find_case(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(CaseError, match="holds no images"):
        find_dataset(tmp_path / "empty")
    with pytest.raises(CaseError, match="is not a folder"):
        find_dataset(tmp_path / "nowhere")


def test_a_file_that_is_no_nifti(tmp_path):
    (tmp_path / "brain.mgz").write_bytes(b"x")
    with pytest.raises(CaseError, match="mri_convert"):
        find_case(tmp_path / "brain.mgz")


def test_damaged_images_are_found_by_name(tmp_path):
    folder = complete(tmp_path / "p", "p")
    (folder / "p_t1.nii.gz").write_bytes(b"")
    assert T1N in find_case(folder).images


# Conventions of single files


@pytest.mark.parametrize(
    ("path", "convention"),
    [
        ("BraTS2021_00000/BraTS2021_00000_seg.nii.gz", "brats2020"),
        ("BraTS-GLI-00001-000/model_segmentations/seg-one.nii.gz", "brats2023"),
        ("MICCAI_BraTS_2019_Data_Training/HGG/truth.nii.gz", "brats2020"),
        ("BRATS_001.nii.gz", "decathlon"),
        ("brats_tcia_pat100_1/ot.nii.gz", "brats2015"),
        ("FeTS2022_00000_seg.nii.gz", "brats2020"),
        ("BraTS-MEN-RT-0001-1/x_gtv.nii.gz", None),
        ("mask.nii.gz", None),
    ],
)
def test_the_name_decides_and_the_content_never(tmp_path, path, convention):
    for values in ([0, 1, 2, 4], [0, 1, 2, 3]):
        labels = np.array(values, dtype=np.uint8).reshape(4, 1, 1)
        found, reason = decide_convention(write(tmp_path / "data" / path, labels))
        assert found is (CONVENTIONS[convention] if convention else None)
        assert reason
