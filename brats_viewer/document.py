"""What is open, how it is shown, and where the cursor is: the part of the session that never waits for anything.

Widgets show it and ask it for changes; each change is announced once by a past-tense signal, and only if it is one.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from engine.data import Case, Label, LabelMap, Modality, Orientation, Segmentation, foreground, orient

Index = tuple[int, int, int]
"""A voxel of the display grid: the case's own voxels with axes put in the order R, A, S (nothing is interpolated)."""
Levels = tuple[float, float]
"""The intensities shown black and white."""

DISPLAY_AXES = "RAS"


class Overlay(StrEnum):
    """Which label map lies over the images."""

    PREDICTION = "prediction"
    TRUTH = "truth"


class Document(QObject):
    """The open case, its prediction, and how both are shown."""

    case_changed = Signal()
    """Another case is open, or none; the prediction, cursor, modality and levels have been reset before."""
    prediction_changed = Signal()
    """There is another prediction or none, or it has been saved."""
    cursor_changed = Signal()
    modality_changed = Signal()
    levels_changed = Signal()
    overlay_changed = Signal()
    """The label map, its opacity or its visible labels."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._case: Case | None = None
        self._orientation: Orientation | None = None
        self._prediction: Segmentation | None = None
        self._prediction_saved = True
        self._saved_path: Path | None = None
        self._cursor: Index = (0, 0, 0)
        self._modality = Modality.T1C
        self._levels: dict[Modality, Levels] = {}
        self._overlay = Overlay.PREDICTION
        self._overlay_shown = True
        self._opacity = 0.5
        self._volumes: dict[Overlay, tuple[LabelMap, Mapping[Label, float]]] = {}
        self._visible_labels = frozenset({Label.NCR, Label.ED, Label.ET, Label.RC})

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
        """Show another case from its middle with its truth, without a prediction; T1C first where there is one."""
        self._case = case
        self._orientation = orient(case.native, DISPLAY_AXES) if case else None
        self._prediction, self._prediction_saved, self._saved_path = None, True, None
        self._levels, self._volumes = {}, {}
        if case:
            shape = orient(case.native, DISPLAY_AXES).canonical.shape
            self._cursor = (shape[0] // 2, shape[1] // 2, shape[2] // 2)
            order = (self._modality, Modality.T1C, *Modality)
            self._modality = next(modality for modality in order if modality in case.images)
            self._overlay = Overlay.TRUTH if case.truth else Overlay.PREDICTION
        self.case_changed.emit()

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
        """Take a segmentation of the open case and show it, with the crosshair in it; it counts as unsaved."""
        self._prediction, self._prediction_saved = prediction, False
        self._overlay, self._overlay_shown = Overlay.PREDICTION, True
        self.prediction_changed.emit()
        self.overlay_changed.emit()
        labels = self.overlay_labels()
        if labels is not None and not labels[self._cursor]:
            self.go_to_tumour()

    @property
    def saved_path(self) -> Path | None:
        """Where the open case's mask was saved last; None if it never was."""
        return self._saved_path

    def mark_prediction_saved(self, path: Path) -> None:
        """Note that the prediction is on disk."""
        self._prediction_saved, self._saved_path = True, path
        self.prediction_changed.emit()

    def go_to_tumour(self) -> None:
        """Move the crosshair into the shown labels, where their axial slice is largest; stay where there are none."""
        labels = self.overlay_labels()
        centre = largest_slice_centre(labels) if labels is not None else None
        if centre:
            self.set_cursor(centre)

    # Cursor, modality, levels

    @property
    def cursor(self) -> Index:
        """The voxel under the crosshair, on the display grid."""
        return self._cursor

    @property
    def cursor_mm(self) -> tuple[float, float, float]:
        """The crosshair's world position, RAS+ mm; the origin where no case is open."""
        if self._orientation is None:
            return 0.0, 0.0, 0.0
        x, y, z = self._orientation.canonical.to_world(np.asarray(self._cursor, dtype=np.float64))
        return float(x), float(y), float(z)

    def set_cursor(self, index: Index) -> None:
        """Move the crosshair to a voxel; outside of the grid it stops at the edge."""
        if self._orientation is None:
            return
        shape = self._orientation.canonical.shape
        i, j, k = (min(max(value, 0), size - 1) for value, size in zip(index, shape, strict=True))
        if (i, j, k) != self._cursor:
            self._cursor = (i, j, k)
            self.cursor_changed.emit()

    @property
    def modality(self) -> Modality:
        """The modality shown."""
        return self._modality

    def set_modality(self, modality: Modality) -> None:
        """Show another modality of the case; one that the case lacks is ignored."""
        if self._case and modality in self._case.images and modality is not self._modality:
            self._modality = modality
            self.modality_changed.emit()

    @property
    def levels(self) -> Levels:
        """The shown modality's black and white intensities; from its brain's percentiles until a person sets them."""
        if self._case is None:
            return 0.0, 1.0
        if self._modality not in self._levels:
            self._levels[self._modality] = brain_levels(self._case.images[self._modality].data)
        return self._levels[self._modality]

    def set_levels(self, levels: Levels) -> None:
        """Set black and white of the shown modality; white stays above black."""
        black, white = levels
        white = max(white, black + 1e-6 * max(1.0, abs(black)))
        if self._case and (black, white) != self.levels:
            self._levels[self._modality] = (black, white)
            self.levels_changed.emit()

    def reset_levels(self) -> None:
        """Go back to the levels of the brain's percentiles."""
        self._levels.pop(self._modality, None)
        self.levels_changed.emit()

    # What is shown: arrays on the display grid, views without a copy

    def image(self) -> NDArray[np.float32] | None:
        """The shown modality (X, Y, Z) on the display grid."""
        if self._case is None or self._orientation is None:
            return None
        return self._orientation.forward(self._case.images[self._modality].data)

    def overlay_labels(self) -> NDArray[np.uint8] | None:
        """The label map over the image (X, Y, Z), values of `Label`; None where there is none or it is off."""
        labels = self.label_map(self._overlay) if self._overlay_shown else None
        return self._orientation.forward(labels.data) if labels and self._orientation else None

    def label_map(self, overlay: Overlay) -> LabelMap | None:
        """The prediction's or the truth's labels on the case's own grid."""
        if overlay is Overlay.TRUTH:
            return self._case.truth if self._case else None
        return self._prediction.labels if self._prediction else None

    def volumes_ml(self, overlay: Overlay) -> Mapping[Label, float]:
        """The volume of each label in the prediction or the truth; empty where there is no such label map."""
        labels = self.label_map(overlay)
        if labels is None:
            return MappingProxyType({})
        measured, volumes = self._volumes.get(overlay, (None, MappingProxyType({})))
        if measured is not labels:
            volumes = label_volumes_ml(labels)
            self._volumes[overlay] = labels, volumes
        return volumes

    # The overlay

    @property
    def overlay(self) -> Overlay:
        """Which label map is shown."""
        return self._overlay

    @property
    def overlay_shown(self) -> bool:
        """Whether the label map is shown at all."""
        return self._overlay_shown

    @property
    def opacity(self) -> float:
        """How much the labels cover the image, in [0, 1]."""
        return self._opacity

    @property
    def visible_labels(self) -> frozenset[Label]:
        """The labels that are drawn."""
        return self._visible_labels

    def set_overlay(self, overlay: Overlay) -> None:
        """Show the prediction or the truth."""
        if overlay is not self._overlay:
            self._overlay = overlay
            self.overlay_changed.emit()

    def set_overlay_shown(self, shown: bool) -> None:
        """Show or hide the label map."""
        if shown != self._overlay_shown:
            self._overlay_shown = shown
            self.overlay_changed.emit()

    def set_opacity(self, opacity: float) -> None:
        """Set how much the labels cover the image, clipped to [0, 1]."""
        opacity = min(max(opacity, 0.0), 1.0)
        if opacity != self._opacity:
            self._opacity = opacity
            self.overlay_changed.emit()

    def set_label_visible(self, label: Label, visible: bool) -> None:
        """Draw a label or leave it out."""
        labels = self._visible_labels | {label} if visible else self._visible_labels - {label}
        if labels != self._visible_labels:
            self._visible_labels = labels
            self.overlay_changed.emit()


