"""What a run learns from: checked and split once, the same at each start, and what is wrong told in one table."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.data.split import random_split
from engine.errors import TrainingError
from engine.progress import finish
from engine.runs.folder import Source
from engine.runs.settings import TrainConfig
from engine.train import examples as module
from engine.train.examples import Examples, folder_examples, synthetic_examples
from tests.engine.train.runs import CPU

CONFIG = TrainConfig(
    epochs=4,
    batch=2,
    samples_per_case=3,
    shape=(16, 16, 16),
    patch=(16, 16, 16),
    spacing_mm=8.0,
    width=4,
    depth=2,
    validate_every=1,
)
IDS = [f"BraTS20_Synthetic_{number:03}" for number in range(1, 6)]


@pytest.fixture
def own_cases(cases: Path, tmp_path: Path) -> Path:
    """Cases that a test may spoil."""
    return Path(shutil.copytree(cases, tmp_path / "data"))


def found(folder: Path, dataset: Path, config: TrainConfig = CONFIG, *, leads: bool = True, **source) -> Examples:
    folder.mkdir(exist_ok=True)
    return finish(folder_examples(folder, config, Source(dataset=dataset, **source), CPU, leads=leads))


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_data_set_is_split_by_the_seed_and_its_epochs_become_steps(cases: Path, tmp_path: Path):
    examples = found(tmp_path / "run", cases)
    split = random_split(IDS, CONFIG.seed)
    assert [case.id for case in examples.training.cases] == list(split.training)
    assert list(examples.validation) == list(split.validation) == [files.id for files in examples.held_out]
    assert examples.parts == {"training": 3, "validation": 1, "test": 1}
    assert examples.config == replace(CONFIG, steps=18)  # 4 epochs of 3 cases, 3 times each, 2 a step
    assert examples.remarks == ()
    assert read(tmp_path / "run" / "split.json") == {
        "training": list(split.training),
        "validation": list(split.validation),
        "test": list(split.test),
    }
    record = read(tmp_path / "run" / "cases.json")
    assert record["left_out"] == {}
    assert set(record["fingerprints"]) == {*split.training, *split.validation}
    assert (
        examples.validation[split.validation[0]]().labels.shape
        == examples.validation[split.validation[0]]().images.shape[1:]
    )


def test_samples_are_named_by_their_cases(cases: Path, tmp_path: Path):
    examples = found(tmp_path / "run", cases)
    names = examples.cases_of(range(9))
    assert sorted(names) == sorted(3 * [case.id for case in examples.training.cases])
    assert synthetic_examples(replace(CONFIG, epochs=None), CPU).cases_of(range(9)) == []


def test_on_the_way_only_the_first_cases_validate_and_at_the_end_all(cases: Path, tmp_path: Path):
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": IDS[:1], "validation": IDS[1:4]}), encoding="utf-8")
    (tmp_path / "run").mkdir()
    shutil.copy(split, tmp_path / "run" / "split.json")
    examples = found(tmp_path / "run", cases, replace(CONFIG, validation_cases=2))
    assert list(examples.validation) == IDS[1:3]
    assert [files.id for files in examples.held_out] == IDS[1:4]
    assert examples.parts == {"training": 1, "validation": 3, "test": 0}


def test_without_validation_none_is_prepared(cases: Path, tmp_path: Path):
    examples = found(tmp_path / "run", cases, replace(CONFIG, validate_every=0))
    assert (examples.validation, examples.held_out) == ({}, ())
    assert examples.parts["validation"] == 1


def test_a_fold_is_kept_for_the_test(cases: Path, tmp_path: Path):
    tested = set()
    for fold in range(1, 6):
        found(tmp_path / f"{fold}", cases, fold=f"{fold}/5")
        tested.update(read(tmp_path / f"{fold}" / "split.json")["test"])
    assert tested == set(IDS)


def test_bad_cases_are_a_table_or_left_out_on_request(own_cases: Path, tmp_path: Path):
    next(own_cases.glob("*_002/*_t2.nii.gz")).unlink()
    next(own_cases.glob("*_004/*_t1.nii.gz")).write_bytes(b"nothing")
    with pytest.raises(TrainingError) as told:
        found(tmp_path / "run", own_cases)
    heading, second, fourth = str(told.value).splitlines()
    assert heading.startswith("2 of 5 cases cannot be trained on")
    assert second.startswith("  BraTS20_Synthetic_002: ")
    assert "T2" in second
    assert fourth.startswith("  BraTS20_Synthetic_004: ")
    assert not (tmp_path / "run" / "split.json").exists()
    examples = found(tmp_path / "run", own_cases, leave_out_bad=True)
    assert sum(examples.parts.values()) == 3
    assert set(read(tmp_path / "run" / "cases.json")["left_out"]) == {IDS[1], IDS[3]}


def test_a_run_that_goes_on_has_the_cases_that_it_began_with(own_cases: Path, tmp_path: Path, monkeypatch):
    next(own_cases.glob("*_002/*_t2.nii.gz")).unlink()
    first = found(tmp_path / "run", own_cases, leave_out_bad=True)
    monkeypatch.setattr(module, "check_dataset", None)  # it is not checked again
    again = found(tmp_path / "run", own_cases, replace(CONFIG, seed=7), leave_out_bad=True)
    assert again.training.cases == first.training.cases
    assert again.parts == first.parts
    assert again.remarks == ()


def test_files_that_changed_are_told_of(own_cases: Path, tmp_path: Path):
    first = found(tmp_path / "run", own_cases)
    changed = first.training.cases[1].id
    image = next((own_cases / changed).glob("*_flair.nii.gz"))
    image.write_bytes(next((own_cases / changed).glob("*_t2.nii.gz")).read_bytes())
    again = found(tmp_path / "run", own_cases)
    assert again.remarks == (f"the files of {changed} are not those that the run began with",)


def test_a_process_that_does_not_lead_writes_nothing(cases: Path, tmp_path: Path):
    examples = found(tmp_path / "other", cases, leads=False)
    assert list((tmp_path / "other").iterdir()) == []
    assert examples.training.cases == found(tmp_path / "run", cases).training.cases


def test_a_record_that_cannot_be_read_is_told(cases: Path, tmp_path: Path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "cases.json").write_text("{", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"cases\.json: cannot be read"):
        found(tmp_path / "run", cases)


def test_synthetic_cases_validate_where_that_is_asked_for():
    config = replace(CONFIG, epochs=None, validation_cases=2)
    examples = synthetic_examples(config, CPU)
    assert list(examples.validation) == ["synthetic 1", "synthetic 2"]
    assert examples.held_out == ()
    assert synthetic_examples(replace(config, validate_every=0), CPU).validation == {}
