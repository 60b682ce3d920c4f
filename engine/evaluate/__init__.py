"""How good a model is on a data set with truth. Importing this is cheap: torch loads when something is computed."""

from engine.evaluate.compare import ModelComparison, compare_models
from engine.evaluate.masks import Masks
from engine.evaluate.results import Evaluation, Scored, read_results
from engine.evaluate.run import evaluate
from engine.evaluate.table import CaseResult

__all__ = [
    "CaseResult",
    "Evaluation",
    "Masks",
    "ModelComparison",
    "Scored",
    "compare_models",
    "evaluate",
    "read_results",
]
