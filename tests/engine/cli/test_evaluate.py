import json

import pytest

from engine.cli import main
from tests.engine.bundles import threshold_bundle
from tests.engine.cohorts import PARTLY, PERFECT, write_case


@pytest.fixture
def dataset(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    write_case(tmp_path / "data" / "BraTS20_Training_001", PARTLY)
    write_case(tmp_path / "data" / "BraTS20_Training_002", PERFECT)
    return tmp_path / "data"


def evaluate(dataset, *more):
    fixed = ["-m", str(dataset.parent / "tiny"), "-o", str(dataset.parent / "out"), "--device", "cpu"]
    return main(["evaluate", str(dataset), *fixed, "--tta", "none", *more])


def test_the_table_by_hand(dataset, capsys):
    assert evaluate(dataset) == 0
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines()[:5]]
    assert table == [
        ["ET", "TC", "WT", "average"],
        ["mean", "0.875", "0.944", "0.833", "0.884"],
        ["std", "0.177", "0.079", "0.236", "0.164"],
        ["25th", "0.812", "0.917", "0.750", "0.826"],
        ["75th", "0.938", "0.972", "0.917", "0.942"],
    ]
    assert "of a sample (n - 1)" in out
    assert "not a medical device" in out
    assert "BraTS20_Training_002 1/2" in err


def test_json_is_the_summary(dataset, capsys):
    assert evaluate(dataset, "--json", "--quiet", "--no-masks", "--modalities", "t1ce,FLAIR") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads((dataset.parent / "out" / "summary.json").read_text())
    assert json.loads(out)["modalities"] == ["T1C", "T2F"]
    assert err == ""
    assert not (dataset.parent / "out" / "masks").exists()


def test_failures_are_named_and_cost_nothing_while_one_case_is_scored(dataset, capsys):
    truths = list(dataset.rglob("*_seg.nii.gz"))
    truths[0].unlink()
    assert evaluate(dataset, "--quiet") == 0
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert err.startswith("not scored: ")
    assert "1 case;" in out
    truths[1].unlink()
    assert evaluate(dataset, "--quiet") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].endswith("none of its 2 cases was scored")


def test_the_rest_of_many_failures_is_left_to_the_summary(dataset, capsys):
    for number in range(25):
        write_case(dataset / f"BraTS20_Training_{100 + number}", None)
    assert evaluate(dataset, "--quiet") == 0
    assert capsys.readouterr().err.splitlines()[-1] == "and 5 more, see summary.json"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--model", "nothing"], "no such model"),
        (["--device", "cuda:77"], "cuda:77"),
        (["-o", f"{__file__}/inside_a_file"], "cannot be made"),
        (["--modalities", "t2w", "--tta", "flips"], "tta: none, now flips; modalities: "),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_status_2(dataset, more, says, capsys):
    if "--modalities" in more:
        assert evaluate(dataset) == 0
    capsys.readouterr()
    assert evaluate(dataset, "--quiet", *more) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


def test_an_unknown_modality_is_told(dataset, capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate(dataset, "--modalities", "t1c,adc")
    assert ended.value.code == 2
    assert "adc" in capsys.readouterr().err


def test_help_tells_the_exit_status(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert "Exit status: 0 where at least one case was scored" in " ".join(capsys.readouterr().out.split())


def test_reasons_and_lesions_follow_the_table(dataset, capsys):
    assert evaluate(dataset, "--quiet") == 0
    out = capsys.readouterr().out
    assert "\nHD95 in mm\n" in out
    assert "\nLesion-wise Dice (BraTS 2023)\n" in out
    # The average of .75, 128/144 and 128/192.
    assert "\n0.769  BraTS20_Training_001: very small whole tumour (0.13 ml): one voxel weighs much\n" in out
    assert out.strip() == (dataset.parent / "out" / "summary.txt").read_text(encoding="utf-8").strip()


@pytest.fixture
def theirs(dataset):
    """Somebody's masks, which are the truths."""
    folder = dataset.parent / "theirs"
    folder.mkdir()
    for truth in dataset.rglob("*_seg.nii.gz"):
        (folder / f"{truth.parent.name}.nii.gz").write_bytes(truth.read_bytes())
    return folder


def test_masks_alone_are_scored(dataset, theirs, capsys):
    arguments = ["evaluate", str(dataset), "--masks", str(theirs), "-o", str(dataset.parent / "out"), "--quiet"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["mean", "1.000", "1.000", "1.000", "1.000"]
    assert f"masks theirs ({theirs})" in out


def test_two_are_compared(dataset, theirs, capsys):
    assert evaluate(dataset, "--masks", str(theirs), "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["tiny", *("0.875", "(0.177)"), *("0.944", "(0.079)"), *("0.833", "(0.236)"), *("0.884", "(0.164)"), "2"]  # fmt: skip  # noqa: E501
    at = lines.index("Dice: theirs minus tiny")
    assert lines[at + 1].split() == ["difference", "95", "%", "interval", "p", "p", "Holm", "better", "worse", "equal", "n"]  # fmt: skip  # noqa: E501
    # One case gains a quarter, the other nothing; of one sign both are as likely.
    cells = lines[at + 2].split()
    assert (cells[0], cells[1], cells[-6:]) == ("ET", "+0.125", ["1.000", "1.000", "1", "0", "1", "2"])
    assert any(line.startswith("Fewer than 20 cases in common with theirs") for line in lines)


def test_json_of_two_is_the_summary_of_both(dataset, theirs, capsys):
    assert evaluate(dataset, "--masks", str(theirs), "--quiet", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((dataset.parent / "out" / "summary.json").read_text())
    assert printed["comparison"]["differences"]["dice"]["theirs"]["ET"]["mean"] == 0.125


def test_a_case_that_one_lacks_is_told_of_that_one(dataset, theirs, capsys):
    write_case(dataset / "BraTS20_Training_003", None)
    (theirs / "BraTS20_Training_002.nii.gz").unlink()
    assert evaluate(dataset, "--masks", str(theirs), "--quiet") == 0
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 3
    assert sum("BraTS20_Training_003 has no truth" in line for line in err) == 2
    assert [line for line in err if line.startswith("not scored: theirs: ") and "no mask of" in line]
    (theirs / "BraTS20_Training_001.nii.gz").unlink()
    (theirs / "other.nii.gz").touch()
    assert evaluate(dataset, "--masks", str(theirs), "--quiet") == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("none of its 3 cases was scored by theirs")


def test_a_part_of_a_split(dataset, capsys):
    split = dataset.parent / "split.json"
    split.write_text(json.dumps({"training": ["BraTS20_Training_001"], "validation": ["BraTS20_Training_002"]}))
    assert evaluate(dataset, "--split", str(split), "--part", "validation", "--quiet", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["cases"], summary["split"]["part"], summary["table"]["dice"]["ET"]["mean"]) == (
        1,
        "validation",
        1.0,
    )
    assert evaluate(dataset, "--split", str(split), "--quiet") == 2
    assert 'has no case under "test"' in capsys.readouterr().err
