"""The table of the folds, against numbers worked out by hand."""

from engine.data import Region
from engine.evaluate.table import CaseResult
from engine.score import Score
from tests.benchmarks.folds import table


def result(case: str, *dice: float) -> CaseResult:
    scores = dict(zip((Region.ET, Region.TC, Region.WT), dice, strict=True))
    return CaseResult(case, {region: Score(value, 1, 1, 1, 1, 1) for region, value in scores.items()})


def test_each_case_stands_beside_itself_and_the_means_below() -> None:
    default = [result("a", 0.2, 0.5, 0.8), result("b", 0.4, 0.7, 1.0), result("untested", 0, 0, 0)]
    tested = [result("b", 0.5, 0.7, 0.9), result("a", 0.3, 0.7, 0.8)]
    *_, first, second, means = table(default, tested).splitlines()
    assert first == "| b | 0.400 | 0.700 | 1.000 | 0.700 | 0.500 | 0.700 | 0.900 | 0.700 |"
    assert second.startswith("| a | 0.200 ")
    assert means == "| mean | 0.300 | 0.600 | 0.900 | 0.600 | 0.400 | 0.700 | 0.850 | 0.650 |"
