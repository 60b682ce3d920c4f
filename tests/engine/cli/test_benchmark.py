import json
import sys

import pytest

from engine.cli import main
from tests.engine.bundles import threshold_bundle
from tests.engine.cli.test_segment import write_case


@pytest.mark.skipif(sys.platform == "win32", reason="slow there, and nothing in it depends on the system")
def test_a_quick_benchmark_measures_each_step_and_keeps_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("engine.benchmark.peak.SIZE", 64)
    case = write_case(tmp_path / "BraTS20_Training_001")
    threshold_bundle(tmp_path / "tiny")
    before = sorted(case.iterdir())
    options = [
        "--model",
        str(tmp_path / "tiny"),
        "--device",
        "cpu",
        "--backend",
        "torch",
        "--quick",
        "--json",
        "--quiet",
    ]
    assert main(["benchmark", str(case), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in found["steps"]] == [
        "from files to a first slice",
        "reading the case and its truth",
        "saving the mask",
    ]
    (row,) = found["passes"]
    assert (row["backend"], row["tta"], row["device"], len(row["seconds"])) == ("torch", "none", "cpu", 1)
    assert 0 < row["flops_per_s"] < found["peaks"]["float32"]["flops_per_s"] * 2
    assert row["peak_bytes"] > 100e6
    assert sorted(case.iterdir()) == before


def test_a_wrong_name_or_number_is_one_line(tmp_path, capsys):
    case = write_case(tmp_path / "BraTS20_Training_001")
    assert main(["benchmark", str(case), "--model", "no-such-model"]) == 2
    assert "no such model" in capsys.readouterr().err
    threshold_bundle(tmp_path / "tiny")
    assert main(["benchmark", str(case), "--model", str(tmp_path / "tiny"), "--runs", "0"]) == 2
    assert "--runs 0: measure once at least" in capsys.readouterr().err
