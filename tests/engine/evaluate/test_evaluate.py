import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from engine.data import CONVENTIONS, Modality, Region
from engine.errors import CaseError, DeviceError, EvaluationError, ImageFileError, ModelError, TrainingError
from engine.evaluate import Masks, Scored, evaluate, read_results
from engine.isolate import Worker
from engine.lock import FolderInUseError
from engine.progress import finish
from tests.engine.bundles import card, save_bundle, threshold_bundle, threshold_network
from tests.engine.cohorts import NO_TUMOUR, PARTLY, PARTLY_DICE, PERFECT, write_case
from tests.engine.data.files import BRATS_AFFINE

FIRST, SECOND = "BraTS20_Training_001", "BraTS20_Training_002"


@pytest.fixture
def model(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    return str(tmp_path / "tiny")


@pytest.fixture
def dataset(tmp_path):
    write_case(tmp_path / "data" / "HGG" / FIRST, PARTLY)
    write_case(tmp_path / "data" / "LGG" / SECOND, PERFECT)
    return tmp_path / "data"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "made" / "here"


def run(dataset, out, model, **options):
    return evaluate(dataset, out, **({"model": model, "device": "cpu", "tta": "none"} | options))


def done(work):
    """The ids of the cases that were worked on, and the evaluation."""
    stages = []
    while True:
        try:
            stages.append(next(work).stage)
        except StopIteration as stop:
            return [stage for stage in dict.fromkeys(stages) if stage.startswith("BraTS")], stop.value


def rows(out):
    with (out / "cases.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_number_by_hand(dataset, out, model):
    evaluation = finish(run(dataset, out, model))
    first, second = rows(out)
    assert (first["case"], second["case"]) == (FIRST, SECOND)
    for region, dice in PARTLY_DICE.items():
        assert float(first[f"dice_{region}"]) == pytest.approx(dice, abs=1e-6)
        assert float(second[f"dice_{region}"]) == 1.0
        assert float(first[f"prediction_ml_{region}"]) == 0.064
    assert float(first["dice_average"]) == pytest.approx(np.mean(list(PARTLY_DICE.values())), abs=1e-6)
    assert [float(first[f"truth_ml_{region}"]) for region in PARTLY_DICE] == [0.064, 0.08, 0.128]
    assert [float(first[f"sensitivity_{region}"]) for region in PARTLY_DICE] == [0.75, 0.8, 0.5]
    assert float(first["specificity_ET"]) == pytest.approx(1 - 16 / (24**3 - 64), abs=1e-6)
    assert float(first["hd95_mm_ET"]) == 1.0
    assert (first["device"], first["model"]) == ("cpu", "tiny")
    assert evaluation.dice["ET"].mean == pytest.approx(0.875)
    assert evaluation.dice["ET"].std == pytest.approx(0.125 * 2**0.5)
    assert evaluation.dice["ET"].percentile_25 == pytest.approx(0.8125)
    assert evaluation.dice["average"].mean == pytest.approx((1 + np.mean(list(PARTLY_DICE.values()))) / 2)


def test_the_summary_says_what_was_measured_and_how(dataset, out, model):
    finish(run(dataset, out, model, modalities=[Modality.T2F, Modality.T1C]))
    summary = json.loads((out / "summary.json").read_text())
    sha256 = json.loads((dataset.parent / "tiny" / "model.json").read_text())["sha256"]
    assert (summary["model"]["name"], summary["model"]["sha256"]) == ("tiny", sha256)
    assert rows(out)[0]["model_sha256"] == sha256[:12]
    assert summary["dataset"] == str(dataset.resolve())
    assert (summary["tta"], summary["modalities"]) == ("none", ["T1C", "T2F"])
    assert (summary["cases"], summary["cases_found"], summary["failures"]) == (2, 2, [])
    assert "not a medical device" in summary["notice"]
    assert summary["version"]
    assert summary["table"]["dice"]["ET"]["mean"] == 0.875
    assert set(summary["table"]) == {
        *("dice", "hd95_mm", "sensitivity", "specificity"),
        *("lesionwise_dice", "lesionwise_hd95_mm"),
    }


def test_masks_are_on_the_cases_grid_in_its_integers_with_their_provenance(dataset, out, model):
    finish(run(dataset, out, model))
    mask = nib.load(out / "masks" / f"{FIRST}.nii.gz")
    assert np.array_equal(mask.affine, BRATS_AFFINE)
    assert set(np.unique(np.asanyarray(mask.dataobj)).tolist()) == {0, 4}
    assert json.loads((out / "masks" / f"{FIRST}.json").read_text())["model"]["name"] == "tiny"


def test_a_predicted_region_that_is_absent_scores_nothing(tmp_path, out, model):
    write_case(tmp_path / "data" / FIRST, NO_TUMOUR)
    finish(run(tmp_path / "data", out, model))
    (row,) = rows(out)
    assert {row[f"dice_{region}"] for region in PARTLY_DICE} == {"0.0"}
    assert row["hd95_mm_ET"] == "373.12866"


def test_what_cannot_be_scored_is_told_and_stops_nothing(dataset, out, model):
    write_case(dataset / "BraTS20_Training_003", None)
    moved = BRATS_AFFINE.copy()
    moved[0, 3] += 5
    write_case(dataset / "BraTS20_Training_004", truth_affine=moved)
    cut = write_case(dataset / "BraTS20_Training_000") / "BraTS20_Training_000_t2.nii.gz"
    cut.write_bytes(cut.read_bytes()[:-20])
    double = write_case(dataset / "BraTS20_Training_005")
    (double / "BraTS20_Training_005_label.nii.gz").write_bytes((double / f"{double.name}_seg.nii.gz").read_bytes())
    (dataset / "odd").mkdir()
    (dataset / "odd" / "scan.nii.gz").write_bytes(b"")
    worked_on, evaluation = done(run(dataset, out, model))
    assert len(worked_on) == 6
    assert [row["case"] for row in rows(out)] == [FIRST, SECOND]
    reasons = {name.replace("BraTS20_Training_", ""): reason for name, reason in evaluation.failures.items()}
    assert set(reasons) == {"000", "003", "004", "005", str(dataset / "odd")}
    assert "_t2.nii.gz" in reasons["000"]
    assert "no truth" in reasons["003"]
    assert "compared with" in reasons["004"]
    assert "_label.nii.gz" in reasons["005"]
    assert not any("\n" in reason for reason in reasons.values())
    assert {found["case"] for found in json.loads((out / "summary.json").read_text())["failures"]} == set(
        evaluation.failures
    )


def test_time_left_is_known_after_the_first_case(dataset, out, model):
    reports = list(run(dataset, out, model))
    assert {report.total for report in reports if report.stage == FIRST} == {2}
    assert {report.seconds_left for report in reports if report.stage == FIRST} == {None}
    assert all(report.seconds_left > 0 and report.done == 1 for report in reports if report.stage == SECOND)
    assert reports[-1].fraction == 1.0


# Reading results, also while they are made


def test_the_results_so_far_come_with_the_reports(dataset, out, model):
    reports = [report for report in run(dataset, out, model) if isinstance(report, Scored)]
    assert [report.stage for report in reports] == [FIRST, SECOND, "done"]
    assert [[result.id for result in report.evaluation.results] for report in reports] == [
        [],
        [FIRST],
        [FIRST, SECOND],
    ]


def test_a_run_that_goes_on_begins_with_what_there_is(dataset, out, model):
    finish(run(dataset, out, model))
    (out / "masks" / f"{SECOND}.nii.gz").unlink()
    begun = next(report for report in run(dataset, out, model) if isinstance(report, Scored))
    assert (begun.stage, [result.id for result in begun.evaluation.results]) == (SECOND, [FIRST])


def test_what_was_written_is_read(dataset, out, model):
    write_case(dataset / "BraTS20_Training_003", None)
    evaluation = finish(run(dataset, out, model))
    found = read_results(out)
    assert found == evaluation
    assert list(found.failures) == ["BraTS20_Training_003"]
    assert found.mask_path(FIRST).is_file()
    assert not found.mask_path("BraTS20_Training_003").exists()


def test_results_are_read_while_they_are_made(dataset, out, model):
    work = run(dataset, out, model)
    while next(work).stage != SECOND:
        pass
    assert [result.id for result in read_results(out).results] == [FIRST]
    work.close()


def test_results_come_from_another_process(dataset, out, model):
    evaluation = finish(run(dataset, out, model))
    with Worker() as worker:
        assert finish(worker.run("engine.evaluate:read_results", out)) == evaluation


def test_a_folder_without_results_is_told(tmp_path, out):
    with pytest.raises(EvaluationError, match="holds no results"):
        read_results(tmp_path)
    out.mkdir(parents=True)
    (out / "summary.json").write_text('{"program": "brats-viewer", "kind": "evaluation"}')
    with pytest.raises(EvaluationError, match="is damaged"):
        read_results(out)


# Going on with an earlier run


def test_a_stopped_run_keeps_what_is_done_and_goes_on(dataset, out, model):
    work = run(dataset, out, model)
    while next(work).stage != SECOND:
        pass
    work.close()
    assert [row["case"] for row in rows(out)] == [FIRST]
    assert not list(out.rglob("*.tmp"))
    worked_on, evaluation = done(run(dataset, out, model))
    assert worked_on == [SECOND]
    assert evaluation.dice["ET"].mean == pytest.approx(0.875)
    assert done(run(dataset, out, model))[0] == []


def test_a_row_cut_off_by_a_killed_run_is_done_again(dataset, out, model):
    finish(run(dataset, out, model))
    whole = (out / "cases.csv").read_bytes()
    (out / "cases.csv").write_bytes(whole[:-7])
    assert done(run(dataset, out, model))[0] == [SECOND]
    assert len(rows(out)) == 2
    (out / "cases.csv").unlink()
    assert done(run(dataset, out, model))[0] == [FIRST, SECOND]


def test_a_case_whose_files_changed_is_done_again(dataset, out, model):
    finish(run(dataset, out, model))
    truth = dataset / "LGG" / SECOND / f"{SECOND}_seg.nii.gz"
    truth.write_bytes((dataset / "HGG" / FIRST / f"{FIRST}_seg.nii.gz").read_bytes())
    worked_on, evaluation = done(run(dataset, out, model))
    assert worked_on == [SECOND]
    assert evaluation.dice["ET"].mean == pytest.approx(0.75)
    os.utime(dataset / "HGG" / FIRST / f"{FIRST}_t2.nii.gz", ns=(0, 0))
    assert done(run(dataset, out, model))[0] == [FIRST]
    assert done(run(dataset, out, model))[0] == []


def test_a_case_that_is_gone_or_fails_now_leaves_the_table(dataset, out, model):
    finish(run(dataset, out, model))
    (dataset / "LGG" / SECOND / f"{SECOND}_seg.nii.gz").unlink()
    _, evaluation = done(run(dataset, out, model))
    assert list(evaluation.failures) == [SECOND]
    assert [row["case"] for row in rows(out)] == [FIRST]
    assert evaluation.dice["ET"].std is None


def test_a_missing_mask_is_made_unless_none_is_kept(dataset, out, model):
    finish(run(dataset, out, model, keep_masks=False))
    assert not (out / "masks").exists()
    assert done(run(dataset, out, model, keep_masks=False))[0] == []
    assert done(run(dataset, out, model))[0] == [FIRST, SECOND]
    (out / "masks" / f"{SECOND}.nii.gz").unlink()
    assert done(run(dataset, out, model))[0] == [SECOND]


def other_weights(folder):
    levels = threshold_network(levels=(3.0, 2.0, 1.0)).state_dict()
    return str(save_bundle(folder, card(), levels).folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tta": "flips"}, "tta: none, now flips"),
        ({"modalities": (Modality.T1C,)}, "modalities: T1N,T1C,T2W,T2F, now T1C"),
        ({"convention": CONVENTIONS["brats2020"]}, "labels: as the files are named, now brats2020"),
        ({"model": "other"}, "model: tiny "),
        ({"model": "tuned"}, "model: tiny "),
        ({"dataset": "HGG"}, "dataset: "),
    ],
)
def test_results_of_another_setup_are_never_mixed_in(dataset, out, model, change, says):
    finish(run(dataset, out, model))
    before = (out / "summary.json").read_bytes(), (out / "cases.csv").read_bytes()
    if change.get("model") == "other":
        change = {"model": other_weights(dataset.parent / "other")}
    elif change.get("model") == "tuned":
        threshold_bundle(dataset.parent / "tuned", min_et_ml=0.5)
        change = {"model": str(dataset.parent / "tuned")}
    elif "dataset" in change:
        dataset, change = dataset / change["dataset"], {}
    with pytest.raises(EvaluationError) as error:
        finish(run(dataset, out, **({"model": model} | change)))
    assert f"holds the results of another evaluation ({says}" in str(error.value)
    assert "\n" not in str(error.value)
    assert before == ((out / "summary.json").read_bytes(), (out / "cases.csv").read_bytes())


def test_the_name_and_place_of_a_model_do_not_matter(dataset, out, model):
    finish(run(dataset, out, model))
    threshold_bundle(dataset.parent / "renamed", title="The same, renamed")
    assert done(run(dataset, out, str(dataset.parent / "renamed")))[0] == []


@pytest.mark.parametrize("name", ["cases.csv", "summary.json"])
def test_foreign_files_are_not_replaced(dataset, out, model, name):
    out.mkdir(parents=True)
    (out / name).write_text("mine\n")
    with pytest.raises(EvaluationError, match="is not a result of this program"):
        finish(run(dataset, out, model))
    assert [path.name for path in out.iterdir()] == [name]


def test_a_foreign_mask_is_not_replaced(dataset, out, model):
    (out / "masks").mkdir(parents=True)
    (out / "masks" / f"{FIRST}.nii.gz").write_bytes(b"precious")
    with pytest.raises(ImageFileError, match="is no prediction of this program"):
        finish(run(dataset, out, model))
    assert (out / "masks" / f"{FIRST}.nii.gz").read_bytes() == b"precious"


def test_results_inside_the_data_set_are_not_cases(dataset, model):
    finish(run(dataset, dataset / "scores", model))
    worked_on, evaluation = done(run(dataset, dataset / "scores", model))
    assert (worked_on, evaluation.failures, len(evaluation.results)) == ([], {}, 2)


# Modalities, model, device


def test_a_modality_that_is_dropped_is_not_seen(dataset, out, model):
    evaluation = finish(run(dataset, out, model, modalities=[Modality.T2F]))
    assert {row["dice_ET"] for row in rows(out)} == {"0.0"}, "the model looks at T1CE only"
    assert any("segmented without T1, T1CE, T2" in line for line in evaluation.results[0].warnings)


def test_a_case_without_any_of_the_modalities_fails(dataset, out, model):
    (dataset / "LGG" / SECOND / f"{SECOND}_t1ce.nii.gz").unlink()
    evaluation = finish(run(dataset, out, model, modalities=[Modality.T1C]))
    assert "none of the images asked for (T1CE)" in evaluation.failures[SECOND]


def test_a_model_that_needs_more_is_refused_before_anything_is_read(dataset, out, tmp_path):
    threshold_bundle(tmp_path / "needy", optional=(Modality.T2W,))
    with pytest.raises(ModelError, match="needs T1, FLAIR"):
        finish(run(dataset, out, str(tmp_path / "needy"), modalities=[Modality.T1C, Modality.T2W]))
    assert not out.exists()


def test_what_concerns_all_cases_stops_the_run(dataset, out, model, tmp_path):
    with pytest.raises(DeviceError, match="cuda:77"):
        finish(run(dataset, out, model, device="cuda:77"))
    (tmp_path / "tiny" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="SHA-256"):
        finish(run(dataset, out, model))
    with pytest.raises(CaseError, match="is not a folder"):
        finish(run(tmp_path / "nowhere", tmp_path / "never", model))
    assert not (tmp_path / "never").exists()


def test_a_model_replaced_while_it_is_evaluated_is_noticed(dataset, out, model):
    work = run(dataset, out, model)
    while next(work).stage != SECOND:
        pass
    other_weights(dataset.parent / "tiny")
    with pytest.raises(EvaluationError, match="was replaced"):
        finish(work)
    assert [row["case"] for row in rows(out)] == [FIRST]


def test_truths_of_unnamed_integers_need_the_convention(tmp_path, out, model):
    write_case(tmp_path / "data" / "somebody", PARTLY)
    assert "--labels" in finish(run(tmp_path / "data", out, model)).failures["somebody"]
    evaluation = finish(run(tmp_path / "data", tmp_path / "two", model, convention=CONVENTIONS["brats2020"]))
    assert evaluation.dice["ET"].mean == pytest.approx(0.75)


def test_integers_that_lack_a_label_do_not_cost_the_mask(tmp_path, out, model):
    case = write_case(tmp_path / "data" / "p", ((1, slice(6, 10)),))
    (case / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "ET": 1}}))
    evaluation = finish(run(tmp_path / "data", out, model))
    assert evaluation.dice["ET"].mean == 1.0
    assert json.loads((out / "masks" / "p.json").read_text())["labels"]["convention"] == "brats2023"


