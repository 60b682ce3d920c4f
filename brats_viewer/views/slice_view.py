"""One plane through the open case: drawn from the document at every paint, steered by mouse and keys.

A view keeps no picture and no array: what the document holds is what is drawn, and a case that is closed is free.
"""

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.display import Crosshair, Mouse, Plane
from brats_viewer.document import Document, Levels
from brats_viewer.habits import described, slice_habits
from brats_viewer.views.annotations import (
    FAINT_TEXT,
    TEXT,
    draw_corner,
    draw_crosshair,
    draw_focus,
    draw_letters,
    draw_scale_bar,
    position_lines,
)
from brats_viewer.views.geometry import Camera, Point, SliceGeometry, slice_geometry
from brats_viewer.views.pane import Pane
from brats_viewer.views.slice_image import dragged_levels, draw_slice

WHEEL_STEP = 120
"""Eighths of a degree in one notch of a mouse wheel."""
ZOOM_PER_NOTCH = 1.2
ZOOM_DRAG_PX = 200.0
"""A drag this long enlarges e-fold."""
LARGE_STEP = 5

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
"""Voxels to the right and down that an arrow key moves."""


@dataclass(frozen=True, slots=True)
class _Drag:
    """What a mouse button took hold of, as it was when the button went down."""

    button: Qt.MouseButton
    zooms: bool
    start: QPointF
    latest: QPointF
    camera: Camera
    levels: Levels


