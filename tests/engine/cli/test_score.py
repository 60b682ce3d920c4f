import json

import nibabel as nib
import numpy as np
import pytest

from engine.cli import main


def write(path, values):
    data = np.zeros((8, 8, 8), dtype=np.uint8)
    data.ravel()[: len(values)] = values
    nib.save(nib.Nifti1Image(data, np.diag([1.0, 1.0, 1.0, 1.0])), path)
    return str(path)


@pytest.fixture
def pair(tmp_path):
    (tmp_path / "BraTS20_Training_001").mkdir()
    truth = write(tmp_path / "BraTS20_Training_001" / "BraTS20_Training_001_seg.nii.gz", [4, 4, 1, 2])
    return write(tmp_path / "mask.nii.gz", [3, 1, 1, 2]), truth


def test_json_holds_each_region_by_hand(pair, capsys):
    assert main(["score", *pair, "--prediction-labels", "brats2023", "--json"]) == 0
    regions = json.loads(capsys.readouterr().out)["regions"]
    assert list(regions) == ["ET", "TC", "WT"]
    assert set(regions["ET"]) == {"dice", "hd95_mm", "sensitivity", "specificity", "prediction_ml", "truth_ml"}
    assert regions["ET"]["dice"] == pytest.approx(2 / 3)
    assert regions["ET"]["sensitivity"] == pytest.approx(0.5)
    assert regions["ET"]["prediction_ml"] == pytest.approx(0.001)
    assert regions["WT"] == {
        "dice": 1.0,
        "hd95_mm": 0.0,
        "sensitivity": 1.0,
        "specificity": 1.0,
        "prediction_ml": pytest.approx(0.004),
        "truth_ml": pytest.approx(0.004),
    }


def test_the_content_of_a_mask_never_decides_what_its_integers_mean(pair, capsys):
    assert main(["score", *pair]) == 2
    error = capsys.readouterr().err
    assert "--prediction-labels" in error
    assert error.count("\n") == 1


def test_a_mask_that_contradicts_its_convention_is_refused(pair, capsys):
    assert main(["score", *pair, "--prediction-labels", "brats2020"]) == 2
    assert "label value 3" in capsys.readouterr().err


def test_the_table_has_a_row_for_each_region(pair, capsys):
    assert main(["score", *pair, "--prediction-labels", "brats2023"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["ET", "TC", "WT"]
    assert rows[1].split()[1] == "0.667"


def test_lesionwise_scores_follow_in_the_table_and_in_json(pair, capsys):
    assert main(["score", *pair, "--prediction-labels", "brats2023"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.endswith("lesion Dice  lesion HD95 mm")
    assert [row.split()[-2:] for row in rows] == [["1.000", "0.00"]] * 3  # the lesions are too small to be scored
    assert main(["score", *pair, "--prediction-labels", "brats2023", "--json"]) == 0
    lesionwise = json.loads(capsys.readouterr().out)["lesionwise"]
    assert list(lesionwise) == ["ET", "TC", "WT"]
    assert lesionwise["ET"]["counts"] == {"matched": 0, "missed": 0, "false_positive": 0, "ignored": 1}


def test_each_lesion_is_listed_when_asked_for(tmp_path, capsys):
    prediction = write(tmp_path / "a.nii.gz", [2] * 64)  # a whole plane of 8 x 8
    truth = write(tmp_path / "b.nii.gz", [0] * 7 * 64 + [2])  # a voxel at the other side
    labels = ["--prediction-labels", "brats2023", "--truth-labels", "brats2023"]
    assert main(["score", prediction, truth, *labels, "--lesions"]) == 0
    table, _, listed = capsys.readouterr().out.partition("\n\n")
    assert [line.split()[-2:] for line in table.splitlines()[1:]] == [
        ["1.000", "0.00"],
        ["1.000", "0.00"],
        ["0.000", "374.00"],
    ]
    assert [" ".join(line.split()) for line in listed.splitlines()] == [
        "no. lesion centre i j k truth ml pred. ml Dice HD95 mm",
        "WT 1 false positive 0 3 3 0.000 0.064 0.000 374.00",
        "WT 2 ignored 7 0 0 0.001 0.000 - -",
    ]


@pytest.mark.parametrize("command", [["--help"], ["segment", "--help"], ["score", "--help"], ["models", "--help"]])
def test_help_answers(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    assert "usage: brats-engine" in capsys.readouterr().out


def test_help_says_where_the_log_is(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    assert "brats-engine.log" in "".join(out.split())
    assert "not a medical device" in " ".join(out.split())


def test_models_are_listed_and_shown(capsys):
    assert main(["models", "list"]) == 0
    assert capsys.readouterr().out.startswith("default")
    assert main(["models", "show", "default", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["regions"] == ["ET", "TC", "WT"]
    assert main(["models", "show", "default"]) == 0
    assert "synthetic" in capsys.readouterr().out
    assert main(["models", "show", "nothing"]) == 2
