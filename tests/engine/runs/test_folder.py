"""A run's folder: made once, made again only as the same run, and read back as it was given."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import TrainingError
from engine.runs.folder import Source, change_source, create, read_config, read_source
from engine.runs.settings import TrainConfig

CONFIG = TrainConfig(steps=7, seed=3)
ON_DATA = TrainConfig(epochs=2.0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_given_is_read_back(tmp_path: Path):
    (tmp_path / "data").mkdir()
    source = Source(dataset=tmp_path / "data", init="default", device="cpu", fold="2/5", leave_out_bad=True)
    create(tmp_path / "a" / "run", ON_DATA, source)
    assert read_config(tmp_path / "a" / "run") == ON_DATA
    found = read_source(tmp_path / "a" / "run")
    assert replace(found, versions={}) == source
    assert set(found.versions) == {"brats-viewer", "python", "torch", "numpy", "nibabel"}


def test_paths_hold_from_any_folder_and_a_models_name_stays_one(tmp_path: Path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "split.json").write_text('{"training": ["a"]}', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    given = Source(dataset=Path("data"), init="old/model", split=Path("split.json"))
    create(Path("run"), ON_DATA, given)
    monkeypatch.chdir(tmp_path.parent)
    source = read_source(tmp_path / "run")
    assert source.dataset == tmp_path / "data"
    assert source.init == str(tmp_path / "old" / "model")
    assert source.split == tmp_path / "split.json"
    assert json.loads((tmp_path / "run" / "split.json").read_text(encoding="utf-8")) == {"training": ["a"]}


def test_made_again_it_stays_but_for_what_may_change(tmp_path: Path):
    create(tmp_path, CONFIG, Source(init="default", device="cuda:1"))
    (tmp_path / "log.jsonl").write_text("kept\n", encoding="utf-8")
    before = contents(tmp_path)
    create(tmp_path, CONFIG, Source(init="default", device="cuda:1"))
    assert contents(tmp_path) == before
    create(tmp_path, CONFIG, Source(init="default", device="cpu", install=True))
    assert contents(tmp_path).keys() == before.keys()
    changed = read_source(tmp_path)
    assert (changed.device, changed.install) == ("cpu", True)


@pytest.mark.parametrize(
    ("config", "source", "what"),
    [
        (replace(CONFIG, batch=3), Source(), "batch: 1, now 3"),
        (CONFIG, Source(init="default"), "init: None, now default"),
        (replace(CONFIG, seed=4, steps=9), Source(), "steps: 7, now 9; seed: 3, now 4"),
    ],
)
def test_another_run_is_named_and_left_alone(tmp_path: Path, config: TrainConfig, source: Source, what: str):
    create(tmp_path, CONFIG, Source())
    before = contents(tmp_path)
    with pytest.raises(TrainingError, match=what):
        create(tmp_path, config, source)
    assert contents(tmp_path) == before


def test_a_split_that_has_changed_is_of_another_run(tmp_path: Path):
    split = tmp_path / "split.json"
    split.write_text('{"training": ["a"]}', encoding="utf-8")
    source = Source(dataset=tmp_path, split=split)
    create(tmp_path / "run", ON_DATA, source)
    create(tmp_path / "run", ON_DATA, source)
    split.write_text('{"training": ["b"]}', encoding="utf-8")
    with pytest.raises(TrainingError, match="split"):
        create(tmp_path / "run", ON_DATA, source)


@pytest.mark.parametrize(
    ("config", "source", "what"),
    [
        (replace(CONFIG, batch=0), Source(), "batch 0"),
        (ON_DATA, Source(), "epochs are of a data set"),
        (CONFIG, Source(fold="1/5"), "of a data set"),
        (ON_DATA, Source(dataset=Path("data"), fold="1/5", split=Path("split.json")), "give one of them"),
        (ON_DATA, Source(dataset=Path("data"), split=Path("nowhere.json")), r"nowhere\.json: cannot be read"),
    ],
)
def test_what_cannot_be_a_run_is_refused(tmp_path: Path, config: TrainConfig, source: Source, what: str):
    with pytest.raises(TrainingError, match=what) as told:
        create(tmp_path / "run", config, source)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run" / "config.json").exists()


def test_the_data_set_and_the_device_may_move(tmp_path: Path):
    create(tmp_path, ON_DATA, Source(dataset=tmp_path / "here", init="default"))
    versions = read_source(tmp_path).versions
    change_source(tmp_path, dataset=tmp_path / "there")
    change_source(tmp_path, device="cpu")
    change_source(tmp_path)
    moved = Source(dataset=tmp_path / "there", init="default", device="cpu", versions=versions)
    assert read_source(tmp_path) == moved


def test_a_folder_that_is_no_run_is_told(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"config\.json is missing"):
        read_config(tmp_path)
    for content in ("", "[]", '{"dataset": null}', '{"dataset": null, "split": null, "other": 1}'):
        (tmp_path / "source.json").write_text(content, encoding="utf-8")
        with pytest.raises(TrainingError, match=r"source\.json: cannot be read"):
            read_source(tmp_path)