class SliceView(QWidget):
    """A plane of the document's case with labels, crosshair and orientation; asks for what it may not decide."""

    zoom_requested = Signal(float, object)
    """A person wants to enlarge by this factor, and the place of the grid (`Point`) to stay where it is."""
    centre_requested = Signal(object)
    """A person dragged this place of the grid (`Point`) into the middle."""
    maximise_requested = Signal()
    """A person wants this view to take all the room, or to give it back."""
    resized = Signal()

    def __init__(self, document: Document, pane: Pane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._pane = pane
        self._plane = plane = pane.plane
        self._camera: Camera | None = None
        self._drag: _Drag | None = None
        self._wheel = 0
        self.setObjectName(f"{plane}_view")
        self.setAccessibleName(f"{plane.display_name} view")
        self._describe()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        document.case_changed.connect(self._end_drag)
        document.modality_changed.connect(self._end_drag)
        document.display_changed.connect(self._describe)
        for changed in (
            document.case_changed,
            document.readings_changed,
            document.cursor_changed,
            document.modality_changed,
            document.levels_changed,
            document.overlay_changed,
            document.display_changed,
        ):
            changed.connect(self.update)

    def _describe(self) -> None:
        self.setAccessibleDescription(described(slice_habits(self._document.display.mouse)))

    @property
    def plane(self) -> Plane:
        """The plane shown."""
        return self._plane

    @property
    def pane(self) -> Pane:
        """What this view shows."""
        return self._pane

    @property
    def geometry_shown(self) -> SliceGeometry | None:
        """How the case's display grid lies in this view; None where no case is open."""
        orientation = self._document.orientation
        return slice_geometry(orientation.canonical, self._plane, self._radiological) if orientation else None

    @property
    def _radiological(self) -> bool:
        return self._document.display.radiological

    @property
    def camera(self) -> Camera | None:
        """Where this view looks; None where there is nothing to look at."""
        return self._camera

    def set_camera(self, camera: Camera | None) -> None:
        """Look at another place or from another distance; None where there is nothing to look at."""
        self._camera = camera
        self.update()

    # Between the grid and this widget's pixels

    def point_at(self, position: QPointF) -> Point | None:
        """The place of the display grid at a widget's position, in the slice shown; None where no case is open."""
        geometry, camera = self.geometry_shown, self._camera
        if geometry is None or camera is None:
            return None
        corner = self._picture_area(geometry, camera).topLeft()
        x_mm, y_mm = ((position - corner) / camera.pixels_per_mm).toTuple()
        return geometry.to_grid(x_mm, y_mm, self._document.cursor)

    def position_of(self, point: Point) -> QPointF | None:
        """Where in this widget a place of the display grid appears; None where no case is open."""
        geometry, camera = self.geometry_shown, self._camera
        if geometry is None or camera is None:
            return None
        return self._picture_area(geometry, camera).topLeft() + _offset(geometry, camera, point)

    def _picture_area(self, geometry: SliceGeometry, camera: Camera) -> QRectF:
        middle = QPointF(self.width() / 2, self.height() / 2)
        width, height = geometry.size_mm
        corner = middle - _offset(geometry, camera, camera.centre)
        return QRectF(corner.x(), corner.y(), width * camera.pixels_per_mm, height * camera.pixels_per_mm)

    # Drawing

    def sizeHint(self) -> QSize:
        """A size that suits a brain."""
        return QSize(400, 400)

    def minimumSizeHint(self) -> QSize:
        """The smallest size at which a slice can be told."""
        return QSize(110, 90)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the slice under the cursor, its labels, and what says where it is."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        geometry, camera = self.geometry_shown, self._camera
        if geometry is not None and camera is not None:
            draw_slice(painter, self._picture_area(geometry, camera), self._document, geometry, self._pane)
            self._draw_annotations(painter, geometry, self._picture_area(geometry, camera), camera)
        if self.hasFocus():
            draw_focus(painter, QRectF(self.rect()))
        painter.end()

    def _draw_annotations(self, painter: QPainter, geometry: SliceGeometry, area: QRectF, camera: Camera) -> None:
        document, display = self._document, self._document.display
        whole, font = QRectF(self.rect()), self.font()
        if display.crosshair is not Crosshair.NONE:
            cursor = area.topLeft() + _offset(geometry, camera, document.cursor)
            draw_crosshair(painter, whole, cursor, 3 if display.crosshair is Crosshair.THICK else 1)
        top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        draw_letters(painter, font, whole, geometry.letters)
        draw_corner(painter, font, whole, top | left, position_lines(document, geometry))
        title = self._pane.title_in(document)
        name = (self._pane.modality or document.modality).display_name
        draw_corner(painter, font, whole, top | right, [(title, TEXT), (name, FAINT_TEXT)] if title else [(name, TEXT)])
        if self._plane is not Plane.SAGITTAL:
            side = "Radiological" if display.radiological else "Neurological"
            draw_corner(painter, font, whole, bottom | left, [(side, FAINT_TEXT)])
        if self._drag and self._drag.button is Qt.MouseButton.RightButton and not self._drag.zooms:
            black, white = document.levels
            line = f"W {white - black:.4g}   C {(black + white) / 2:.4g}"
            draw_corner(painter, font, whole, bottom | right, [(line, TEXT)])
        elif display.scale_bar:
            draw_scale_bar(painter, font, whole, camera.pixels_per_mm)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        """Tell who fits the views."""
        self.resized.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show that the keys go here, and make this the plane and the image that they are about."""
        if event.reason() is not Qt.FocusReason.ActiveWindowFocusReason:
            self._document.set_plane(self._plane)
            if self._pane.modality:
                self._document.set_modality(self._pane.modality)
        self.update()

    def focusOutEvent(self, _event: QFocusEvent) -> None:
        """Show that the keys go elsewhere."""
        self.update()

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to move the crosshair (left), to pan (middle) or to set the levels (right)."""
        geometry, camera = self.geometry_shown, self._camera
        if self._drag or geometry is None or camera is None:
            return
        inside = self._picture_area(geometry, camera).contains(event.position())
        if event.button() is Qt.MouseButton.LeftButton and not inside:
            return
        with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        zooms = with_ctrl is not (self._document.display.mouse is Mouse.ZOOM)
        start = event.position()
        self._drag = _Drag(event.button(), zooms, start, start, camera, self._document.levels)
        if event.button() is Qt.MouseButton.MiddleButton:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() is Qt.MouseButton.LeftButton:
            self._set_cursor_at(event.position())
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the button began."""
        self._drag_to(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the button began."""
        if self._drag and event.button() is self._drag.button:
            self._end_drag()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for all the room; with the other buttons, it is a quick second drag that begins."""
        if event.button() is not Qt.MouseButton.LeftButton:
            self.mousePressEvent(event)
        elif self._camera is not None:
            self.maximise_requested.emit()

    def _drag_to(self, position: QPointF) -> None:
        drag, geometry = self._drag, self.geometry_shown
        if drag is None or geometry is None:
            return
        moved = position - drag.start
        if drag.button is Qt.MouseButton.LeftButton:
            self._set_cursor_at(position)
        elif drag.button is Qt.MouseButton.RightButton and drag.zooms:
            about = self.point_at(drag.start)
            if about is not None:
                self.zoom_requested.emit(math.exp((drag.latest - position).y() / ZOOM_DRAG_PX), about)
            self._drag = replace(drag, latest=position)
        elif drag.button is Qt.MouseButton.RightButton:
            self._document.set_levels(dragged_levels(drag.levels, moved.x(), moved.y()))
        elif drag.button is Qt.MouseButton.MiddleButton:
            x_mm, y_mm = geometry.to_picture(drag.camera.centre)
            moved_mm = moved / drag.camera.pixels_per_mm
            centre = geometry.to_grid(x_mm - moved_mm.x(), y_mm - moved_mm.y(), drag.camera.centre)
            self.centre_requested.emit(centre)

    def _set_cursor_at(self, position: QPointF) -> None:
        point = self.point_at(position)
        if point is not None:
            i, j, k = (round(value) for value in point)
            self._document.set_cursor((i, j, k))

    def _end_drag(self) -> None:
        self._drag = None
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the slice, or zoom at the pointer with Ctrl; finer wheels add up to a notch."""
        delta = event.angleDelta().y()
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            about = self.point_at(event.position())
            if about is not None:
                self.zoom_requested.emit(ZOOM_PER_NOTCH ** (delta / WHEEL_STEP), about)
            return
        self._wheel += delta
        notches = int(self._wheel / WHEEL_STEP)
        self._wheel -= notches * WHEEL_STEP
        if notches:
            self._step(self._plane.normal, notches)

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the crosshair by a voxel or a slice; what is not meant for this view goes on to its parents."""
        geometry, key = self.geometry_shown, event.key()
        step = LARGE_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        if geometry is None:
            super().keyPressEvent(event)
        elif key in _ARROWS:
            right, down = _ARROWS[Qt.Key(key)]
            self._document.set_cursor(geometry.moved(self._document.cursor, right * step, down * step))
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self._step(self._plane.normal, step if key == Qt.Key.Key_PageUp else -step)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_requested.emit(ZOOM_PER_NOTCH, self._document.cursor)
        elif key == Qt.Key.Key_Minus:
            self.zoom_requested.emit(1 / ZOOM_PER_NOTCH, self._document.cursor)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.maximise_requested.emit()
        else:
            super().keyPressEvent(event)

    def _step(self, axis: int, voxels: int) -> None:
        index = list(self._document.cursor)
        index[axis] += voxels
        self._document.set_cursor((index[0], index[1], index[2]))


def _offset(geometry: SliceGeometry, camera: Camera, point: Point) -> QPointF:
    """Pixels from the picture's top left corner to a place of the display grid."""
    return QPointF(*geometry.to_picture(point)) * camera.pixels_per_mm
