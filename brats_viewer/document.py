"""The open case, how it is shown, and where the cursor is: the part of the session that never waits for anything.

Widgets show it and ask it for changes; each change is announced once by a past-tense signal, and only if it is one.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from brats_viewer.display import LABEL_COLOURS, REGION_LABEL, Colour, Display, Layer, Plane
from brats_viewer.open_case import DISPLAY_AXES, OpenCase
from brats_viewer.readings import Index, Levels, Overlay, Reading, brain_levels, largest_slice_centre
from engine.data import Case, Label, Modality, Region, Segmentation, orient

__all__ = ["Document", "Index", "Levels", "Overlay", "Reading"]

_FULL_WINDOW = (0.0, 1.0)


class Document(OpenCase):
    """The open case, and how it is shown."""

    cursor_changed = Signal()
    plane_changed = Signal()
    modality_changed = Signal()
    levels_changed = Signal()
    overlay_changed = Signal()
    """The label map shown, its opacity or its visible parts."""
    display_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cursor: Index = (0, 0, 0)
        self._plane = Plane.AXIAL
        self._modality = Modality.T1C
        self._brain_levels: dict[Modality, Levels] = {}
        self._windows: dict[Modality, Levels] = {}
        self._overlay: str = Overlay.PREDICTION
        self._overlay_shown = True
        self._opacity = 0.35
        self._visible_labels = frozenset({Label.NCR, Label.ED, Label.ET, Label.RC})
        self._visible_regions = frozenset(Region)
        self._display = Display()

    def set_case(self, case: Case | None) -> None:
        """Show another case from its middle, with its truth; T1C first where there is one."""
        self._brain_levels = {}
        if case:
            shape = orient(case.native, DISPLAY_AXES).canonical.shape
            self._cursor = (shape[0] // 2, shape[1] // 2, shape[2] // 2)
            order = (self._modality, Modality.T1C, *Modality)
            self._modality = next(modality for modality in order if modality in case.images)
            self._overlay = Overlay.TRUTH if case.truth else Overlay.PREDICTION
        super().set_case(case)

    def set_prediction(self, prediction: Segmentation) -> None:
        """Take a segmentation of the open case and show it, with the crosshair in it; it counts as unsaved."""
        self._overlay, self._overlay_shown = Overlay.PREDICTION, True
        super().set_prediction(prediction)
        self.overlay_changed.emit()
        labels = self.overlay_labels()
        if labels is not None and not labels[self._cursor]:
            self.go_to_tumour()

    def add_reading(self, reading: Reading) -> None:
        """Take another label map of the open case, on its grid, and show it."""
        self._overlay, self._overlay_shown = reading.key, True
        super().add_reading(reading)
        self.overlay_changed.emit()

    def go_to_tumour(self) -> None:
        """Move the crosshair into the shown labels, where their axial slice is largest; stay where there are none."""
        labels, marks = self.overlay_labels(), self.marks(self._overlay)
        if labels is None or marks is None:
            return
        centre = largest_slice_centre(Region.WT.mask(labels[marks.box]))
        if centre:
            i, j, k = (start.start + at for start, at in zip(marks.box, centre, strict=True))
            self.set_cursor((i, j, k))

    # Cursor, plane, modality, levels

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
    def plane(self) -> Plane:
        """The plane that keys, single-plane layouts and the curve over slices are about."""
        return self._plane

    def set_plane(self, plane: Plane) -> None:
        """Make a plane the active one."""
        if plane is not self._plane:
            self._plane = plane
            self.plane_changed.emit()

    def go_to_slice(self, number: int) -> None:
        """Move the crosshair along the active plane's normal."""
        index = list(self._cursor)
        index[self._plane.normal] = number
        self.set_cursor((index[0], index[1], index[2]))

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
        """The shown modality's black and white intensities."""
        return self.levels_of(self._modality)

    def levels_of(self, modality: Modality) -> Levels:
        """Black and white of one of the case's modalities: its window, on the scale of its brain's percentiles."""
        if self._case is None or modality not in self._case.images:
            return 0.0, 1.0
        if modality not in self._brain_levels:
            self._brain_levels[modality] = brain_levels(self._case.images[modality].data)
        black, white = self._brain_levels[modality]
        low, high = self._windows.get(modality, _FULL_WINDOW)
        return black + low * (white - black), black + high * (white - black)

    def set_levels(self, levels: Levels) -> None:
        """Set black and white of the shown modality; white stays above black."""
        black, white = levels
        white = max(white, black + 1e-6 * max(1.0, abs(black)))
        if self._case and (black, white) != self.levels:
            self.levels_of(self._modality)
            darkest, brightest = self._brain_levels[self._modality]
            width = brightest - darkest
            self.set_window(((black - darkest) / width, (white - darkest) / width))

    @property
    def windows(self) -> Mapping[Modality, Levels]:
        """The window of each modality that has one of its own: 0 is the brain's 1st percentile, 1 its 99.5th.

        It stays from case to case, since the percentiles make scanners alike.
        """
        return MappingProxyType(self._windows)

    def set_window(self, window: Levels) -> None:
        """Set the shown modality's window."""
        self.set_windows({**self._windows, self._modality: window})

    def set_windows(self, windows: Mapping[Modality, Levels]) -> None:
        """Set the windows of all modalities."""
        own = {modality: window for modality, window in windows.items() if window != _FULL_WINDOW}
        if own != self._windows:
            self._windows = own
            self.levels_changed.emit()

    def reset_levels(self) -> None:
        """Go back to the levels of the brain's percentiles."""
        self.set_window(_FULL_WINDOW)

    # What is shown, on the display grid

    def image(self, modality: Modality | None = None) -> NDArray[np.float32] | None:
        """A modality's images (X, Y, Z), those shown if None; None where the case lacks it."""
        return self.volume(modality or self._modality)

    def overlay_labels(self) -> NDArray[np.uint8] | None:
        """The label map over the image (X, Y, Z), values of `Label`; None where there is none or it is off."""
        return self.labels_of(self._overlay) if self._overlay_shown else None

    # The overlay

    @property
    def layer(self) -> Layer:
        """What lies over the images: what the display asks for, or the labels where the case has not got that."""
        layer = self._display.layer
        possible = {
            Layer.OUTLINED: self._pair is not None,
            Layer.DIFFERENCE: self._pair is not None,
            Layer.UNCERTAINTY: self.entropy() is not None,
        }
        return layer if possible.get(layer, True) else Layer.LABELS

    @property
    def overlay(self) -> str:
        """The key of the label map that is shown."""
        return self._overlay

    @property
    def overlay_shown(self) -> bool:
        """Whether anything is laid over the images at all."""
        return self._overlay_shown

    @property
    def opacity(self) -> float:
        """How much the labels cover the image, in [0, 1]."""
        return self._opacity

    @property
    def visible_labels(self) -> frozenset[Label]:
        """The labels that are drawn."""
        return self._visible_labels

    @property
    def visible_regions(self) -> frozenset[Region]:
        """The regions that are drawn where labels are shown by region."""
        return self._visible_regions

    @property
    def colours(self) -> Mapping[Label, Colour]:
        """The colour of each label that is drawn: its own, or that of the smallest visible region that it is in."""
        palette = LABEL_COLOURS[self._display.palette]
        if not self._display.by_region:
            return {label: palette[label] for label in self._visible_labels}
        order = [region for region in (Region.ET, Region.TC, Region.WT) if region in self._visible_regions]
        inner = {label: next((r for r in order if label in r.labels), None) for label in Label}
        return {label: palette[REGION_LABEL[region]] for label, region in inner.items() if region}

    def set_overlay(self, key: str) -> None:
        """Show the label map of that key."""
        if key != self._overlay:
            self._overlay = key
            self.overlay_changed.emit()

    def set_overlay_shown(self, shown: bool) -> None:
        """Show or hide what lies over the images."""
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

    def set_region_visible(self, region: Region, visible: bool) -> None:
        """Draw a region or leave it out, where labels are shown by region."""
        regions = self._visible_regions | {region} if visible else self._visible_regions - {region}
        if regions != self._visible_regions:
            self._visible_regions = regions
            self.overlay_changed.emit()

    # How it is shown

    @property
    def display(self) -> Display:
        """How cases are shown."""
        return self._display

    def set_display(self, **changes: Any) -> None:
        """Change fields of `Display`."""
        display = replace(self._display, **changes)
        if display != self._display:
            self._display = display
            self.display_changed.emit()
