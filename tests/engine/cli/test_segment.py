import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from engine.cli import main
from engine.data import Modality
from tests.engine.bundles import threshold_bundle
from tests.phantoms import phantom_case

SUFFIXES_2020 = {Modality.T1N: "t1", Modality.T1C: "t1ce", Modality.T2W: "t2", Modality.T2F: "flair"}
SUFFIXES_2023 = {Modality.T1N: "t1n", Modality.T1C: "t1c", Modality.T2W: "t2w", Modality.T2F: "t2f"}


def write_case(folder: Path, suffixes=SUFFIXES_2020, separator="_", **options) -> Path:
    folder.mkdir()
    case = phantom_case(**options)
    for modality, volume in case.images.items():
        name = f"{folder.name}{separator}{suffixes[modality]}.nii.gz"
        nib.save(nib.Nifti1Image(volume.data, volume.affine), folder / name)
    return folder


@pytest.fixture
def case(tmp_path):
    return write_case(tmp_path / "BraTS20_Training_001")


@pytest.fixture
def model(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    return str(tmp_path / "tiny")


def segment(case, model, *more):
    return main(["segment", str(case), "--model", model, "--device", "cpu", "--tta", "none", *map(str, more)])


def test_segment_writes_a_mask_and_its_provenance_beside_it(case, model, capsys):
    assert segment(case, model) == 0
    mask = case / "BraTS20_Training_001_prediction.nii.gz"
    record = json.loads((case / "BraTS20_Training_001_prediction.json").read_text())
    image = nib.load(mask)
    values = set(np.unique(np.asanyarray(image.dataobj)).tolist())
    assert values == {0, 2, 4}, "the convention of the input's naming"
    assert image.get_data_dtype() == np.uint8
    assert record["model"]["name"] == "tiny"
    assert set(record["inputs"]) == {"T1N", "T1C", "T2W", "T2F"}
    out, err = capsys.readouterr()
    assert str(mask) in out
    assert "T1CE: " in err
    assert "segmenting" in err


def test_its_own_output_is_replaced_and_never_taken_for_truth_or_image(case, model):
    assert segment(case, model, "-o", case / "BraTS20_Training_001_seg.nii.gz") == 0
    assert segment(case, model, "-o", case / "BraTS20_Training_001_seg.nii.gz") == 0
    assert main(["score", str(case / "BraTS20_Training_001_seg.nii.gz"), str(case)]) == 2


def test_labels_follow_the_naming_unless_told(tmp_path, model):
    case = write_case(tmp_path / "BraTS-GLI-00001-000", SUFFIXES_2023, "-")

    def values(*more):
        out = tmp_path / "out.nii.gz"
        assert segment(case, model, "-o", out, *more) == 0
        return set(np.unique(np.asanyarray(nib.load(out).dataobj)).tolist())

    assert values() == {0, 2, 3}
    assert values("--labels", "brats2020") == {0, 2, 4}


def test_json_is_the_only_thing_on_stdout(case, model, capsys):
    assert segment(case, model, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert err == ""
    assert result["labels"] == "brats2020"
    assert set(result["volumes_ml"]) == {"ET", "TC", "WT"}
    assert 0 < result["volumes_ml"]["ET"] <= result["volumes_ml"]["TC"] <= result["volumes_ml"]["WT"]


def test_uncertainty_is_written_in_bits_on_the_cases_grid(case, model, capsys):
    target = case / "unsure.nii.gz"
    assert segment(case, model, "--uncertainty", target) == 0
    assert f"uncertainty in {target}" in capsys.readouterr().out
    image, source = nib.load(target), nib.load(case / "BraTS20_Training_001_t1ce.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, source.affine)
    entropy = np.asarray(image.dataobj)
    # WT's logit is 0 in all of the brain whose z-score is negative: a probability of 1/2, 1 bit
    assert entropy.max() == 1.0
    np.testing.assert_array_equal(entropy > 0, np.asarray(source.dataobj) != 0)
    assert json.loads((case / "unsure.json").read_text())["uncertainty"]["unit"] == "bit"
    assert segment(case, model, "--uncertainty", target) == 0, (
        "its own output is replaced, and never taken for an image"
    )


def test_json_tells_the_confidence_of_each_region(case, model, capsys):
    assert segment(case, model, "--json", "--quiet") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["uncertainty"] is None
    assert set(result["confidence"]) == {"ET", "TC", "WT"}
    assert all(0 < dice < 1 for dice in result["confidence"].values())


def test_a_person_can_say_which_file_is_which(case, model, capsys):
    (case / "BraTS20_Training_001_t1ce.nii.gz").rename(case / "odd.nii.gz")
    assert segment(case, model, "--json", "--t1c", case / "odd.nii.gz") == 0
    assert json.loads(capsys.readouterr().out)["inputs"]["T1C"].endswith("odd.nii.gz")


def test_what_the_names_do_not_decide_is_told_with_the_option_that_does(case, model, capsys):
    content = (case / "BraTS20_Training_001_t1ce.nii.gz").read_bytes()
    for twice in ("t1gd", "seg", "segm"):
        (case / f"BraTS20_Training_001_{twice}.nii.gz").write_bytes(content)
    assert segment(case, model) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "T1CE: not decided; say --t1c FILE" in lines
    assert sum("t1gd" in line for line in lines) == 1, "the candidates are named once"
    assert not any("truth" in line for line in lines), "the truth plays no part here"
    assert segment(case, model, "--t1c", case / "BraTS20_Training_001_t1ce.nii.gz", "--overwrite") == 0
    assert f"T1CE: {case / 'BraTS20_Training_001_t1ce.nii.gz'}" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "mask.png"], "ends in .nii.gz"),
        (["-o", "nowhere/mask.nii.gz"], "no such folder"),
        (["--uncertainty", "unsure.png"], "ends in .nii.gz"),
        (["-o", "one.nii.gz", "--uncertainty", "one.nii"], "would replace the mask"),
        (["--model", "nothing"], "no such model"),
        (["--device", "cuda:77"], "cuda:77"),
        (["--t1c", "nothing.nii.gz"], "nothing.nii.gz"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_status_2(case, model, arguments, says, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert segment(case, model, "--quiet", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert not list(case.glob("*prediction*"))


def test_a_foreign_file_is_not_overwritten_unasked(case, model, capsys):
    target = case.parent / "mine.nii.gz"
    target.write_bytes(b"precious")
    assert segment(case, model, "-o", target) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert target.read_bytes() == b"precious"
    assert segment(case, model, "-o", target, "--overwrite") == 0
    target.write_bytes(b"precious")
    (case.parent / "mine.json").unlink()
    assert segment(case, model, "--uncertainty", target) == 2
    assert target.read_bytes() == b"precious"


def test_an_empty_folder_is_one_line(tmp_path, model, capsys):
    (tmp_path / "empty").mkdir()
    assert segment(tmp_path / "empty", model) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process on Windows")
def test_ctrl_c_ends_with_130_and_leaves_no_file(tmp_path):
    case = write_case(tmp_path / "BraTS20_Training_002", shape=(120, 120, 100))
    threshold_bundle(tmp_path / "slow", overlap=0.9)
    command = [sys.executable, "-m", "engine", "segment", str(case), "--model", str(tmp_path / "slow")]
    before = sorted(case.iterdir())
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        for line in process.stderr:
            if line.startswith("segmenting"):
                os.kill(process.pid, signal.SIGINT)
                break
        rest = process.stderr.read()
        status = process.wait()
        watchdog.cancel()
    assert status == 130
    assert "Traceback" not in rest
    assert sorted(case.iterdir()) == before
