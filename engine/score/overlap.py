"""Measures that count voxels: Dice, sensitivity, specificity, with BraTS's rules for what is empty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many voxels two masks share, and how many only one of them or neither has."""

    both: int
    only_prediction: int
    only_truth: int
    neither: int

    @classmethod
    def of(cls, prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> "Overlap":
        """Count in two masks of one shape.

        >>> Overlap.of(np.array([True, True, False]), np.array([False, True, False]))
        Overlap(both=1, only_prediction=1, only_truth=0, neither=1)
        """
        both = int(np.count_nonzero(prediction & truth))
        only_prediction = int(np.count_nonzero(prediction)) - both
        only_truth = int(np.count_nonzero(truth)) - both
        return cls(both, only_prediction, only_truth, truth.size - both - only_prediction - only_truth)

    def __add__(self, other: "Overlap") -> "Overlap":
        """The voxels of two parts of an image.

        >>> Overlap(both=3, only_prediction=1, only_truth=0, neither=5) + Overlap(0, 0, 2, neither=7)
        Overlap(both=3, only_prediction=1, only_truth=2, neither=12)
        """
        return Overlap(
            self.both + other.both,
            self.only_prediction + other.only_prediction,
            self.only_truth + other.only_truth,
            self.neither + other.neither,
        )

    @property
    def prediction(self) -> int:
        """Voxels predicted."""
        return self.both + self.only_prediction

    @property
    def truth(self) -> int:
        """Voxels of the truth."""
        return self.both + self.only_truth

    @property
    def dice(self) -> float:
        """Twice the shared voxels over the sum of both masks, in [0, 1]; 1 where both are empty.

        >>> Overlap(both=3, only_prediction=1, only_truth=1, neither=5).dice
        0.75
        """
        total = self.prediction + self.truth
        return 2 * self.both / total if total else 1.0

    @property
    def sensitivity(self) -> float:
        """Share of the truth that is predicted, in [0, 1]; of an empty truth 1 if nothing is predicted, else 0."""
        if self.truth:
            return self.both / self.truth
        return 0.0 if self.prediction else 1.0

    @property
    def specificity(self) -> float | None:
        """Share of what is not the truth that is left unpredicted, in [0, 1]; None where the truth fills the image."""
        healthy = self.neither + self.only_prediction
        return self.neither / healthy if healthy else None
