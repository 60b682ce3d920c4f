"""What the ablation benchmark reports, against numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.progress import finish
from engine.runs.log import Point
from tests.benchmarks.ablations.measure import Result, measured, step_seconds
from tests.benchmarks.ablations.recipes import BASELINE, Recipe, recipes
from tests.benchmarks.ablations.table import to_markdown


def result(name: str, level: float, change: str = "") -> Result:
    dice = {"ET": level - 0.1, "TC": level, "WT": level + 0.1}
    return Result(name, change, 1000, 0.5, dice, {region: value - 0.2 for region, value in dice.items()})


def test_a_recipe_says_what_it_changes_and_can_be_trained() -> None:
    told = {recipe.name: recipe.change for recipe in recipes(40)}
    assert told["baseline"] == ""
    assert told["baseline-2"] == "seed 2"
    assert told["patch-32"] == "patch 32x32x32"
    for recipe in recipes(40):
        recipe.config.check()
        assert recipe.config.steps == recipe.config.validate_every == 40


def test_the_table_holds_each_run_and_how_far_the_seeds_lie_apart() -> None:
    done = [result("baseline", 0.5), result("baseline-1", 0.6, "seed 1"), result("width-8", 0.4, "width 8")]
    lines = to_markdown(done, 40).splitlines()
    assert lines[-2] == "| width-8 | width 8 | 1,000 | 0.50 | 0.300 | 0.400 | 0.500 | 0.400 | -0.150 | 0.200 |"
    deviations = "0.071 | 0.071 | 0.071 | 0.071 |  | 0.071"  # of 0.5 and 0.6: 0.1 / sqrt 2
    assert lines[-1] == f"| standard deviation of the 2 baselines | seed |  |  | {deviations} |"


def test_what_else_the_machine_does_does_not_change_the_seconds_of_a_step() -> None:
    times = [(10, 5.0), (20, 10.0), (30, 1000.0), (40, 1009.0)]
    assert step_seconds([Point(step, seconds, 1.0, 1e-3) for step, seconds in times]) == pytest.approx(0.5)


def test_a_training_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    config = replace(BASELINE, shape=(16, 16, 16), spacing_mm=10.0, width=4, depth=2, steps=20)
    recipe = Recipe("tiny", replace(config, batch=1, validate_every=20, validation_cases=1))
    first = finish(measured(recipe, tmp_path))
    (tmp_path / "tiny" / "log.jsonl").unlink()
    assert finish(measured(recipe, tmp_path)) == first
    assert set(first.averaged) == set(first.last) == {"ET", "TC", "WT"}
