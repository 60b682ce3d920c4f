import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import engine
from engine.data import (
    CONVENTIONS,
    Label,
    LabelMap,
    Modality,
    Region,
    Segmentation,
    decide_convention,
    find_case,
    is_prediction,
    load_case,
    save_segmentation,
)
from engine.data.segmentation import Uncertainty
from engine.errors import ImageFileError, LabelConventionError
from engine.progress import finish
from tests.engine.data.files import gunzip, write, write_case

ID = "BraTS2021_00003"
BRATS2020 = CONVENTIONS["brats2020"]


@pytest.fixture
def case(tmp_path):
    folder = write_case(tmp_path / ID, [f"{ID}_{name}" for name in ("t1", "t1ce", "t2", "flair")], (f"{ID}_seg", 4))
    return finish(load_case(find_case(folder)))


def segmentation(case, value=Label.ET, uncertainty=None):
    labels = np.zeros(case.native.shape, dtype=np.uint8)
    labels[1:3, 1:3, 1:3] = value
    return Segmentation(
        LabelMap(labels, case.native), case.id, "tiny", "ab" * 32, "cpu", "flips", 1.23456, ("a note",), uncertainty
    )


def save(case, name=f"{ID}_prediction.nii.gz", unsure=None, **options):
    """Save beside the case's images; with a name for `unsure` the entropy as well, 0.25 bits in one voxel."""
    if unsure is None:
        return save_segmentation(case.files.folder / name, segmentation(case, **options), case, BRATS2020)
    entropy = np.zeros(case.native.shape, dtype=np.float16)
    entropy[1, 2, 3] = 0.25
    unsure_one = segmentation(case, uncertainty=Uncertainty(entropy, {Region.ET: None, Region.WT: 0.75}), **options)
    return save_segmentation(case.files.folder / name, unsure_one, case, BRATS2020, case.files.folder / unsure)


def test_the_mask_lies_on_the_native_grid_in_the_convention(case):
    mask, _ = save(case)
    image = nib.load(mask)
    assert np.unique(np.asarray(image.dataobj)).tolist() == [0, 4]
    np.testing.assert_array_equal(image.affine, case.native.affine)


def test_the_provenance_says_where_it_came_from(case):
    mask, record_path = save(case)
    assert record_path == mask.with_name(f"{ID}_prediction.json")
    record = json.loads(record_path.read_text())
    source = case.files.images[Modality.T1C].path
    assert record["inputs"]["T1C"] == {
        "path": str(source),
        "volume": None,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
    }
    assert record["mask"] == {"file": mask.name, "sha256": hashlib.sha256(mask.read_bytes()).hexdigest()}
    assert record["labels"]["convention"] == "brats2020"
    assert record["labels"]["values"] == {"0": "BACKGROUND", "1": "NCR", "2": "ED", "4": "ET"}
    assert record["model"] == {"name": "tiny", "sha256": "ab" * 32}
    assert (record["case"], record["device"], record["tta"], record["seconds"]) == (ID, "cpu", "flips", 1.235)
    assert record["version"] == engine.__version__
    assert "a note" in record["notes"]
    assert record["notice"].startswith("Research use only")
    assert datetime.now(UTC) - datetime.fromisoformat(record["created"]) < timedelta(minutes=5)


def test_the_entropy_lies_on_the_native_grid_with_a_provenance_of_its_own(case):
    mask, _ = save(case, unsure="unsure.nii.gz")
    target = case.files.folder / "unsure.nii.gz"
    image = nib.load(target)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, case.native.affine)
    data = np.asarray(image.dataobj)
    assert data[1, 2, 3] == 0.25
    assert data.sum() == 0.25
    record, of_mask = (
        json.loads((case.files.folder / name).read_text()) for name in ("unsure.json", mask.name[:-7] + ".json")
    )
    assert record["uncertainty"] == {
        "measure": "entropy",
        "unit": "bit",
        "file": "unsure.nii.gz",
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
    }
    for shared in ("case", "model", "device", "tta", "inputs"):
        assert record[shared] == of_mask[shared]
    assert record["confidence"] == of_mask["confidence"] == {"ET": None, "WT": 0.75}
    assert "labels" not in record


@pytest.mark.parametrize("name", [f"{ID}_uncertainty.nii.gz", f"{ID}_label.nii.gz", f"{ID}_t1gd.nii.gz", "unsure.nii"])
def test_the_entropy_is_never_truth_nor_image_nor_mask(case, name):
    save(case, unsure=name)
    target = case.files.folder / name
    for _ in range(2):  # by its provenance, then by its mark
        assert is_prediction(target)
        assert find_case(case.files.folder) == case.files
        assert decide_convention(target)[0] is None
        (case.files.folder / f"{target.name.split('.')[0]}.json").unlink(missing_ok=True)


@pytest.mark.parametrize("name", [f"{ID}_prediction.nii.gz", f"{ID}_prediction.nii", "link.nii.gz"])
def test_the_entropy_does_not_replace_the_mask(case, name):
    (case.files.folder / "link.nii.gz").symlink_to(case.files.folder / f"{ID}_prediction.nii.gz")
    with pytest.raises(ImageFileError, match="would replace the mask"):
        save(case, unsure=name)
    assert not (case.files.folder / f"{ID}_prediction.nii.gz").exists()


