"""How close a segmentation is to the truth, by the measures of the BraTS challenge."""

from engine.score.cohort import AVERAGE, MEASURES, Spread, average, cohort_table, spread
from engine.score.score import Score, score, to_json

__all__ = ["AVERAGE", "MEASURES", "Score", "Spread", "average", "cohort_table", "score", "spread", "to_json"]
