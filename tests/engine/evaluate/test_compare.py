"""Several models on one data set: where their results go, and how they are compared."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from engine.data import CONVENTIONS, Region
from engine.errors import EvaluationError
from engine.evaluate import Masks, compare_models, evaluate, read_results
from engine.evaluate.compare import compare_results
from engine.evaluate.table import CaseResult
from engine.lock import FolderInUseError
from engine.progress import finish
from engine.score import Score, holm, paired
from tests.engine.bundles import card, save_bundle, threshold_bundle, threshold_network
from tests.engine.cohorts import PARTLY, PARTLY_DICE, PERFECT, write_case

FIRST, SECOND = "BraTS20_Training_001", "BraTS20_Training_002"


@pytest.fixture
def model(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    return str(tmp_path / "tiny")


@pytest.fixture
def blind(tmp_path):
    """A model that sees no tumour at all."""
    return str(save_bundle(tmp_path / "blind", card(), threshold_network(levels=(99.0,) * 3).state_dict()).folder)


@pytest.fixture
def truths(dataset, tmp_path):
    """Masks without a fault."""
    for case in (FIRST, SECOND):
        (tmp_path / "truths").mkdir(exist_ok=True)
        nib.save(nib.load(dataset / case / f"{case}_seg.nii.gz"), tmp_path / "truths" / f"{case}.nii.gz")
    return Masks(tmp_path / "truths")


@pytest.fixture
def dataset(tmp_path):
    write_case(tmp_path / "data" / FIRST, PARTLY)
    write_case(tmp_path / "data" / SECOND, PERFECT)
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def compared(dataset, out, *models, **options):
    return compare_models(dataset, out, models=models, **({"device": "cpu", "tta": "none"} | options))


def worked_on(work):
    stages = []
    while True:
        try:
            stages.append(next(work).stage)
        except StopIteration:
            return [stage for stage in dict.fromkeys(stages) if "BraTS" in stage]


def test_each_model_has_its_folder_and_is_compared_with_the_first(dataset, out, model, truths, blind):
    comparison = finish(compared(dataset, out, model, truths, blind))
    assert [evaluation.folder for evaluation in comparison.evaluations] == [out / "tiny", out / "truths", out / "blind"]
    assert read_results(out / "truths") == comparison.evaluations[1]
    dice = comparison.tests["dice"]
    gain = (1 - PARTLY_DICE["ET"]) / 2
    assert dice["truths"]["ET"].mean == pytest.approx(gain)
    assert (dice["truths"]["ET"].n, dice["truths"]["ET"].above, dice["truths"]["ET"].below) == (2, 1, 0)
    assert dice["blind"]["WT"].mean == pytest.approx(-(1 + PARTLY_DICE["WT"]) / 2)
    summary = json.loads((out / "summary.json").read_text())
    assert [entry["folder"] for entry in summary["models"]] == ["tiny", "truths", "blind"]
    assert summary["models"][0]["table"]["dice"]["ET"]["mean"] == 0.875
    told = summary["comparison"]
    assert (told["first"], told["cases"]["blind"]) == ("tiny", {"both": 2, "patients": 2})
    assert told["differences"]["dice"]["truths"]["ET"]["mean"] == pytest.approx(gain)
    assert set(told["differences"]) == {"dice", "hd95_mm", "lesionwise_dice", "lesionwise_hd95_mm"}
    text = (out / "summary.txt").read_text(encoding="utf-8")
    assert "Dice: truths minus tiny" in text
    assert "Fewer than 20 cases in common with blind, truths" in text
    with Image.open(out / "box_plot.png") as picture:
        assert picture.format == "PNG"


def test_it_goes_on_where_it_was_stopped_and_takes_one_more(dataset, out, model, truths, blind):
    work = compared(dataset, out, model, blind)
    while next(work).stage != f"tiny: {SECOND}":
        pass
    work.close()
    assert worked_on(compared(dataset, out, model, blind)) == [f"tiny: {SECOND}", f"blind: {FIRST}", f"blind: {SECOND}"]
    assert worked_on(compared(dataset, out, model, blind)) == []
    assert worked_on(compared(dataset, out, model, blind, truths)) == [f"truths: {FIRST}", f"truths: {SECOND}"]
    with pytest.raises(EvaluationError, match="comparison of tiny, blind, truths; name these first"):
        finish(compared(dataset, out, model, truths))
    with pytest.raises(EvaluationError, match="comparison of several models"):
        finish(evaluate(dataset, out, model=model, tta="none"))


def test_a_folder_of_one_model_is_not_taken_for_a_comparison(dataset, out, model, blind):
    finish(evaluate(dataset, out, model=model, tta="none", device="cpu"))
    with pytest.raises(EvaluationError, match="results of one model"):
        finish(compared(dataset, out, model, blind))
    with pytest.raises(EvaluationError, match="tta: none, now flips"):
        finish(evaluate(dataset, out, model=model))


def test_the_results_of_a_comparison_are_the_first_models_and_no_cases(dataset, model, blind):
    comparison = finish(compared(dataset, dataset / "scores", model, blind))
    assert read_results(dataset / "scores") == comparison.evaluations[0]
    assert worked_on(compared(dataset, dataset / "scores", model, blind)) == []


def test_a_case_that_one_of_them_lacks_is_left_out_of_the_tests(dataset, out, model, truths):
    (truths.folder / f"{SECOND}.nii.gz").unlink()
    comparison = finish(compared(dataset, out, model, truths))
    assert list(comparison.evaluations[1].failures) == [SECOND]
    assert comparison.tests["dice"]["truths"]["ET"].n == 1
    assert comparison.summary["models"][0]["cases"] == 2


def test_nothing_in_common_is_no_test(dataset, out, model, truths):
    for path in truths.folder.iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    comparison = finish(compared(dataset, out, model, truths))
    assert comparison.tests["dice"]["truths"] == {}


def test_two_of_one_name_are_told_apart_by_where_they_lie(dataset, out, tmp_path):
    for run in ("one", "two"):
        threshold_bundle(tmp_path / run / "model")
    finish(compared(dataset, out, str(tmp_path / "one" / "model"), str(tmp_path / "two" / "model")))
    assert (out / "one_model" / "cases.csv").is_file()
    assert (out / "two_model" / "cases.csv").is_file()


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_are_no_comparison(dataset, out, model, count):
    with pytest.raises(EvaluationError, match="name another"):
        finish(compared(dataset, out, *[model] * count))


def test_the_same_model_twice_is_refused(dataset, out, model):
    with pytest.raises(EvaluationError, match="named alike"):
        finish(compared(dataset, out, model, model))
    assert not out.exists()


def test_two_comparisons_never_write_into_one_folder(dataset, out, model, blind):
    work = compared(dataset, out, model, blind)
    while next(work).stage != f"tiny: {FIRST}":
        pass
    for other in (compared(dataset, out, model, blind), evaluate(dataset, out / "blind", model=blind, tta="none")):
        with pytest.raises(FolderInUseError):
            finish(other)
    work.close()


# The tests


def results(**dice):
    """Results of these Dice of ET, TC and WT, by case."""
    return [
        CaseResult(
            case, {region: Score(value, 1 - value, 1, 1, 1, 1) for region, value in zip(Region, of_case, strict=True)}
        )
        for case, of_case in dice.items()
    ]


def test_tests_of_regions_are_corrected_together_and_of_the_average_apart():
    draw = np.random.default_rng(1)
    cases = [f"p{number}" for number in range(30)]
    first, better, same = (
        results(**{case: tuple(np.clip(draw.normal(mean, 0.1, 3), 0, 1)) for case in cases}) for mean in (0.6, 0.7, 0.6)
    )
    found = compare_results(first, {"better": better, "same": same}, "dice")
    raw = [found[name][region].p for name in ("better", "same") for region in Region]
    corrected = [found[name][region].p_holm for name in ("better", "same") for region in Region]
    assert corrected == pytest.approx(holm(raw))
    assert corrected != pytest.approx(raw)
    averages = [found[name]["average"] for name in ("better", "same")]
    assert [test.p_holm for test in averages] == pytest.approx(holm([test.p for test in averages]))
    differences = [
        np.mean([s.dice for s in b.scores.values()]) - np.mean([s.dice for s in a.scores.values()])
        for a, b in zip(first, better, strict=True)
    ]
    assert found["better"]["average"].p == paired(differences).p
    assert found["better"]["average"].mean == pytest.approx(np.mean(differences))


def test_cases_of_one_patient_are_warned_of(dataset, out, model, blind, tmp_path):
    for number in range(2):
        write_case(tmp_path / "visits" / f"patient7_visit{number}")
    comparison = finish(compared(tmp_path / "visits", out, model, blind, convention=CONVENTIONS["brats2020"]))
    assert comparison.summary["comparison"]["cases"]["blind"] == {"both": 2, "patients": 1}
    assert "Some cases are of one patient" in Path(out / "summary.txt").read_text(encoding="utf-8")