# Lesions, reasons, a text and a picture


def test_lesions_by_hand(dataset, out, model):
    evaluation = finish(run(dataset, out, model))
    first, second = rows(out)
    # Each region is one lesion in both, so its Dice is that of the region.
    assert [float(first[f"lesionwise_dice_{region}"]) for region in PARTLY_DICE] == pytest.approx(
        list(PARTLY_DICE.values()), abs=1e-6
    )
    assert float(second["lesionwise_hd95_mm_ET"]) == 0.0
    assert evaluation.table("lesionwise_dice")["ET"].mean == pytest.approx(0.875)
    assert json.loads((out / "summary.json").read_text())["table"]["lesionwise_dice"]["ET"]["mean"] == 0.875


def test_the_lowest_cases_have_their_reasons(dataset, out, model):
    write_case(dataset / "BraTS20_Training_003", NO_TUMOUR)
    summary = finish(run(dataset, out, model)).summary
    worst, low = summary["lowest"]
    assert (worst["case"], worst["dice_average"]) == ("BraTS20_Training_003", 0.0)
    assert worst["reasons"][0] == "truth has no enhancing tumour, 0.06 ml predicted"
    assert (low["case"], low["reasons"]) == (FIRST, ["very small whole tumour (0.13 ml): one voxel weighs much"])


