"""How close a segmentation is to the truth, by the measures of the BraTS challenge.

`compare` is all of it for one case: of the whole image, slice by slice and lesion by lesion.
"""

from engine.score.cohort import (
    AVERAGE,
    LESION_MEASURES,
    MEASURES,
    Box,
    Lesionwise,
    Measured,
    Spread,
    average,
    box,
    cohort_table,
    spread,
)
from engine.score.compare import Comparison, compare
from engine.score.lesions import Lesion, LesionKind, LesionScore, lesion_scores, lesions_to_json
from engine.score.paired import Paired, holm, paired
from engine.score.reasons import LOW_DICE, reasons
from engine.score.score import Score, score, to_json
from engine.score.slices import SliceScores, slice_scores

__all__ = [
    "AVERAGE",
    "LESION_MEASURES",
    "LOW_DICE",
    "MEASURES",
    "Box",
    "Comparison",
    "Lesion",
    "LesionKind",
    "LesionScore",
    "Lesionwise",
    "Measured",
    "Paired",
    "Score",
    "SliceScores",
    "Spread",
    "average",
    "box",
    "cohort_table",
    "compare",
    "holm",
    "lesion_scores",
    "lesions_to_json",
    "paired",
    "reasons",
    "score",
    "slice_scores",
    "spread",
    "to_json",
]
