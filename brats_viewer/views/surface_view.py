"""The tumour's surfaces in a brain of glass, turned by mouse and keys.

The surfaces are built in a thread of their own when the view is painted and they are not those of the document's case
and labels any more. The picture of them is drawn anew when the viewer moves, coarsely at once; a fine one, which takes
longer than the window may wait, is drawn in a thread when the viewer rests.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontInfo,
    QFontMetricsF,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from brats_viewer.display import Colour, Crosshair
from brats_viewer.document import Document
from brats_viewer.habits import SURFACE_HABITS, described
from brats_viewer.job import Failure, Job, Lane, as_work
from brats_viewer.views.annotations import (
    CROSSHAIR,
    FAINT_TEXT,
    LETTERS,
    MARGIN_PX,
    NOTICE,
    SHADOW,
    TEXT,
    Line,
    draw_corner,
    draw_focus,
)
from brats_viewer.views.surface_image import Layer, Material, Orbit, Projection, axis_ends, draw_surfaces
from brats_viewer.views.surfaces import Ball, Surface, Surfaces, build_surfaces
from engine.data import Case, Label, LabelMap

FRONT = Orbit()
DEG_PER_PX = 0.5
KEY_STEP_DEG, LARGE_KEY_STEP_DEG = 10.0, 45.0
WHEEL_STEP = 120
"""Eighths of a degree in one notch of a mouse wheel."""
ZOOM_PER_NOTCH = 1.2
ZOOM_RANGE = (0.5, 8.0)

GLASS = Material((215, 225, 240), opacity=0.08, rim_opacity=0.85)
"""What the brain is made of."""

STOP_WITHIN_S = 0.5
"""The building of one surface takes less."""
REST_MS = 150
"""After this long without a movement, the picture is drawn finely."""
COARSE_PX, FINE_PX = 340.0, 840.0
"""The shorter side of the picture that is drawn, at most; it is scaled smoothly to the view's size."""
FINER_THAN_SCREEN = 1.5
"""A fine picture is this much larger than its place, so that its edges are smooth."""

CURSOR_ARM_PX = 7
AXES_SHARE, AXES_PX = 0.07, (11.0, 26.0)
"""How long an axis is: this share of the view's shorter side, but within these bounds."""
HIDDEN_LETTER = -0.9
"""A letter further from the viewer than this lies behind that of the other side."""

_ARROWS = {
    Qt.Key.Key_Left: (-1.0, 0.0),
    Qt.Key.Key_Right: (1.0, 0.0),
    Qt.Key.Key_Up: (0.0, -1.0),
    Qt.Key.Key_Down: (0.0, 1.0),
}
"""Where to an arrow key moves the side of the patient that faces the viewer: to the right, and down."""


def material(label: Label, colour: Colour) -> Material:
    """What a label's surface is made of: clear on the outside, so that what it encloses shows, and solid inside."""
    match label:
        case Label.ED:
            return Material(colour, opacity=0.2, rim_opacity=0.85, lift_mm=1.0)
        case Label.ET:
            return Material(colour, opacity=0.7, rim_opacity=1.0, lift_mm=0.5)
        case Label.RC:
            return Material(colour, opacity=0.8, rim_opacity=1.0, lift_mm=0.5)
        case _:
            return Material(colour, opacity=1.0, rim_opacity=1.0)


_TOP_LEFT = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
_CENTRED = Qt.AlignmentFlag.AlignCenter


