"""Results of evaluations that nobody computed, for what shows them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brats_viewer.cohort_session import EVALUATE
from engine.data import CaseFiles, Region
from engine.errors import EvaluationError
from engine.progress import Progress, Work
from engine.score import Score

ABSENT_MM = 373.12866


@dataclass(frozen=True)
class FakeResult:
    id: str
    scores: Mapping[Region, Score]


@dataclass(frozen=True)
class FakeEvaluation:
    results: tuple[FakeResult, ...]
    failures: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path("results")
    summary: Mapping[str, Any] = field(default_factory=lambda: {"model": {"name": "quick"}, "tta": "flips"})

    def mask_path(self, case: str) -> Path:
        return self.folder / "masks" / f"{case}.nii.gz"


def region_score(dice: float, predicted: float = 10.0, truth: float = 10.0, **changes: Any) -> Score:
    """A score of these volumes in ml, with the sensitivity that follows; `changes` are its other fields."""
    shared = dice * (predicted + truth) / 2
    fields = {"hd95_mm": 5.0, "sensitivity": shared / truth if truth else float(not predicted), "specificity": 1.0}
    return Score(dice=dice, prediction_ml=predicted, truth_ml=truth, **(fields | changes))


def scores(et: float, tc: float, wt: float) -> dict[Region, Score]:
    """Scores of these Dice in regions of the right size."""
    return {Region.ET: region_score(et), Region.TC: region_score(tc), Region.WT: region_score(wt)}


def result(case: str, et: float, tc: float, wt: float) -> FakeResult:
    return FakeResult(case, scores(et, tc, wt))


def files(case: str) -> CaseFiles:
    return CaseFiles(case, Path("data") / case, {})


NOTHING = FakeEvaluation(())
A, B, C = (f"BraTS-GLI-0000{number}-000" for number in range(3))
RESULTS = (result(A, 0.9, 0.9, 0.9), result(B, 0.3, 0.9, 0.9), result(C, 0.6, 0.9, 0.9))


@dataclass(frozen=True)
class Scored(Progress):
    evaluation: FakeEvaluation = NOTHING


class FakeRuns:
    """An engine that has results at once; `gate` holds an evaluation back after its first case."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.evaluation = FakeEvaluation(RESULTS)

    def __call__(self, function: str, /, *arguments: Any, **options: Any) -> Work[FakeEvaluation]:
        self.asked.append((function, arguments, options))
        return self._evaluate() if function == EVALUATE else self._read(*arguments)

    def _read(self, folder: Path) -> Work[FakeEvaluation]:
        yield Progress(0, 0, "reading")
        if folder.name == "none":
            raise EvaluationError(f"{folder}: holds no results")
        return self.evaluation

    def _evaluate(self) -> Work[FakeEvaluation]:
        yield Progress(0, 0, "looking for cases")
        yield Scored(0, 3, A)
        yield Progress(0, 3, A)
        yield Scored(1, 3, B, 12.0, evaluation=FakeEvaluation(RESULTS[:1]))
        while not self.gate.wait(0.005):
            yield Progress(1, 3, B, 12.0)
        return self.evaluation


def write_cases(folder: Path) -> Path:
    """A data set of the cases A, B and C, of which nothing but the names is read."""
    for case in (A, B, C):
        (folder / case).mkdir(parents=True)
        for suffix in ("t1n", "t1c", "t2w", "t2f", "seg"):
            (folder / case / f"{case}-{suffix}.nii.gz").touch()
    return folder
