import csv
import io
from pathlib import Path

import pytest

from engine.data import Region
from engine.errors import EvaluationError
from engine.evaluate.table import CaseResult, from_csv, to_csv
from engine.score import Lesionwise, Score

PATH = Path("cases.csv")


def result(name="a", **changes):
    scores = {region: Score(0.1 * number, 373.12866, 0.0, None, 0.0, 1e-6) for number, region in enumerate(Region)}
    lesionwise = {region: Lesionwise(0.25 * number, 374.0) for number, region in enumerate(Region)}
    fields = {
        "lesionwise": lesionwise,
        "mask": "",
        "seconds": 1.5,
        "device": "cuda:0",
        "model": "tiny",
        "model_sha256": "0" * 12,
        "files": "f" * 24,
    }
    return CaseResult(
        **(
            {"id": name, "scores": scores, "lesionwise": lesionwise, "warnings": ('T1 "is", odd', "second")}
            | fields
            | changes
        )
    )


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


def test_lesions_and_remarks_stand_in_the_table():
    header, row = to_csv([result()]).splitlines()
    cells = dict(zip(header.split(","), next(csv.reader([row])), strict=True))
    assert [cells[f"lesionwise_dice_{region}"] for region in Region] == ["0.0", "0.25", "0.5"]
    assert cells["lesionwise_hd95_mm_WT"] == "374.0"
    assert cells["remarks"].startswith("enhancing tumour ")


def without(text, *dropped):
    """The table as a version had it that knew no column whose name begins so."""
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [name for name in rows[0] if not name.startswith(dropped)]
    made = io.StringIO()
    writer = csv.DictWriter(made, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


def test_a_table_of_an_earlier_version_is_read():
    text = without(to_csv([result("a"), result("b")]), "lesionwise", "remarks", "mask")
    assert from_csv(text, PATH) == [result("a", lesionwise={}), result("b", lesionwise={})]
    assert from_csv(without(text, "files", "warnings", "seconds"), PATH)[0].seconds is None


def test_columns_of_others_and_in_another_order_do_not_matter():
    rows = list(csv.reader(io.StringIO(to_csv([result("a"), result("b")]))))
    rows = [[note, *reversed(row)] for note, row in zip(("note", "good", "poor"), rows, strict=True)]
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerows(rows)
    assert from_csv(made.getvalue(), PATH) == [result("a"), result("b")]


def test_given_masks_have_neither_a_time_nor_a_device():
    given = result(seconds=None, device="", model_sha256="", mask="/data/a.nii.gz")
    assert from_csv(to_csv([given]), PATH) == [given]


def test_values_by_measure_and_column():
    assert result().value("lesionwise_dice", "average") == 0.25
    assert result().value("dice", "WT") == 0.2
    assert result().value("specificity", "average") is None
    assert result(lesionwise={}).value("lesionwise_dice", "ET") is None


def test_another_table_is_refused():
    with pytest.raises(EvaluationError, match="choose another folder"):
        from_csv("patient,age\n1,50\n", PATH)