LABEL_COLOURS: Mapping[Label, tuple[int, int, int]] = MappingProxyType(
    {Label.NCR: (230, 60, 60), Label.ED: (70, 200, 90), Label.ET: (250, 215, 50), Label.RC: (90, 150, 250)}
)
"""RGB in 0-255, by meaning and never by a file's integer."""


def largest_slice_centre(labels: NDArray[np.uint8]) -> Index | None:
    """The labelled voxel nearest to the middle of the labels in the last-axis slice that holds most; None if none do.

    >>> labels = np.zeros((5, 5, 3), np.uint8)
    >>> labels[1:4, 2, 1] = labels[0, 0, 2] = Label.ET
    >>> largest_slice_centre(labels)
    (2, 2, 1)
    """
    sizes = np.count_nonzero(labels, axis=(0, 1))
    k = int(sizes.argmax())
    if not sizes[k]:
        return None
    voxels = np.argwhere(labels[:, :, k])
    i, j = voxels[((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(i), int(j), k


def label_volumes_ml(labels: LabelMap) -> Mapping[Label, float]:
    """The volume of each label but the background, in millilitres."""
    counts = {label: int(np.count_nonzero(labels.data == label)) for label in Label if label is not Label.BACKGROUND}
    return MappingProxyType({label: count * labels.grid.voxel_ml for label, count in counts.items()})


def brain_levels(image: NDArray[np.float32]) -> Levels:
    """Black and white for an image (X, Y, Z): the 1st and 99.5th percentile of about 200,000 foreground voxels."""
    inside = image[foreground(image)]
    if inside.size == 0:
        return float(image.min()), float(image.max()) + 1.0
    sample = inside[:: max(1, inside.size // 200_000)]
    black, white = (float(value) for value in np.percentile(sample, (1.0, 99.5)))
    return black, white if white > black else black + 1.0
