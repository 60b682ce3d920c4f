"""All that a prediction and a truth of one case have to say about each other, as one piece of work."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.data import LabelMap, Region
from engine.progress import Progress, Work
from engine.score.lesions import LesionScore, lesion_scores
from engine.score.score import Score, score
from engine.score.slices import SliceScores, slice_scores


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """A prediction against the truth: of the whole image, slice by slice and lesion by lesion.

    slices: for each voxel axis of the maps' grid the scores of the slices across it.
    """

    scores: Mapping[Region, Score]
    slices: tuple[Mapping[Region, SliceScores], ...]
    lesions: Mapping[Region, LesionScore]


def compare(prediction: LabelMap, truth: LabelMap) -> Work[Comparison]:
    """Compare two label maps of one grid; raises CaseError if they do not lie on one."""
    yield Progress(0, 3, "comparing slices")
    slices = tuple(slice_scores(prediction, truth, axis) for axis in range(3))
    yield Progress(1, 3, "comparing regions")
    scores = score(prediction, truth)
    yield Progress(2, 3, "comparing lesions")
    return Comparison(scores, slices, lesion_scores(prediction, truth))
