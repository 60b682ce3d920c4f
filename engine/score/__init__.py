"""How close a segmentation is to the truth, by the measures of the BraTS challenge."""

from engine.score.score import Score, score, to_json

__all__ = ["Score", "score", "to_json"]
