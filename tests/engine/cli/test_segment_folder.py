import csv
import json

import pytest

from engine.cli import main
from tests.engine.bundles import threshold_bundle
from tests.engine.cohorts import write_case


@pytest.fixture
def dataset(tmp_path):
    write_case(tmp_path / "cases" / "HGG" / "Case_1")
    broken = write_case(tmp_path / "cases" / "HGG" / "Case_2") / "Case_2_t1.nii.gz"
    broken.write_bytes(broken.read_bytes()[:100])
    write_case(tmp_path / "cases" / "LGG" / "Case_3")
    return tmp_path / "cases"


@pytest.fixture
def segment(tmp_path, dataset):
    threshold_bundle(tmp_path / "tiny")

    def run(*more, path=dataset):
        options = ["--model", str(tmp_path / "tiny"), "--device", "cpu", "--backend", "torch", "--tta", "none"]
        return main(["segment", str(path), *options, *map(str, more)])

    return run


def test_a_folder_of_cases_gets_masks_a_table_and_a_word_on_what_failed(segment, tmp_path, capsys):
    masks = tmp_path / "masks"
    assert segment("-o", masks) == 0
    out, err = capsys.readouterr()
    assert sorted(path.name for path in masks.glob("*.nii.gz")) == ["Case_1.nii.gz", "Case_3.nii.gz"]
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["ET", "ml", "TC", "ml", "WT", "ml", "s"]
    assert [line[0] for line in lines[1:4]] == ["Case_1", "Case_3", "Case_2"], "what failed comes last"
    assert lines[1][1:4] == ["0.1", "0.1", "0.1"]
    assert lines[3][1:] == ["failed"]
    assert any(line.startswith("not segmented: ") and "Case_2_t1.nii.gz" in line for line in err.splitlines())
    rows = list(csv.DictReader((masks / "volumes.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["case"], row["status"], row["WT_ml"]) for row in rows] == [
        ("Case_1", "segmented", "0.064"),
        ("Case_3", "segmented", "0.064"),
        ("Case_2", "failed", ""),
    ]
    assert "Case_2_t1.nii.gz" in rows[2]["error"]
    assert segment("-o", masks) == 0
    assert capsys.readouterr().out.count("done earlier") == 2


def test_json_of_a_folder(segment, tmp_path, capsys):
    assert segment("-o", tmp_path / "masks", "--json", "--quiet") == 0
    result = json.loads(capsys.readouterr().out)
    assert 0 < result["network_busy"] <= 1
    good, _, bad = result["cases"]
    assert good["mask"] == str(tmp_path / "masks" / "Case_1.nii.gz")
    assert good["volumes_ml"] == dict.fromkeys(("ET", "TC", "WT"), pytest.approx(0.064))
    assert (bad["status"], bad["mask"], bad["volumes_ml"]) == ("failed", None, None)


def test_one_case_goes_into_a_folder_that_is_there(segment, dataset, tmp_path):
    (tmp_path / "masks").mkdir()
    assert segment("-o", tmp_path / "masks", path=dataset / "LGG") == 0
    assert (tmp_path / "masks" / "Case_3.nii.gz").is_file()
    assert segment(path=dataset / "LGG" / "Case_3") == 0
    assert (dataset / "LGG" / "Case_3" / "Case_3_prediction.nii.gz").is_file(), "a case by itself, as ever"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "-o DIR"),
        (("-o", "masks", "--uncertainty", "unsure.nii.gz"), "--uncertainty is for one case"),
        (("-o", "mask.nii.gz"), "several cases"),
    ],
)
def test_what_a_person_can_mend_is_one_line(segment, arguments, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert segment("--quiet", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_where_every_case_fails_the_status_is_2(segment, dataset, tmp_path, capsys):
    for path in dataset.glob("*/*/*_t1ce.nii.gz"):
        path.write_bytes(b"")
    assert segment("-o", tmp_path / "masks", "--quiet") == 2
    assert "none of its 3 cases was segmented" in capsys.readouterr().err
