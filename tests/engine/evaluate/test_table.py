from pathlib import Path

import pytest

from engine.data import Region
from engine.errors import EvaluationError
from engine.evaluate.table import CaseResult, from_csv, to_csv
from engine.score import Score

PATH = Path("cases.csv")


def result(name="a", **changes):
    scores = {region: Score(0.1 * number, 373.12866, 0.0, None, 0.0, 1e-6) for number, region in enumerate(Region)}
    fields = {"seconds": 1.5, "device": "cuda:0", "model": "tiny", "model_sha256": "0" * 12, "files": "f" * 24}
    return CaseResult(**({"id": name, "scores": scores, "warnings": ('T1 "is", odd', "second")} | fields | changes))


def test_what_was_written_is_read():
    results = [result("a"), result("b", warnings=())]
    assert from_csv(to_csv(results), PATH) == results


def test_the_columns_are_named_for_people():
    header, row = to_csv([result()]).splitlines()
    cells = dict(zip(header.split(","), row.split(","), strict=False))
    assert header.startswith("case,dice_ET,dice_TC,dice_WT,dice_average,")
    assert float(cells["dice_average"]) == pytest.approx(0.1)
    assert (cells["dice_TC"], cells["hd95_mm_WT"], cells["specificity_ET"]) == ("0.1", "373.12866", "")


def test_a_row_cut_off_anywhere_is_left_out():
    text = to_csv([result("a"), result("b")])
    end_of_first = text.index("\n", text.index("\na,") + 1) + 1
    for end in range(end_of_first, len(text)):
        assert from_csv(text[:end], PATH) == [result("a")]
    for end in range(text.index("\n")):
        assert from_csv(text[:end], PATH) == []


def test_a_damaged_row_does_not_cost_the_others():
    lines = to_csv([result("a"), result("b"), result("c")]).splitlines()
    for damage in ('"', "b,0.5", lines[2].replace("373.12866", "far"), ""):
        text = "\n".join([lines[0], lines[1], damage, lines[3], ""])
        assert [found.id for found in from_csv(text, PATH)] == ["a", "c"]


def test_another_table_is_refused():
    with pytest.raises(EvaluationError, match="choose another folder"):
        from_csv("patient,age\n1,50\n", PATH)
