"""What a cohort's rows say, and their order."""

import csv
import io
from pathlib import Path

import pytest

from brats_viewer.cohort import (
    DICE_COLUMNS,
    Box,
    Column,
    Entry,
    box,
    dice,
    entries,
    matches,
    ordered,
    reasons,
    table_text,
    text,
    value,
)
from engine.data import Region
from engine.score import Score
from tests.brats_viewer.cohorts import ABSENT_MM, FakeEvaluation, files, region_score, result, scores

ET, TC, WT = Region


def entry(case: str, et: float, tc: float, wt: float) -> Entry:
    return Entry(files(case), scores(et, tc, wt))


# Low scores in words


@pytest.mark.parametrize(
    ("region", "score", "says"),
    [
        (ET, region_score(0.0, 0.4, 0.0, hd95_mm=ABSENT_MM), "truth has no enhancing tumour, 0.40 ml predicted"),
        (ET, region_score(0.0, 0.001, 0.0), "truth has no enhancing tumour, under 0.01 ml predicted"),
        (ET, region_score(0.0, 0.0, 1.2, hd95_mm=ABSENT_MM), "enhancing tumour missed (1.2 ml in truth)"),
        (ET, region_score(0.0, 0.0, 0.1), "enhancing tumour missed (0.10 ml in truth)"),
        (ET, region_score(0.3, 0.2, 0.1), "very small enhancing tumour (0.10 ml): one voxel weighs much"),
        (ET, region_score(0.06, 3.0, 0.1), "enhancing tumour much too large (×30)"),
        (ET, region_score(0.03, 0.27, 19.7), "enhancing tumour nearly missed (0.27 ml of 19.7 ml predicted)"),
        (TC, region_score(0.5, 23.0, 10.0), "tumour core much too large (×2.3)"),
        (TC, region_score(0.66, 15.0, 10.0), "tumour core too large (×1.5)"),
        (WT, region_score(0.6, 5.0, 10.0), "whole tumour too small (×0.5)"),
        (WT, region_score(0.5, 4.6, 10.0), "whole tumour much too small (×0.46)"),
        (TC, region_score(0.1, 8.0, 10.0), "tumour core predicted elsewhere (9% of the truth found)"),
        (
            WT,
            region_score(0.65, 9.8, 10.0, hd95_mm=9.4),
            "whole tumour of about the right size, but its outline differs (HD95 9 mm)",
        ),
    ],
)
def test_a_low_score_is_explained(region: Region, score: Score, says: str) -> None:
    assert reasons({region: score}) == [says]


def test_a_score_that_is_not_low_is_not_explained() -> None:
    both_absent = region_score(1.0, 0.0, 0.0, hd95_mm=0.0)
    assert reasons({ET: both_absent, TC: region_score(0.7, 20.0, 10.0), WT: region_score(0.95)}) == []


def test_the_worst_region_is_explained_first() -> None:
    found = reasons({ET: region_score(0.6, 5.0, 10.0), TC: region_score(0.2, 30.0, 10.0), WT: region_score(0.9)})
    assert found == ["tumour core much too large (×3)", "enhancing tumour too small (×0.5)"]


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


# The box plot


def test_whiskers_end_at_the_last_values_within_reach() -> None:
    # Quartiles 0.6 and 0.8 are 0.2 apart, so that values from 0.3 to 1.1 are within reach.
    assert box([0.0, 0.6, 0.7, 0.8, 0.9]) == Box(0.6, 0.6, 0.7, 0.8, 0.9)
    assert box([0.35, 0.6, 0.7, 0.8, 1.0]).low == 0.35
    assert box([0.5]) == Box(0.5, 0.5, 0.5, 0.5, 0.5)