def test_a_text_and_a_picture_stand_beside_the_table(dataset, out, model):
    finish(run(dataset, out, model))
    text = (out / "summary.txt").read_text(encoding="utf-8")
    assert "Dice of 2 cases;" in text
    assert f"{FIRST}: very small whole tumour" in text
    with Image.open(out / "box_plot.png") as picture:
        assert picture.format == "PNG"


def test_a_table_without_lesions_is_read_and_its_cases_are_done_again(dataset, out, model):
    finish(run(dataset, out, model))
    old = rows(out)
    names = [name for name in old[0] if not name.startswith(("lesionwise", "remarks", "mask"))]
    with (out / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(old)
    assert [result.scores[Region.ET].dice for result in read_results(out).results] == [0.75, 1.0]
    assert done(run(dataset, out, model))[0] == [FIRST, SECOND]


# Masks that somebody else made


@pytest.fixture
def given(dataset, tmp_path):
    """Masks of somebody: the truth of the first case, nothing of the second."""
    (tmp_path / "theirs").mkdir()
    truth = nib.load(dataset / "HGG" / FIRST / f"{FIRST}_seg.nii.gz")
    nib.save(truth, tmp_path / "theirs" / f"{FIRST}.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(truth.shape, np.uint8), truth.affine), tmp_path / "theirs" / f"{SECOND}_x.nii")
    return Masks(tmp_path / "theirs")


def test_given_masks_are_scored_and_stay_where_they_are(dataset, out, given):
    for image in dataset.rglob("*_t2.nii.gz"):
        image.write_bytes(b"broken")  # no image is looked at
    evaluation = finish(run(dataset, out, given))
    first, second = rows(out)
    assert [float(row["dice_ET"]) for row in (first, second)] == [1.0, 0.0]
    assert (first["model"], first["seconds"], first["device"]) == ("theirs", "", "")
    assert second["remarks"].startswith("enhancing tumour missed (0.06 ml in truth)")
    assert evaluation.mask_path(SECOND) == given.folder / f"{SECOND}_x.nii"
    assert evaluation.mask_path(FIRST).is_file()
    assert read_results(out) == evaluation
    assert not (out / "masks").exists()
    assert evaluation.summary["model"]["masks"] == str(given.folder)


def test_a_given_mask_that_changed_is_scored_again(dataset, out, given):
    finish(run(dataset, out, given))
    assert done(run(dataset, out, given))[0] == []
    os.utime(given.folder / f"{SECOND}_x.nii", ns=(0, 0))
    assert done(run(dataset, out, given))[0] == [SECOND]


def test_a_given_mask_that_cannot_be_scored_is_told_and_stops_nothing(dataset, out, given):
    write_case(dataset / "BraTS20_Training_003")
    write_case(dataset / "BraTS20_Training_004")
    write_case(dataset / "BraTS20_Training_005")
    moved = nib.Nifti1Image(np.zeros((24, 24, 24), np.uint8), np.eye(4) * 2)
    nib.save(moved, given.folder / "BraTS20_Training_004.nii.gz")
    foreign = nib.Nifti1Image(np.full((24, 24, 24), 3, np.uint8), BRATS_AFFINE)
    nib.save(foreign, given.folder / "BraTS20_Training_005.nii.gz")
    evaluation = finish(run(dataset, out, given))
    assert len(evaluation.results) == 2
    reasons = {name.removeprefix("BraTS20_Training_"): reason for name, reason in evaluation.failures.items()}
    assert "holds no mask of BraTS20_Training_003" in reasons["003"]
    assert "BraTS20_Training_004.nii.gz" in reasons["004"]
    assert "--mask-labels" in reasons["005"]
    other = Masks(given.folder, CONVENTIONS["brats2023"])
    assert "BraTS20_Training_005" not in finish(run(dataset, out.parent / "2023", other)).failures


def test_given_masks_and_a_model_are_never_mixed(dataset, out, given, model):
    finish(run(dataset, out, model))
    with pytest.raises(EvaluationError, match=r"\(model: tiny \w+, now theirs /"):
        finish(run(dataset, out, given))


# A part of a split


def split_file(tmp_path, **parts):
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": [], "validation": [], "test": []} | parts))
    return path


def test_only_the_part_of_a_split_is_evaluated(dataset, out, model, tmp_path):
    write_case(dataset / "BraTS20_Training_003", None)
    split = split_file(tmp_path, training=[FIRST], validation=["BraTS20_Training_003"], test=[SECOND])
    worked_on, evaluation = done(run(dataset, out, model, split=split))
    assert worked_on == [SECOND]
    assert (evaluation.summary["cases_found"], evaluation.summary["split"]["part"]) == (1, "test")
    assert f"part test of {split}" in (out / "summary.txt").read_text(encoding="utf-8")
    assert done(run(dataset, out, model, split=split))[0] == []
    with pytest.raises(EvaluationError, match=r"split: test of .*, now validation of"):
        finish(run(dataset, out, model, split=split, part="validation"))
    with pytest.raises(EvaluationError, match=r"split: test of .*, now none"):
        finish(run(dataset, out, model))
    split_file(tmp_path, training=[FIRST], test=[SECOND, "BraTS20_Training_003"])
    with pytest.raises(EvaluationError, match="other cases"):
        finish(run(dataset, out, model, split=split))


def test_a_split_may_move_and_may_name_a_case_that_cannot_be_read(dataset, out, model, tmp_path):
    (dataset / "odd").mkdir()
    (dataset / "odd" / "scan.nii.gz").write_bytes(b"")
    split = split_file(tmp_path, training=[FIRST], test=[SECOND, "odd"])
    evaluation = finish(run(dataset, out, model, split=split))
    assert list(evaluation.failures) == [str(dataset / "odd")]
    split.rename(tmp_path / "moved.json")
    assert done(run(dataset, out, model, split=tmp_path / "moved.json"))[0] == []


def test_patients_in_two_parts_are_told(dataset, out, model, tmp_path):
    for number in range(2):
        write_case(dataset / f"BraTS19_CBICA_AAB_{number}")
    split = split_file(tmp_path, training=["BraTS19_CBICA_AAB_0"], test=["BraTS19_CBICA_AAB_1", FIRST])
    assert finish(run(dataset, out, model, split=split)).summary["split"]["straddling"] == ["BraTS19_CBICA_AAB"]
    assert "one patient in two parts (BraTS19_CBICA_AAB)" in (out / "summary.txt").read_text(encoding="utf-8")
    split_file(tmp_path, training=["BraTS19_CBICA_AAB_0"], test=["BraTS19_CBICA_AAB_1", FIRST], validation=[SECOND])
    assert done(run(dataset, out, model, split=split))[0] == [], "the other parts may change"


def test_a_wrong_split_is_refused_before_anything_is_made(dataset, out, model, tmp_path):
    with pytest.raises(TrainingError, match="which the data set does not have"):
        finish(run(dataset, out, model, split=split_file(tmp_path, training=["nobody"])))
    with pytest.raises(EvaluationError, match='has no case under "test"'):
        finish(run(dataset, out, model, split=split_file(tmp_path, training=[FIRST])))
    assert not out.exists()


# Two at once


def test_two_evaluations_never_write_into_one_folder(dataset, out, model):
    work = run(dataset, out, model)
    while next(work).stage != FIRST:
        pass
    with pytest.raises(FolderInUseError, match="writes into it"):
        finish(run(dataset, out, model))
    work.close()
    assert done(run(dataset, out, model))[0] == [FIRST, SECOND]
