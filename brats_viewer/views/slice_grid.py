"""The views of a layout: one crosshair, one place to look at, one scale."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QGridLayout, QWidget

from brats_viewer.display import Layout, Plane
from brats_viewer.document import Document
from brats_viewer.views.annotations import LETTER_BAND_PX
from brats_viewer.views.geometry import Camera, Point
from brats_viewer.views.pane import Cell, cells
from brats_viewer.views.slice_view import SliceView
from brats_viewer.views.surface_view import SurfaceView
from engine.data import Modality, foreground
from engine.data.box import NOTHING, bounding_box

GAP_PX = 2
LEAST_PX = (240, 200)
"""Width and height that the table of cases beside it, or a small window, must leave."""
GAP_COLOUR = QColor(44, 48, 54)
ZOOM_RANGE = (0.5, 40.0)
"""How far a person may zoom, as multiples of the scale that fits the brain."""

Voxel = NDArray[np.floating | np.integer]
"""A place of the display grid (3,)."""
View = SliceView | SurfaceView


class SliceGrid(QWidget):
    """Slices of the document's case, and its surfaces, in the display's layout.

    The scale is one multiple of that at which the brain fits into each view, so that a small view, or a window of
    another size, shows as much of the patient as a large one.
    """

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._views: list[tuple[Cell, View]] = []
        self._laid_out: tuple[Cell, ...] = ()
        self._maximised: View | None = None
        self._brain: tuple[Voxel, Voxel] = (np.zeros(3), np.ones(3))
        self._centre: Voxel = np.zeros(3)
        self._zoom = 1.0
        self.setAccessibleName("Slices")
        self.setMinimumSize(*LEAST_PX)
        self._fill_gaps()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PX)
        document.case_changed.connect(self._show_case)
        document.display_changed.connect(self._lay_out)
        document.plane_changed.connect(self._lay_out)
        document.readings_changed.connect(self._lay_out)
        self._show_case()

    def _fill_gaps(self) -> None:
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Window, GAP_COLOUR)
        self.setPalette(palette)
        self.setAutoFillBackground(True)

    # Layout

    def _show_case(self) -> None:
        self._lay_out()
        self.reset_view()

    def _lay_out(self) -> None:
        """Make the views that the layout wants, if they are other ones than there are."""
        case, display = self._document.case, self._document.display
        here = tuple(m for m in Modality if case is None or m in case.images)
        compares = display.layout in (Layout.COMPARISON, Layout.SIDE_BY_SIDE)
        layout = Layout.PLANES if compares and self._document.pair is None else display.layout
        wanted = cells(layout, self._document.plane, here)
        if wanted == self._laid_out:
            self._show_camera()
            return
        had_focus = any(view.hasFocus() for _, view in self._views)
        if had_focus:
            self.setFocus()  # or a view that goes would hand it to one that goes next
        for _, view in self._views:
            view.hide()
            view.deleteLater()
        self._maximised, self._laid_out = None, wanted
        self._views = [(cell, self._make(cell)) for cell in wanted]
        for cell, view in self._views:
            self._grid.addWidget(view, *cell.place)
            view.show()  # at once, or it could not take the keys yet
        self._stretch()
        if had_focus:
            self._view_of_document().setFocus()
        self._show_camera()

    def _view_of_document(self) -> View:
        """The view of the document's plane and image, so that to give it the keys changes neither."""
        plane, modality = self._document.plane, self._document.modality
        fitting = (v for v in self.slice_views if v.plane is plane and v.pane.modality in (None, modality))
        return next(fitting, self.slice_views[0])

    def _make(self, cell: Cell) -> View:
        if cell.pane is None:
            surfaces = SurfaceView(self._document, self)
            surfaces.maximise_requested.connect(self._toggle_maximised)
            return surfaces
        view = SliceView(self._document, cell.pane, self)
        view.zoom_requested.connect(self._zoom_by)
        view.centre_requested.connect(self._look_at)
        view.maximise_requested.connect(self._toggle_maximised)
        view.resized.connect(self._show_camera)
        return view

    def _stretch(self) -> None:
        """Let every row and column that is taken grow alike, and the others not at all."""
        shown = [cell.place for cell, _ in self._views]
        for row in range(self._grid.rowCount()):
            taken = any(top <= row < top + rows for top, _, rows, _ in shown)
            self._grid.setRowStretch(row, int(taken))
        for column in range(self._grid.columnCount()):
            taken = any(left <= column < left + columns for _, left, _, columns in shown)
            self._grid.setColumnStretch(column, int(taken))

    @property
    def slice_views(self) -> list[SliceView]:
        """The slices of the layout, in the order of reading."""
        return [view for _, view in self._views if isinstance(view, SliceView)]

    def view(self, plane: Plane) -> SliceView:
        """The first view of a plane; raises KeyError where the layout has none."""
        for view in self.slice_views:
            if view.plane is plane:
                return view
        raise KeyError(plane)

    def focus_plane(self, plane: Plane) -> None:
        """Let the keys go to the first view of a plane, where the layout has one and they go to another."""
        views = [view for view in self.slice_views if view.plane is plane]
        if views and any(view.hasFocus() for _, view in self._views):
            views[0].setFocus()

    @property
    def surface_view(self) -> SurfaceView | None:
        """The view in three dimensions; None where the layout has none."""
        return next((view for _, view in self._views if isinstance(view, SurfaceView)), None)

    @property
    def maximised(self) -> View | None:
        """The view that has all the room; None where all are shown."""
        return self._maximised

    def set_maximised(self, chosen: View | None) -> None:
        """Give all the room to one view, or show all."""
        self._maximised = chosen
        everywhere = (0, 0, self._grid.rowCount(), self._grid.columnCount())
        for cell, view in self._views:
            self._grid.addWidget(view, *(everywhere if view is chosen else cell.place))
            view.setVisible(chosen in (None, view))
        if chosen:
            chosen.setFocus()
        self._show_camera()

    def _toggle_maximised(self) -> None:
        sender = self.sender()
        chosen = next((view for _, view in self._views if view is sender), None)
        self.set_maximised(None if self._maximised else chosen)

    # Where to look

    def reset_view(self) -> None:
        """Fit the brain into each view."""
        self._brain = self._brain_box()
        self._centre = (self._brain[0] + self._brain[1]) / 2
        self._zoom = 1.0
        if self.surface_view:
            self.surface_view.reset_view()
        self._show_camera()

    def _brain_box(self) -> tuple[Voxel, Voxel]:
        """The first and last voxel of the image's foreground, give or take one; of the grid where that is empty."""
        image = self._document.image()
        if image is None:
            return np.zeros(3), np.ones(3)
        box = bounding_box(foreground(image[::2, ::2, ::2]))
        if box == NOTHING:
            return np.zeros(3), np.array(image.shape) - 1
        first, last = np.array([[2 * ends.start, 2 * ends.stop - 1] for ends in box]).T
        return first, np.minimum(last, np.array(image.shape) - 1)

    def _fitting_scale(self, view: SliceView) -> float:
        """Pixels per mm at which the brain fits into a view."""
        geometry, plane = view.geometry_shown, view.plane
        if geometry is None:
            return 1.0
        extent = self._brain[1] - self._brain[0] + 1
        width, height = geometry.spacing_mm
        across = (view.width() - 2 * LETTER_BAND_PX) / (extent[plane.right] * width)
        along = (view.height() - 2 * LETTER_BAND_PX) / (extent[plane.down] * height)
        return max(float(min(across, along)), 0.1)

    def _zoom_by(self, factor: float, about: Point) -> None:
        """Enlarge every view around a place, as far as that goes."""
        zoom = min(max(self._zoom * factor, ZOOM_RANGE[0]), ZOOM_RANGE[1])
        centre = Camera(self._look, self._zoom).zoomed(zoom / self._zoom, about).centre
        self._zoom = zoom
        self._look_at(centre)

    def _look_at(self, centre: Point) -> None:
        """Put a place in the middle of every view, but never one beside the case."""
        orientation = self._document.orientation
        if orientation is not None:
            self._centre = np.clip(centre, 0, np.array(orientation.canonical.shape) - 1)
            self._show_camera()

    @property
    def _look(self) -> Point:
        i, j, k = (float(value) for value in self._centre)
        return i, j, k

    def _show_camera(self) -> None:
        here = self._document.case is not None
        for view in self.slice_views:
            view.set_camera(Camera(self._look, self._fitting_scale(view) * self._zoom) if here else None)
