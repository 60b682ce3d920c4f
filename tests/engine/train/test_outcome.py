"""What comes of a training: the model that is kept, its table and card, and the volume of ET below which it is none."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.data import Case, CaseFiles, Region, find_dataset, load_case
from engine.errors import TrainingError
from engine.model import find_model
from engine.model.bundle import load_network
from engine.predict import segment
from engine.progress import Work, finish
from engine.runs.folder import Source, create
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage, read_state, tell
from engine.runs.table import read_table
from engine.score import score
from engine.train.loop import train
from engine.train.outcome import ValidationScore, _with_scores, best_min_et_ml, kept_card
from engine.train.trainer import Trainer
from tests.engine.bundles import card as card_of_tests
from tests.engine.train.runs import CPU, log_of, trained


def case(name: str, et_ml: float, dice: float, true_et_ml: float) -> ValidationScore:
    return ValidationScore(name, {Region.ET: dice, Region.TC: 0.9, Region.WT: 0.9}, et_ml, true_et_ml)


def test_a_threshold_lies_between_the_specks_and_the_tumours():
    specks = [case("a", 0.1, 0.0, 0.0), case("b", 0.2, 0.0, 0.0)]
    tumours = [case("c", 0.6, 0.8, 0.5), case("d", 20.0, 0.9, 22.0)]
    assert best_min_et_ml([*specks, *tumours]) == pytest.approx(0.4)


def test_nothing_is_dropped_where_dropping_gains_nothing():
    assert best_min_et_ml([case("a", 0.1, 0.7, 0.1), case("b", 30.0, 0.9, 30.0)]) == 0.0
    assert best_min_et_ml([case("a", 0.0, 1.0, 0.0)]) == 0.0
    assert best_min_et_ml([]) == 0.0


def test_a_large_false_region_is_not_dropped():
    assert best_min_et_ml([case("a", 5.0, 0.0, 0.0)]) == 0.0


def test_one_false_speck_is_worth_as_much_as_one_true_one():
    """Half of a Dice is lost with the true speck, a whole one won with the false one."""
    assert best_min_et_ml([case("a", 0.2, 0.5, 0.2), case("b", 0.4, 0.0, 0.0)]) == pytest.approx(0.7)


CONFIG = TrainConfig(
    steps=6,
    batch=2,
    shape=(16, 16, 16),
    patch=(16, 16, 16),
    spacing_mm=8.0,
    width=4,
    depth=2,
    learning_rate=1e-2,
    ema=0.0,
    precision="float32",
    validate_every=2,
    validation_cases=1,
    tune_et=True,
    tta="none",
)


def segmented(cases: Path, name: str, model: Path) -> dict[Region, float]:
    """The Dice of a case with a model, as a person would come to it."""
    files = next(found for found in find_dataset(cases).cases if found.id == name)
    case = finish(load_case(files))
    scores = score(finish(segment(case, model=str(model), device="cpu", tta="none")).labels, case.truth)
    return {region: scores[region].dice for region in Region}


def test_the_model_that_is_kept_is_scored_as_a_person_would(cases: Path, tmp_path: Path):
    run = tmp_path / "glioma"
    trained(run, CONFIG, Source(dataset=cases, device="cpu", install=True))
    table = read_table(run)
    (name,) = json.loads((run / "split.json").read_text(encoding="utf-8"))["validation"]
    assert list(table) == [name]
    assert table[name] == pytest.approx(segmented(cases, name, run / "best"), abs=1e-6)
    card = kept_card(run)
    assert card.folder == run / "best"
    best = [line for line in log_of(run) if line.get("best")][-1]
    assert card.training["steps"] == best["step"]
    assert card.scores["while training"]["step"] == best["step"]
    told = card.scores["validation"]
    assert (told["cases"], told["grid"], told["tta"]) == (1, "native", "none")
    assert told["dice"]["ET"]["mean"] == pytest.approx(table[name][Region.ET], abs=1e-4)
    assert told["dice"]["average"]["mean"] == pytest.approx(sum(table[name].values()) / 3, abs=1e-4)
    assert card.training["cases"] == {"training": 3, "validation": 1, "test": 1}
    assert card.training["settings"]["learning_rate"] == 1e-2
    assert "and the volume below which ET becomes necrotic core were chosen" in card.limits[0]
    assert find_model("glioma").sha256 == card.sha256
    assert (
        read_state(run).message
        == f"mean Dice {told['dice']['average']['mean']:.3f} on 1 validation case; installed as glioma"
    )


def test_the_model_of_the_end_is_kept_where_that_is_asked_for(cases: Path, tmp_path: Path):
    end = trained(tmp_path, replace(CONFIG, keep_best=False, tune_et=False), Source(dataset=cases, device="cpu"))
    assert not (tmp_path / "best").exists()
    card = kept_card(tmp_path)
    assert (card.folder, card.training["steps"], card.min_et_ml) == (tmp_path / "model", 6, 0.0)
    assert torch.equal(load_network(card).state_dict()["head.weight"], end.average["head.weight"].half().float())
    (name,) = read_table(tmp_path)
    assert read_table(tmp_path)[name] == pytest.approx(segmented(cases, name, tmp_path / "model"), abs=1e-6)


def test_a_table_and_a_card_have_the_threshold(tmp_path: Path):
    scores = [case("a", 0.1, 0.0, 0.0), case("b", 0.3, 0.6, 0.3), case("c", 20.0, 0.9, 22.0)]
    found = _with_scores(card_of_tests(), scores, Trainer(CONFIG, CPU), tmp_path)
    assert found.min_et_ml == 0.2  # midway
    assert [dice[Region.ET] for dice in read_table(tmp_path).values()] == [1.0, 0.6, 0.9]
    dice = found.scores["validation"]["dice"]
    assert dice["ET"]["mean"] == pytest.approx(2.5 / 3, abs=1e-4)
    assert dice["average"]["mean"] == pytest.approx((2.8 + 2.4 + 2.7) / 9, abs=1e-4)
    plain = _with_scores(card_of_tests(), scores, Trainer(replace(CONFIG, tune_et=False), CPU), tmp_path)
    assert plain.min_et_ml == 0.0
    assert plain.scores["validation"]["dice"]["ET"]["mean"] == 0.5


def test_a_run_without_data_says_so(tmp_path: Path):
    trained(tmp_path, replace(CONFIG, steps=2))
    card = kept_card(tmp_path)
    assert "say nothing about patients" in card.limits[0]
    assert set(card.scores) == {"while training"}
    assert read_table(tmp_path) == {}


def test_a_truth_that_is_gone_at_the_end_is_told_and_the_run_can_be_resumed(cases: Path, tmp_path: Path, monkeypatch):
    source = Source(dataset=cases, device="cpu")
    with monkeypatch.context() as gone:
        gone.setattr("engine.train.outcome.load_case", lambda files: without_truth(files))
        with pytest.raises(TrainingError, match=r"the truth of BraTS20_Synthetic_00\d is gone; put it back"):
            trained(tmp_path, CONFIG, source)
    assert read_state(tmp_path).stage is Stage.FAILED
    trained(tmp_path, CONFIG, source)
    assert read_state(tmp_path).stage is Stage.FINISHED
    assert len(read_table(tmp_path)) == 1


def without_truth(files: CaseFiles) -> Work[Case]:
    found = yield from load_case(files)
    return replace(found, truth=None)


def test_a_run_that_is_stopped_while_its_model_is_scored_is_scored_when_it_goes_on(cases: Path, tmp_path: Path):
    create(tmp_path / "run", CONFIG, Source(dataset=cases, device="cpu"))
    work = train(tmp_path / "run", device=CPU)
    while next(work).stage != "scoring the validation cases":
        pass
    tell(tmp_path / "run", Command.STOP)
    assert finish(work).step == 6
    assert read_state(tmp_path / "run").stage is Stage.STOPPED
    assert read_table(tmp_path / "run") == {}
    assert finish(train(tmp_path / "run", device=CPU)).step == 6
    assert read_state(tmp_path / "run").stage is Stage.FINISHED
    assert len(read_table(tmp_path / "run")) == 1


def test_a_card_says_what_was_chosen_on_the_validation_cases(cases: Path, tmp_path: Path):
    config = replace(CONFIG, keep_best=False, tune_et=False)
    trained(tmp_path / "run", config, Source(dataset=cases, device="cpu"))
    assert kept_card(tmp_path / "run").limits == ()
