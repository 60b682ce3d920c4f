"""Where in a case a prediction is right and wrong: the overlap in each slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data import Label, LabelMap, Region
from engine.score.pair import islands

_WORTH_A_LOOK = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class SliceScores:
    """How many voxels of one region a prediction and the truth have in each of the N slices along a voxel axis.

    both, prediction, truth: (N,) int64, in the order of the voxel index along that axis.
    """

    both: NDArray[np.int64]
    prediction: NDArray[np.int64]
    truth: NDArray[np.int64]

    @property
    def dice(self) -> NDArray[np.float64]:
        """Dice of each slice (N,) in [0, 1]; 0 where the region is in one only, NaN where it is in neither.

        A slice without the region says nothing about a prediction that has none there either, so it has no score,
        while a whole case without the region scores 1 (`Score`).
        """
        total = self.prediction + self.truth
        dice = np.full(total.shape, np.nan)
        np.divide(2 * self.both, total, out=dice, where=total > 0)
        return dice

    @property
    def wrong(self) -> NDArray[np.int64]:
        """Voxels of each slice (N,) that are only predicted or only true."""
        return self.prediction + self.truth - 2 * self.both

    @property
    def worst_slice(self) -> int | None:
        """The slice of the lowest Dice, of several the one with most wrong voxels; None where all are empty.

        Only slices that have, in either map, a tenth of what the fullest one has are considered: at the ends of a
        region a few voxels have a Dice of 0 and mean nothing.
        """
        either = self.prediction + self.truth - self.both
        if not either.any():
            return None
        dice = np.where(either >= _WORTH_A_LOOK * either.max(), self.dice, np.inf)
        return int(np.lexsort((-self.wrong, dice))[0])

    @property
    def largest_slice(self) -> int | None:
        """The slice in which prediction and truth together cover most; None where all are empty."""
        either = self.prediction + self.truth - self.both
        return int(either.argmax()) if either.any() else None

    def next_error(self, after: int) -> int | None:
        """The next slice after `after` that has a wrong voxel, from the first again after the last; None if none has.

        >>> counts = np.array([0, 1, 2, 0]), np.array([1, 1, 2, 0]), np.array([0, 1, 3, 0])
        >>> scores = SliceScores(*counts)
        >>> scores.next_error(0), scores.next_error(2)
        (2, 0)
        """
        wrong = np.flatnonzero(self.wrong)
        if not wrong.size:
            return None
        return int(wrong[np.searchsorted(wrong, after, side="right") % wrong.size])


def slice_scores(prediction: LabelMap, truth: LabelMap, axis: int) -> dict[Region, SliceScores]:
    """Compare every region slice by slice along voxel `axis` (0, 1 or 2) of the maps' grid.

    Raises CaseError if the two do not lie on one grid.
    """
    labels = len(Label)
    counts = np.zeros((truth.grid.shape[axis], labels, labels), dtype=np.int64)  # (N, predicted, true)
    for island in islands(prediction, truth):
        joint = island.prediction * np.uint8(labels) + island.truth  # one number for each pair of labels
        for index, plane in enumerate(np.moveaxis(joint, axis, 0), start=island.box[axis].start):
            counts[index] += np.bincount(plane.ravel(), minlength=labels**2).reshape(labels, labels)
    return {region: _of_region(region, counts) for region in Region}


def _of_region(region: Region, counts: NDArray[np.int64]) -> SliceScores:
    inside = sorted(region.labels)
    predicted = counts[:, inside, :]
    return SliceScores(
        both=predicted[:, :, inside].sum(axis=(1, 2)),
        prediction=predicted.sum(axis=(1, 2)),
        truth=counts[:, :, inside].sum(axis=(1, 2)),
    )
