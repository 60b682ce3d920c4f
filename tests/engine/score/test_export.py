"""A comparison written down: numbers that one can count, no number that is none, and words that stay words."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from engine import RESEARCH_USE, __version__
from engine.data import Grid, Label, LabelMap
from engine.score import compare
from engine.score.export import DEFINITIONS, ComparisonRecord, LabelSource

GRID = Grid((12, 10, 8), np.array([[1.0, 0, 0, -5], [0, 1, 0, 0], [0, 0, 1, 20], [0, 0, 0, 1]]))


@pytest.fixture
def record() -> ComparisonRecord:
    """Truth: 4 x 4 x 4 voxels of ET. Prediction: the same, one voxel further to the right, and a voxel of oedema."""
    truth, prediction = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint8)
    truth[1:5, 2:6, 2:6] = Label.ET
    prediction[2:6, 2:6, 2:6] = Label.ET
    prediction[11, 9, 7] = Label.ED
    work = compare(LabelMap(prediction, GRID), LabelMap(truth, GRID))
    while True:
        try:
            next(work)
        except StopIteration as stop:
            comparison = stop.value
            break
    made = LabelSource("Prediction", None, "unet", "ab" * 32, "cpu", "flips", 2.5)
    read = LabelSource("Truth", Path("/data/seg.nii"))
    return ComparisonRecord("=case", Path("/data/case"), made, read, GRID, comparison)


def rows(record: ComparisonRecord, **wanted: str) -> list[dict[str, str]]:
    table = csv.DictReader(io.StringIO(record.to_csv()))
    return [row for row in table if all(row[name] == value for name, value in wanted.items())]


def test_the_record_says_what_was_compared_and_how(record: ComparisonRecord) -> None:
    content = json.loads(record.to_json())
    assert content["case"] == "=case"
    assert content["version"] == __version__
    assert content["notice"] == RESEARCH_USE
    assert content["prediction"]["model"] == "unet"
    assert content["prediction"]["model_sha256"] == "ab" * 32
    assert content["prediction"]["file"] is None
    assert content["truth"] == {
        "title": "Truth",
        "file": "/data/seg.nii",
        **dict.fromkeys(("model", "model_sha256", "device", "tta", "seconds")),
    }
    assert content["grid"] == {"shape": [12, 10, 8], "spacing_mm": [1.0, 1.0, 1.0], "axes": "RAS"}
    assert set(content["definitions"]) == {"region", "lesionwise", "lesion", "slice"}


def test_the_record_has_the_numbers_of_regions_lesions_and_slices(record: ComparisonRecord) -> None:
    et, wt = (json.loads(record.to_json())["regions"][region] for region in ("ET", "WT"))
    assert (et["dice"], et["sensitivity"], et["truth_ml"]) == (0.75, 0.75, 0.064)
    assert wt["dice"] == pytest.approx(2 * 48 / (64 + 65))
    assert [lesion["kind"] for lesion in wt["lesionwise"]["lesions"]] == ["matched", "false_positive"]
    assert wt["lesionwise"]["lesions"][1]["centre"] == {"x_mm": 6.0, "y_mm": 9.0, "z_mm": 27.0}
    assert wt["lesionwise"]["counts"] == {"matched": 1, "missed": 0, "false_positive": 1, "ignored": 0}
    assert (wt["lesionwise"]["dice"], wt["lesionwise"]["hd95_mm"]) == (0.375, pytest.approx((1.0 + 374.0) / 2))
    assert et["slices"]["sagittal"]["truth"] == [0, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0]
    assert et["slices"]["sagittal"]["dice"] == [None, 0.0, 1.0, 1.0, 1.0, 0.0, *[None] * 6]
    assert et["slices"]["axial"]["dice"] == [None, None, 0.75, 0.75, 0.75, 0.75, None, None]


def test_the_table_has_a_line_for_each_region_lesion_and_slice_with_tumour(record: ComparisonRecord) -> None:
    (et,) = rows(record, part="region", region="ET")
    assert (et["dice"], et["prediction_ml"], et["truth_ml"]) == ("0.75", "0.064", "0.064")
    assert (et["truth_file"], et["model"], et["version"]) == ("/data/seg.nii", "unet", __version__)
    assert et["definition"] == DEFINITIONS["region"]
    assert [row["kind"] for row in rows(record, part="lesion", region="WT")] == ["matched", "false_positive"]
    slices = rows(record, part="slice", region="ET", plane="sagittal")
    assert [(row["number"], row["dice"]) for row in slices] == [
        ("2", "0.0"), ("3", "1.0"), ("4", "1.0"), ("5", "1.0"), ("6", "0.0")
    ]  # fmt: skip


def test_no_name_becomes_a_formula(record: ComparisonRecord) -> None:
    assert {row["case"] for row in rows(record)} == {"'=case"}