@dataclass(frozen=True, slots=True)
class _Pose:
    """From where the patient is seen, how large, and how far to the right and down; 1 is once across the brain."""

    orbit: Orbit = FRONT
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that a picture of surfaces depends on: what is seen, from where, and on how many pixels."""

    brain: Surface
    ball: Ball
    layers: tuple[Layer, ...]
    pose: _Pose
    size: QSize
    ratio: float

    def projection(self, size: QSizeF) -> Projection:
        """From world mm to a picture of `size` that holds what the view shows, `ball` of it without zoom."""
        scale = min(size.width(), size.height()) / 2 / self.ball.radius_mm * self.pose.zoom
        right, down = (way * 2 * self.ball.radius_mm * scale for way in self.pose.shift)
        middle = (size.width() / 2 + right, size.height() / 2 + down)
        return Projection(self.pose.orbit.rotation, self.ball.centre_mm, scale, middle)

    def picture(self, *, fine: bool) -> QImage:
        """What is seen, of the view's size."""
        shorter = min(self.size.width(), self.size.height())
        wanted, most = (self.ratio * FINER_THAN_SCREEN, FINE_PX) if fine else (self.ratio, COARSE_PX)
        scale = min(wanted, most / shorter)
        shape = max(round(self.size.height() * scale), 1), max(round(self.size.width() * scale), 1)
        projection = self.projection(QSizeF(shape[1], shape[0]))
        pixels = draw_surfaces(self.layers, (self.brain, GLASS), projection, shape)
        image = QImage(pixels.data, shape[1], shape[0], 4 * shape[1], QImage.Format.Format_ARGB32_Premultiplied)
        image = image.scaled(self.size * self.ratio, mode=Qt.TransformationMode.SmoothTransformation).copy()
        image.setDevicePixelRatio(self.ratio)
        return image


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The latest picture, and of what it is."""

    scene: _Scene
    image: QImage
    is_fine: bool


@dataclass(frozen=True, slots=True)
class _Drag:
    """What a mouse button took hold of, as it was when the button went down."""

    button: Qt.MouseButton
    start: QPointF
    pose: _Pose


Source = tuple[Case | None, LabelMap | None]
"""What surfaces are of."""


class SurfaceView(QWidget):
    """The document's case in three dimensions: its brain, its visible labels, and the crosshair's place among them.

    A drag turns the side that faces the viewer along with the pointer: sideways around the patient's long axis, up
    and down as far as the crown or the neck. The patient stays upright.
    """

    maximise_requested = Signal()
    """A person wants this view to take all the room, or to give it back."""
    surfaces_changed = Signal()
    """There are other surfaces to see, or none any more."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._job: Job | None = None
        self._failed = False
        self._source: Source = (None, None)
        self._surfaces: Surfaces | None = None
        self._pose = _Pose()
        self._drag: _Drag | None = None
        self._drawn: _Drawn | None = None
        self._refining = Lane("3D picture", self)
        self._to_be_refined: _Scene | None = None
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self.update)
        self.setObjectName("surface_view")
        self.setAccessibleName("3D view")
        self.setAccessibleDescription(described(SURFACE_HABITS))
        self.setToolTip(described(SURFACE_HABITS))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        document.case_changed.connect(self._forget_case)
        for changed in (
            document.prediction_changed,
            document.readings_changed,
            document.cursor_changed,
            document.overlay_changed,
            document.display_changed,
        ):
            changed.connect(self.update)
        self._refining.changed.connect(self._tell_failure)

    # What there is to see

    @property
    def surfaces(self) -> Surfaces | None:
        """The surfaces in view; None where no case is open, or its surfaces are still being built."""
        return self._surfaces

    @property
    def is_building(self) -> bool:
        """Whether surfaces are being built."""
        return self._job is not None

    def _forget_case(self) -> None:
        """Let go of the case before."""
        self._stop_building()
        self._stop_refining()
        self._source, self._surfaces, self._drawn = (None, None), None, None
        self._end_drag()
        self.reset_view()
        self.surfaces_changed.emit()
        self.update()

    def _stop_building(self) -> None:
        """Stop what is being built, and drop it."""
        if self._job:
            self._job.cancel()
            self._job = None

    def _build_if_stale(self) -> None:
        """Begin to build the surfaces of what the document shows now, if they are not those that there are."""
        document = self._document
        source = document.case, document.label_map(document.overlay)
        if all(now is before for now, before in zip(source, self._source, strict=True)):
            return
        self._stop_building()
        self._source, self._failed = source, False
        image, orientation = document.image(), document.orientation
        if image is not None and orientation is not None:
            brain = self._surfaces.brain if self._surfaces else None
            labels = document.labels_of(document.overlay)
            self._job = Job(build_surfaces(image, labels, orientation.canonical, brain), "surfaces")
            self._job.finished.connect(self._take_surfaces)
            self._job.failed.connect(self._take_failure)
            self._job.start()

    def _take_surfaces(self, surfaces: Surfaces) -> None:
        self._job, self._surfaces = None, surfaces
        self.surfaces_changed.emit()
        self.update()

    def _take_failure(self, _failure: Failure) -> None:
        self._job, self._failed = None, True
        self.update()

    def hideEvent(self, _event: QHideEvent) -> None:
        """Build nothing that is not seen: what is being built is stopped, and begun again when it is."""
        if self._job:
            job, self._source = self._job, (None, None)
            self._stop_building()
            job.wait(STOP_WITHIN_S)
        self._stop_refining()

    @property
    def _layers(self) -> list[Layer]:
        """The surfaces of the labels that are drawn."""
        if self._surfaces is None or not self._document.overlay_shown:
            return []
        colours = self._document.colours
        return [
            (surface, material(label, colours[label]))
            for label, surface in self._surfaces.labels.items()
            if label in colours
        ]

    # From where it is seen

    @property
    def orbit(self) -> Orbit:
        """From which side the patient is seen."""
        return self._pose.orbit

    def set_orbit(self, orbit: Orbit) -> None:
        """See the patient from another side."""
        self._move_to(replace(self._pose, orbit=orbit))

    def reset_view(self) -> None:
        """See the whole brain from the front."""
        self._move_to(_Pose())

    def zoom_by(self, factor: float) -> None:
        """Enlarge what is in the middle, as far as that goes."""
        zoom = min(max(self._pose.zoom * factor, ZOOM_RANGE[0]), ZOOM_RANGE[1])
        self._move_to(replace(self._pose, zoom=zoom))

    @property
    def is_moving(self) -> bool:
        """Whether the viewer has just moved, so that the picture stays a coarse one."""
        return self._rest.isActive()

    @property
    def is_fine(self) -> bool:
        """Whether the latest picture is a fine one."""
        return self._drawn is not None and self._drawn.is_fine

    def _move_to(self, pose: _Pose) -> None:
        if pose != self._pose:
            self._pose = pose
            self._rest.start()
            self.update()

    # Drawing

    def sizeHint(self) -> QSize:
        """A size that suits a brain."""
        return QSize(400, 400)

    def minimumSizeHint(self) -> QSize:
        """The smallest size at which a tumour can be told."""
        return QSize(110, 90)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the surfaces, the crosshair's place among them, and the sides of the patient."""
        self._build_if_stale()
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        scene = self._scene
        if scene:
            painter.drawImage(QPointF(), self._picture(scene))
            self._draw_cursor(painter, scene.projection(QSizeF(scene.size)))
            self._draw_axes(painter)
        if self._document.case:
            draw_corner(painter, self.font(), QRectF(self.rect()), _TOP_LEFT, self.lines)
        if self.hasFocus():
            draw_focus(painter, QRectF(self.rect()))
        painter.end()

    @property
    def lines(self) -> list[Line]:
        """What is written in the corner: the view's name, and why there is less to see than one may expect."""
        lines = [("3D", TEXT)]
        if self._failed or self._refining.failure:
            lines.append(("Surfaces failed; see the log", NOTICE))
        elif self._surfaces is None:
            lines.append(("Building surfaces…", FAINT_TEXT))
        elif not self._layers:
            lines.append(("No labels to show", FAINT_TEXT))
        return lines

    @property
    def _scene(self) -> _Scene | None:
        """What is seen now; None where there is nothing."""
        surfaces = self._surfaces
        if surfaces is None or surfaces.ball is None:
            return None
        return _Scene(
            surfaces.brain, surfaces.ball, tuple(self._layers), self._pose, self.size(), self.devicePixelRatioF()
        )

    def _picture(self, scene: _Scene) -> QImage:
        """The latest picture if it is of this scene, or else a coarse one; at rest, a fine one is begun."""
        if self._drawn is None or self._drawn.scene != scene:
            self._drawn = _Drawn(scene, scene.picture(fine=False), is_fine=False)
        if not self._drawn.is_fine and not self.is_moving and self._to_be_refined != scene:
            self._to_be_refined = scene
            self._refining.start(as_work("3D picture", scene.picture, fine=True), partial(self._take_fine, scene))
        return self._drawn.image

    def _take_fine(self, scene: _Scene, image: QImage) -> None:
        self._to_be_refined = None
        if self._drawn and self._drawn.scene == scene:
            self._drawn = _Drawn(scene, image, is_fine=True)
            self.update()

    def _tell_failure(self) -> None:
        if self._refining.failure:
            self.update()

    def _stop_refining(self) -> None:
        self._refining.clear()
        self._to_be_refined = None

    def _draw_cursor(self, painter: QPainter, projection: Projection) -> None:
        """A small cross at the crosshair's place, whatever lies before it."""
        if self._document.display.crosshair is Crosshair.NONE:
            return
        x, y, _ = projection.to_screen(np.array([self._document.cursor_mm], dtype=np.float32))[:, 0]
        width = 3 if self._document.display.crosshair is Crosshair.THICK else 1
        left, top = round(float(x) - width / 2), round(float(y) - width / 2)
        arm = CURSOR_ARM_PX
        across, along = QRectF(left - arm, top, 2 * arm + width, width), QRectF(left, top - arm, width, 2 * arm + width)
        for colour, grown in ((SHADOW, 1), (CROSSHAIR, 0)):
            for line in (across, along):
                painter.fillRect(line.adjusted(-grown, -grown, grown, grown), colour)

    def _draw_axes(self, painter: QPainter) -> None:
        """The patient's sides at the ends of three axes in the bottom left corner, the far ones faint."""
        length = min(max(AXES_SHARE * min(self.width(), self.height()), AXES_PX[0]), AXES_PX[1])
        font = QFont(self.font())
        font.setPixelSize(round(QFontInfo(font).pixelSize() * 0.92))
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        letter = QFontMetricsF(font, self).height()
        edge = MARGIN_PX + length + letter / 2
        middle = QPointF(edge, self.height() - edge)
        for end in axis_ends(self._pose.orbit):
            if end.towards < HIDDEN_LETTER:
                continue
            colour = QColor(LETTERS)
            colour.setAlphaF(0.7 + 0.3 * end.towards)
            way = QPointF(end.right, -end.up)
            painter.setPen(QPen(colour, 1.2))
            painter.drawLine(middle + way * length * 0.35, middle + way * length * 0.85)
            place = middle + way * (length + letter / 4)
            painter.drawText(
                QRectF(place.x() - letter, place.y() - letter, 2 * letter, 2 * letter), _CENTRED, end.letter
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def focusInEvent(self, _event: QFocusEvent) -> None:
        """Show that the keys go here."""
        self.update()

    def focusOutEvent(self, _event: QFocusEvent) -> None:
        """Show that the keys go elsewhere."""
        self.update()

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to turn (left) or to pan (middle)."""
        buttons = (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton)
        if self._drag is None and self._surfaces and event.button() in buttons:
            self._drag = _Drag(event.button(), event.position(), self._pose)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with what the button began."""
        drag = self._drag
        if drag is None:
            return
        right, down = (event.position() - drag.start).toTuple()
        if drag.button is Qt.MouseButton.LeftButton:
            self._move_to(replace(self._pose, orbit=drag.pose.orbit.turned(right * DEG_PER_PX, down * DEG_PER_PX)))
        else:
            x, y = drag.pose.shift
            size = min(self.width(), self.height()) * drag.pose.zoom
            self._move_to(replace(self._pose, shift=(x + right / size, y + down / size)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the button began."""
        if self._drag and event.button() is self._drag.button:
            self._end_drag()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for all the room; with the other buttons, it is a quick second drag that begins."""
        if event.button() is Qt.MouseButton.LeftButton:
            self.maximise_requested.emit()
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom."""
        event.accept()
        self.zoom_by(ZOOM_PER_NOTCH ** (event.angleDelta().y() / WHEEL_STEP))

    def _end_drag(self) -> None:
        self._drag = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn or zoom; what is not meant for this view goes on to its parents."""
        key = event.key()
        step = LARGE_KEY_STEP_DEG if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else KEY_STEP_DEG
        if key in _ARROWS:
            right, down = _ARROWS[Qt.Key(key)]
            self.set_orbit(self.orbit.turned(right * step, down * step))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(ZOOM_PER_NOTCH)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / ZOOM_PER_NOTCH)
        elif key == Qt.Key.Key_Home:
            self.reset_view()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.maximise_requested.emit()
        else:
            super().keyPressEvent(event)
