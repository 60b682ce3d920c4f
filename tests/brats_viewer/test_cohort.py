"""What a cohort's rows say, and their order."""

import csv
import io
from pathlib import Path

from brats_viewer.cohort import (
    DICE_COLUMNS,
    Column,
    Entry,
    dice,
    entries,
    matches,
    ordered,
    table_text,
    text,
    value,
)
from engine.data import Region
from tests.brats_viewer.cohorts import FakeEvaluation, files, region_score, result, scores

ET = Region.ET


def entry(case: str, et: float, tc: float, wt: float) -> Entry:
    return Entry(files(case), scores(et, tc, wt))


# Rows


def test_cases_get_what_the_evaluation_has_of_them() -> None:
    failure = f"{Path('data') / 'b'}: b has no truth to be scored by"
    evaluation = FakeEvaluation((result("a", 1, 1, 1), result("gone", 1, 1, 1)), {"b": failure})
    a, b, c = entries([files("a"), files("b"), files("c")], evaluation)
    assert (a.scores, a.mask) == (scores(1, 1, 1), Path("results/masks/a.nii.gz"))
    assert (b.scores, b.mask, b.failure) == (None, None, failure)
    assert b.remark == "b has no truth to be scored by"
    assert c == Entry(files("c"))
    assert entries([files("a")], None) == (Entry(files("a")),)


def test_cells() -> None:
    scored = Entry(files("a"), {**scores(0.5, 0.75, 1.0), ET: region_score(0.5, 5.0, 10.0, hd95_mm=12.34)})
    assert [text(scored, column) for column in Column] == [
        *("a", "0.750", "0.500", "0.750", "1.000"),
        *("12.3", "5.0", "5.0"),
        "enhancing tumour too small (×0.5)",
    ]
    assert [text(Entry(files("b")), column) for column in Column] == ["b", *("–",) * 7, ""]
    assert [value(Entry(files("b")), column) for column in Column] == ["b", *(None,) * 8]
    assert scored.scores is not None
    assert [dice(scored.scores, column) for column in DICE_COLUMNS] == [0.5, 0.75, 1.0, 0.75]


# Order


def test_the_worst_is_first_and_cases_without_a_score_are_last() -> None:
    cohort = [Entry(files("z")), entry("a", 0.9, 0.9, 0.9), Entry(files("b")), entry("c", 0.2, 0.9, 0.9)]
    rising = ordered(cohort, Column.AVERAGE, descending=False)
    falling = ordered(cohort, Column.AVERAGE, descending=True)
    assert [row.id for row in rising] == ["c", "a", "b", "z"]
    assert [row.id for row in falling] == ["a", "c", "b", "z"]


def test_equal_values_are_ordered_by_id_either_way() -> None:
    cohort = [entry("b", 1, 1, 1), entry("a", 1, 1, 1), entry("C", 1, 1, 1)]
    for descending in (False, True):
        assert [row.id for row in ordered(cohort, Column.WT, descending=descending)] == ["a", "b", "C"]


def test_names_and_remarks_are_ordered_as_words() -> None:
    cohort = [entry("B", 0.1, 1, 1), entry("a", 1, 1, 1), Entry(files("c"), failure="a failure")]
    assert [row.id for row in ordered(cohort, Column.CASE, descending=True)] == ["c", "B", "a"]
    assert [row.id for row in ordered(cohort, Column.REMARK, descending=False)] == ["c", "B", "a"]


def test_the_filter_finds_all_words_in_name_and_remark() -> None:
    row = Entry(files("BraTS19_TCIA01_131_1"), {ET: region_score(0.0, 0.0, 1.2)})
    assert matches(row, "")
    assert matches(row, " tcia  MISSED ")
    assert not matches(row, "tcia large")


# The table for other programs


def test_the_table_is_written_in_full() -> None:
    cohort = [entry("a, b", 0.5, 0.75, 1.0), Entry(files("c"), failure="is damaged")]
    first, second = csv.DictReader(io.StringIO(table_text(cohort, ",")))
    assert first["case"] == "a, b"
    assert [first[f"dice_{name}"] for name in ("average", "ET", "TC", "WT")] == ["0.75", "0.5", "0.75", "1.0"]
    assert (first["hd95_mm_WT"], first["prediction_ml_ET"], first["truth_ml_ET"]) == ("5.0", "10.0", "10.0")
    assert (second["dice_average"], second["remarks"]) == ("", "is damaged")
    assert table_text(cohort, "\t").splitlines()[0].startswith("case\tdice_average\tdice_ET\t")


def test_words_that_a_spreadsheet_would_compute_stay_words() -> None:
    cohort = [Entry(files("=1+1"), failure="@sum"), Entry(files("a=b"))]
    first, second = csv.DictReader(io.StringIO(table_text(cohort, ",")))
    assert (first["case"], first["remarks"]) == ("'=1+1", "'@sum")
    assert second["case"] == "a=b"