def test_entropy_that_was_not_asked_for_or_lies_elsewhere_is_a_bug(case):
    target = case.files.folder / "x.nii.gz"
    for uncertainty in (None, Uncertainty(np.zeros((2, 2, 2), dtype=np.float16), {})):
        with pytest.raises(ValueError, match="no uncertainty on the grid"):
            save_segmentation(
                target, segmentation(case, uncertainty=uncertainty), case, BRATS2020, target.with_name("y.nii.gz")
            )
    assert not target.exists()


def test_a_vanished_input_costs_its_hash_and_not_the_mask(case):
    case.files.images[Modality.T1N].path.unlink()
    _, record_path = save(case)
    assert json.loads(record_path.read_text())["inputs"]["T1N"]["sha256"] is None


@pytest.mark.parametrize("name", [f"{ID}_prediction.nii.gz", f"{ID}_label.nii.gz", f"{ID}_t1gd.nii.gz", "mine.nii"])
def test_our_outputs_are_never_truth_or_image(case, name):
    """By mark and by provenance, whichever is left, whatever the name says."""
    mask, record = save(case, name)
    assert is_prediction(mask)
    assert find_case(case.files.folder) == case.files
    record.unlink()
    assert is_prediction(mask)
    assert find_case(case.files.folder) == case.files
    save(case, name)
    nib.save(nib.Nifti1Image(np.asarray(nib.load(mask).dataobj), case.native.affine), mask)
    assert find_case(case.files.folder) == case.files
    record.unlink()
    assert not is_prediction(mask)


def test_a_prediction_names_its_case(case):
    mask, _ = save(case)
    assert find_case(mask) == case.files


def test_a_prediction_remembers_its_convention(case):
    mask, record = save(case)
    for _ in range(2):
        convention, reason = decide_convention(mask)
        assert convention is BRATS2020
        assert "recorded" in reason
        record.unlink(missing_ok=True)
    renamed = gunzip(mask).rename(mask.with_name("BraTS-GLI-00001-000-seg.nii"))
    assert decide_convention(renamed)[0] is BRATS2020, "its own mark counts more than a name"


@pytest.mark.parametrize("content", ["{", "[]", '{"program": "brats-viewer"}', "\x00\xff"])
def test_a_damaged_provenance_leaves_the_mark(case, content):
    mask, record = save(case)
    record.write_text(content)
    assert is_prediction(mask)
    assert decide_convention(mask)[0] is BRATS2020


def test_the_cases_own_files_are_never_overwritten(case):
    for source in [*(source.path for source in case.files.images.values()), case.files.truth]:
        before = source.read_bytes()
        for names in ({"name": source.name}, {"unsure": source.name}):
            with pytest.raises(ImageFileError, match="is a file of the case itself"):
                save(case, **names)
        assert source.read_bytes() == before
    (case.files.folder / "link.nii.gz").symlink_to(case.files.truth)
    with pytest.raises(ImageFileError, match="is a file of the case itself"):
        save(case, "link.nii.gz")


def test_a_foreign_json_is_not_overwritten(case):
    (case.files.folder / "mine.json").write_text('{"EchoTime": 0.1}')
    with pytest.raises(ImageFileError, match=r"mine\.json: is not a file of this program"):
        save(case, "mine.nii.gz")
    assert not (case.files.folder / "mine.nii.gz").exists()


def test_saving_again_replaces_both(case):
    mask, record = save(case)
    first = json.loads(record.read_text())["mask"]["sha256"]
    save(case, value=Label.ED)
    assert json.loads(record.read_text())["mask"]["sha256"] != first
    assert np.asarray(nib.load(mask).dataobj).max() == 2


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("failing_call", [1, 2, 3, 4])
def test_images_and_provenances_are_written_all_or_none(case, monkeypatch, failing_call, again):
    if again:
        save(case, unsure="unsure.nii.gz")
    before = {path.name: path.read_bytes() for path in case.files.folder.iterdir()}
    replace, calls = Path.replace, []

    def fail(path, target):
        calls.append(target)
        if len(calls) == failing_call:
            raise PermissionError(13, os.strerror(13))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ImageFileError, match="could not be written"):
        save(case, value=Label.ED, unsure="unsure.nii.gz")
    assert {path.name: path.read_bytes() for path in case.files.folder.iterdir()} == before


def test_a_label_without_integer_writes_nothing(case):
    before = sorted(case.files.folder.iterdir())
    with pytest.raises(LabelConventionError, match="RC"):
        save(case, value=Label.RC)
    assert sorted(case.files.folder.iterdir()) == before


def test_labels_of_another_grid_are_a_bug(case):
    other = segmentation(case)
    wrong = LabelMap(np.zeros((2, 2, 2), dtype=np.uint8), case.native)
    with pytest.raises(ValueError, match="not on the grid"):
        save_segmentation(
            case.files.folder / "x.nii.gz", Segmentation(wrong, other.case_id, "m", "", "", "", 0.0), case, BRATS2020
        )


def test_a_truth_that_this_program_wrote_without_mark_stays_truth(tmp_path):
    folder = write_case(tmp_path / "p", ["p_t1ce"])
    write(folder / "p_seg.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8), descrip=b"synthetic case")
    assert find_case(folder).truth == folder / "p_seg.nii.gz"
