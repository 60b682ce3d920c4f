"""The open case with its label maps: what a model, an expert or a file marked there, and which two are compared."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from brats_viewer.readings import Marks, Overlay, Reading
from engine.data import Case, Label, LabelMap, Modality, Orientation, Segmentation, orient

ScalarT = TypeVar("ScalarT", bound=np.generic)
DISPLAY_AXES = "RAS"


class OpenCase(QObject):
    """The case that is open; arrays are on the display grid, as views without a copy."""

    case_changed = Signal()
    """Another case is open, or none."""
    prediction_changed = Signal()
    """There is another prediction or none, or it has been saved."""
    readings_changed = Signal()
    """There are other label maps, or another pair of them is compared."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._case: Case | None = None
        self._orientation: Orientation | None = None
        self._prediction: Segmentation | None = None
        self._prediction_saved = True
        self._saved_path: Path | None = None
        self._others: dict[str, Reading] = {}
        self._pair: tuple[str, str] | None = None
        self._marks: dict[str, tuple[LabelMap, Marks]] = {}
        self._turned: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}

    # The case

    @property
    def case(self) -> Case | None:
        """The open case."""
        return self._case

    @property
    def orientation(self) -> Orientation | None:
        """The axis order between the case's own grid and the display grid."""
        return self._orientation

    def set_case(self, case: Case | None) -> None:
        """Open another case with its truth, without a prediction."""
        self._case = case
        self._orientation = orient(case.native, DISPLAY_AXES) if case else None
        self._prediction, self._prediction_saved, self._saved_path = None, True, None
        self._others, self._pair, self._marks, self._turned = {}, None, {}, {}
        self.case_changed.emit()
        self.readings_changed.emit()

    def volume(self, modality: Modality) -> NDArray[np.float32] | None:
        """The images (X, Y, Z) of a modality; None where the case lacks it."""
        image = self._case.images.get(modality) if self._case else None
        return self._on_display(modality, image.data) if image else None

    def _on_display(self, name: str, data: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """What is known by that name, on the display grid; remembered, since every view asks at every paint."""
        source, turned = self._turned.get(name, (None, data))
        if source is not data and self._orientation:
            turned = self._orientation.forward(data)
            self._turned[name] = data, turned
        return turned

    # The prediction

    @property
    def prediction(self) -> Segmentation | None:
        """The segmentation computed for the open case."""
        return self._prediction

    @property
    def has_unsaved_prediction(self) -> bool:
        """Whether closing the case now would lose a mask."""
        return not self._prediction_saved

    def set_prediction(self, prediction: Segmentation) -> None:
        """Take a segmentation of the open case; it counts as unsaved.

        The one before stays as a reading to compare with where another model or other passes made it.
        """
        self._keep_earlier(prediction)
        self._prediction, self._prediction_saved = prediction, False
        self._choose_pair(Overlay.PREDICTION)
        self.prediction_changed.emit()
        self.readings_changed.emit()

    def _keep_earlier(self, new: Segmentation) -> None:
        old = self._prediction
        if old and (old.model, old.tta) != (new.model, new.tta):
            kept = Reading(_earlier_key(old), f"{old.model}, TTA {old.tta}", old.labels)
            self._others[kept.key] = kept
        self._others.pop(_earlier_key(new), None)

    @property
    def saved_path(self) -> Path | None:
        """Where the open case's mask was saved last; None if it never was."""
        return self._saved_path

    def mark_prediction_saved(self, path: Path) -> None:
        """Note that the prediction is on disk."""
        self._prediction_saved, self._saved_path = True, path
        self.prediction_changed.emit()

    # The label maps

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All label maps of the case: the prediction, the truth, then the others in the order they came."""
        known = {}
        if self._prediction:
            known[Overlay.PREDICTION] = Reading(Overlay.PREDICTION, "Prediction", self._prediction.labels)
        if self._case and self._case.truth:
            known[Overlay.TRUTH] = Reading(Overlay.TRUTH, "Truth", self._case.truth)
        return (*known.values(), *self._others.values())

    def reading(self, key: str) -> Reading | None:
        """The label map of that key; None where there is none."""
        return next((reading for reading in self.readings if reading.key == key), None)

    def label_map(self, key: str) -> LabelMap | None:
        """The labels of that key on the case's own grid; None where there is no such label map."""
        found = self.reading(key)
        return found.labels if found else None

    def add_reading(self, reading: Reading) -> None:
        """Take another label map of the open case, on its grid."""
        self._others[reading.key] = reading
        self._choose_pair(reading.key)
        self.readings_changed.emit()

    @property
    def pair(self) -> tuple[str, str] | None:
        """The keys of the label map that is judged and the one that it is judged by; None where there are no two."""
        return self._pair

    def set_pair(self, candidate: str, reference: str) -> None:
        """Compare two label maps of the case."""
        if (candidate, reference) != self._pair and candidate != reference:
            self._pair = candidate, reference
            self.readings_changed.emit()

    def _choose_pair(self, newest: str) -> None:
        """Judge the newest map by what the one before was judged by, or else by the truth, or by another map."""
        keys = [reading.key for reading in self.readings if reading.key != newest]
        before = self._pair[1] if self._pair else None
        reference = next((key for key in (before, Overlay.TRUTH, *keys) if key in keys), None)
        self._pair = (newest, reference) if reference else None

    def labels_of(self, key: str) -> NDArray[np.uint8] | None:
        """The labels of that key (X, Y, Z) on the display grid; None where there is no such label map."""
        labels = self.label_map(key)
        return self._on_display(key, labels.data) if labels else None

    def entropy(self) -> NDArray[np.float16] | None:
        """The prediction's uncertainty in bits (X, Y, Z) on the display grid; None where it was not computed."""
        uncertainty = self._prediction.uncertainty if self._prediction else None
        return self._on_display("entropy", uncertainty.entropy) if uncertainty else None

    def marks(self, key: str) -> Marks | None:
        """Where a label map marks anything on the display grid, and how much; None where there is no such map."""
        labels = self.label_map(key)
        if labels is None or self._orientation is None:
            return None
        looked_through, marks = self._marks.get(key, (None, None))
        if marks is None or looked_through is not labels:
            marks = Marks.of(labels, self._orientation)
            self._marks[key] = labels, marks
        return marks

    def volumes_ml(self, key: str) -> Mapping[Label, float]:
        """The volume of each label in a label map; empty where there is no such map."""
        marks = self.marks(key)
        if marks is None or self._orientation is None:
            return MappingProxyType({})
        voxel_ml = self._orientation.native.voxel_ml
        return MappingProxyType({label: count * voxel_ml for label, count in marks.voxels.items()})


def _earlier_key(made: Segmentation) -> str:
    return f"{made.model}, {made.tta}"
