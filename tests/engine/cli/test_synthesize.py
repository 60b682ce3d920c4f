import json
from functools import partial

import pytest
from PIL import Image

from engine.cli import main
from engine.data import CONVENTIONS, find_case
from engine.synth.anatomy import FieldOfView
from engine.synth.synthesize import Recipe


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Cases of 8 mm instead of 1 mm."""
    monkeypatch.setattr("engine.synth.synthesize.Recipe", partial(Recipe, grid=FieldOfView((20, 24, 19), 8.0)))


def synthesize(*arguments):
    return main(["synthesize", "--device", "cpu", *map(str, arguments)])


@pytest.mark.parametrize("layout", ["brats2020", "brats2023"])
def test_cases_are_written_in_the_layout_asked_for(layout, tmp_path, capsys):
    assert synthesize("-o", tmp_path / "cases", "--cases", 2, "--layout", layout, "--json", "--quiet") == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert err == ""
    cases = [find_case(tmp_path / "cases" / case_id) for case_id in result["cases"]]
    assert [case.id for case in cases] == result["cases"]
    assert all(len(case.images) == 4 and case.convention == CONVENTIONS[layout] for case in cases)
    assert result["made"] == 2
    assert result["layout"] == layout


def test_a_run_goes_on_and_draws_all_cases(tmp_path, capsys):
    assert synthesize("-o", tmp_path / "cases", "--cases", 1, "--seed", 5) == 0
    picture = tmp_path / "cases" / "preview.png"
    assert synthesize("-o", tmp_path / "cases", "--cases", 2, "--seed", 5, "--preview", picture) == 0
    out, err = capsys.readouterr()
    assert "1 of the 2 cases were there already" in err
    assert "2 synthetic cases, 1 made" in out
    with Image.open(picture) as drawn:
        assert drawn.width == 52 + 2 * 176


def test_cases_are_scaled_as_asked_for(tmp_path, capsys):
    command = ("-o", tmp_path / "cases", "--cases", 1, "--scaling")
    assert synthesize(*command, "any", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["scaling"] == "any"
    assert synthesize(*command, "brats", "--quiet") == 2
    assert "of scaling any, not of scaling brats" in capsys.readouterr().err


def test_a_preview_alone_keeps_no_cases(tmp_path, capsys):
    assert synthesize("--cases", 1, "--preview", tmp_path / "p.png", "--json") == 0
    assert json.loads(capsys.readouterr().out)["folder"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]


def test_the_sample_case_can_be_made_again(tmp_path):
    assert synthesize("-o", tmp_path, "--cases", 1, "--prefix", "BraTS-Viewer_Sample") == 0
    case = find_case(tmp_path / "BraTS-Viewer_Sample_001")
    assert len(case.images) == 4
    assert case.convention == CONVENTIONS["brats2020"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--cases", 1], "-o DIR"),
        (["-o", "cases", "--cases", 0], "--cases 0"),
        (["-o", "cases", "--cases", 1, "--device", "cuda:77"], "cuda:77"),
        (["-o", "cases", "--cases", 1, "--prefix", "BraTS20_Training"], "real cases"),
        (["-o", "cases", "--cases", 1, "--preview", "p.jpg"], ".png"),
        (["-o", "cases", "--cases", 1, "--preview", "nowhere/p.png"], "no such folder"),
        (["-o", ".", "--cases", 1], "mine.txt"),
        (["-o", "mine.txt/cases", "--cases", 1], "choose another folder"),
    ],
)
def test_what_a_person_can_mend_is_one_line_and_status_2(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    assert synthesize("--quiet", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
