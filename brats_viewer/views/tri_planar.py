"""The three planes side by side: one crosshair, one place to look at, one scale."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QGridLayout, QWidget

from brats_viewer.document import Document
from brats_viewer.views.annotations import LETTER_BAND_PX
from brats_viewer.views.geometry import Camera, Plane, Point
from brats_viewer.views.slice_view import SliceView
from engine.data import foreground

GAP_PX = 2
GAP_COLOUR = QColor(44, 48, 54)
ZOOM_RANGE = (0.5, 40.0)
"""How far a person may zoom, as multiples of the scale that fits the brain."""
ALL_CELLS = (0, 0, 2, 2)
CELLS = {Plane.AXIAL: (0, 0, 2, 1), Plane.CORONAL: (0, 1, 1, 1), Plane.SAGITTAL: (1, 1, 1, 1)}
"""Row, column, and how many of each a plane takes."""

Voxel = NDArray[np.floating | np.integer]
"""A place of the display grid (3,)."""


class TriPlanarView(QWidget):
    """Axial, coronal and sagittal planes of the document's case with one centre and one number of pixels per mm.

    The scale is kept as a multiple of the one at which the brain fits into every view shown, so that a window of
    another size, or a maximised view, shows as much of the patient as before.
    """

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._views = {plane: SliceView(document, plane, self) for plane in Plane}
        self._maximised: Plane | None = None
        self._brain: tuple[Voxel, Voxel] = (np.zeros(3), np.ones(3))
        self._centre: Voxel = np.zeros(3)
        self._zoom = 1.0
        self.setAccessibleName("Slices")
        self._fill_gaps()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PX)
        for plane, view in self._views.items():
            self._grid.addWidget(view, *CELLS[plane])
            view.zoom_requested.connect(self._zoom_by)
            view.centre_requested.connect(self._look_at)
            view.maximise_requested.connect(self._toggle_maximised)
            view.resized.connect(self._show_camera)
        document.case_changed.connect(self.reset_view)
        self.reset_view()

    def _fill_gaps(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, GAP_COLOUR)
        self.setPalette(palette)
        self.setAutoFillBackground(True)

    def view(self, plane: Plane) -> SliceView:
        """The view of one plane."""
        return self._views[plane]

    @property
    def maximised_plane(self) -> Plane | None:
        """The plane that has all the room, None where all three are shown."""
        return self._maximised

    def set_maximised_plane(self, plane: Plane | None) -> None:
        """Give all the room to one plane, or show all three."""
        self._maximised = plane
        for other, view in self._views.items():
            self._grid.addWidget(view, *(ALL_CELLS if other is plane else CELLS[other]))
            view.setVisible(plane in (None, other))
        if plane:
            self._views[plane].setFocus()
        self._show_camera()

    def set_crosshair_shown(self, shown: bool) -> None:
        """Draw the crosshair in every view or leave it out."""
        for view in self._views.values():
            view.set_crosshair_shown(shown)

    def set_radiological(self, radiological: bool) -> None:
        """Put the patient's left on the right of axial and coronal views, or on the left."""
        for view in self._views.values():
            view.set_radiological(radiological)

    def reset_view(self) -> None:
        """Fit the brain into the views, as large as one scale for all of them allows."""
        self._brain = self._brain_box()
        self._centre = (self._brain[0] + self._brain[1]) / 2
        self._zoom = 1.0
        self._show_camera()

    def _brain_box(self) -> tuple[Voxel, Voxel]:
        """The first and last voxel of the image's foreground, give or take one; of the grid where that is empty."""
        image = self._document.image()
        if image is None:
            return np.zeros(3), np.ones(3)
        inside = np.argwhere(foreground(image[::2, ::2, ::2])) * 2
        if len(inside) == 0:
            return np.zeros(3), np.array(image.shape) - 1
        return inside.min(axis=0), np.minimum(inside.max(axis=0) + 1, np.array(image.shape) - 1)

    def _fitting_scale(self) -> float:
        """Pixels per mm at which the brain fits into each view that is shown."""
        scales = []
        for plane, view in self._views.items():
            geometry = view.geometry_shown
            if geometry is None or self._maximised not in (None, plane):
                continue
            extent = self._brain[1] - self._brain[0] + 1
            width, height = geometry.spacing_mm
            scales.append((view.width() - 2 * LETTER_BAND_PX) / (extent[plane.right] * width))
            scales.append((view.height() - 2 * LETTER_BAND_PX) / (extent[plane.down] * height))
        return max(float(min(scales, default=1.0)), 0.1)

    def _zoom_by(self, factor: float, about: Point) -> None:
        """Enlarge every view around a place, as far as that goes."""
        zoom = min(max(self._zoom * factor, ZOOM_RANGE[0]), ZOOM_RANGE[1])
        centre = self._camera.zoomed(zoom / self._zoom, about).centre
        self._zoom = zoom
        self._look_at(centre)

    def _look_at(self, centre: Point) -> None:
        """Put a place in the middle of every view, but never one beside the case."""
        orientation = self._document.orientation
        if orientation is not None:
            self._centre = np.clip(centre, 0, np.array(orientation.canonical.shape) - 1)
            self._show_camera()

    @property
    def _camera(self) -> Camera:
        i, j, k = (float(value) for value in self._centre)
        return Camera((i, j, k), self._fitting_scale() * self._zoom)

    def _show_camera(self) -> None:
        camera = self._camera if self._document.case else None
        for view in self._views.values():
            view.set_camera(camera)

    def _toggle_maximised(self, plane: Plane) -> None:
        self.set_maximised_plane(None if self._maximised else plane)
