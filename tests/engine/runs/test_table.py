"""The table of the validation cases, as people open it and as it is read back."""

from pathlib import Path

import pytest

from engine.data import Region
from engine.runs.table import read_table, write_table

TABLE = {
    "case, one": {Region.ET: 0.5, Region.TC: 0.75, Region.WT: 1.0},
    "two": {Region.ET: 0.0, Region.TC: 1 / 3, Region.WT: 2 / 3},
}


def test_a_case_is_a_row_with_its_average(tmp_path: Path):
    write_table(tmp_path, TABLE)
    lines = (tmp_path / "validation.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["case,ET,TC,WT,average", '"case, one",0.5,0.75,1.0,0.75', "two,0.0,0.333333,0.666667,0.333333"]


def test_it_is_read_back_to_the_digits_it_has(tmp_path: Path):
    write_table(tmp_path, TABLE)
    found = read_table(tmp_path)
    assert list(found) == ["case, one", "two"]
    assert found["case, one"] == TABLE["case, one"]
    assert found["two"] == pytest.approx(TABLE["two"], abs=1e-6)


@pytest.mark.parametrize("content", ["", "nothing,of,this\n1,2,3\n", "case,ET,TC,WT,average\na,b,c,d,e\n"])
def test_what_is_no_table_is_empty(tmp_path: Path, content: str):
    assert read_table(tmp_path) == {}
    (tmp_path / "validation.csv").write_text(content, encoding="utf-8")
    assert read_table(tmp_path) == {}
