"""The commands about how the case is shown and compared: what each does, and whether it can be done now."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QWidget

from brats_viewer.commands import COMMANDS, modality_command
from brats_viewer.display import Crosshair, Layer, Layout, Plane
from brats_viewer.readings import Index, slice_centre
from brats_viewer.session import Session
from brats_viewer.views import SliceGrid
from engine.data import Modality
from engine.data.box import NOTHING, bounding_box
from engine.score import SliceScores

OPACITY_STEP = 0.1
WINDOWS = {
    "usual_window": (0.0, 1.0),
    "narrow_window": (0.2, 0.75),
    "wide_window": (-0.15, 1.4),
    "bright_window": (0.35, 1.25),
}
"""On the scale of `Document.windows`."""
_UNCERTAIN_VOXELS = 5
"""The most uncertain place is the middle of the most uncertain cube of this edge: single voxels of one bit abound."""
_OF_THE_WINDOW = ("look", "mouse")
"""Fields of the display that may be set without a case."""
_UNSURE_BITS = 0.5
"""Where there is as much as this, places with less are not looked at: to look at all takes long."""
_OF_A_CASE = ("plane", "reset", "crosshair", "less_opacity", "more_opacity", *WINDOWS)


class ViewCommands(QObject):
    """Binds the commands of the menus View, Labels and Compare to the session."""

    def __init__(self, session: Session, views: SliceGrid, actions: Mapping[str, QAction], window: QWidget) -> None:
        super().__init__(window)
        self._session, self._views, self._actions = session, views, actions
        self._shown_before_flicker: str | None = None
        self._crosshair_shown = Crosshair.THIN
        actions["flicker"].setAutoRepeat(False)
        for command, handle in self._handlers().items():
            actions[command].triggered.connect(handle)
            actions[command].triggered.connect(self.show_state)  # a click turns the check mark over by itself
        for chosen in COMMANDS:
            if chosen.field:
                actions[chosen.id].triggered.connect(partial(self._choose, chosen.field, chosen.value))
        window.installEventFilter(self)
        for changed in (
            session.case_changed,
            session.readings_changed,
            session.prediction_changed,
            session.modality_changed,
            session.overlay_changed,
            session.display_changed,
            session.comparison_changed,
            session.levels_changed,
        ):
            changed.connect(self.show_state)
        session.case_changed.connect(self._forget_flicker)

    def _handlers(self) -> dict[str, Callable[[], object]]:
        session = self._session
        return {
            "plane": self._next_plane,
            "crosshair": self._toggle_crosshair,
            "reset": self._reset,
            "overlay": lambda: session.set_overlay_shown(not session.overlay_shown),
            "less_opacity": lambda: session.set_opacity(session.opacity - OPACITY_STEP),
            "more_opacity": lambda: session.set_opacity(session.opacity + OPACITY_STEP),
            "tumour": session.go_to_tumour,
            "uncertain": self.go_to_most_uncertain,
            "swap": self._swap,
            "flicker": self._swap,
            "worst": self.go_to_worst_slice,
            "error": self.go_to_next_error,
            "largest": self.go_to_largest_slice,
            **{modality_command(modality): partial(session.set_modality, modality) for modality in Modality},
            **{name: partial(session.set_window, window) for name, window in WINDOWS.items()},
        }

    def _choose(self, field: str, value: object) -> None:
        """Set a field of the display, or turn it over where there is no value to set."""
        current = self._shown(field)
        if field == "layer" and value is current:
            value = Layer.LABELS  # the same key again leads back
        self._session.set_display(**{field: not current if value is None else value})
        self.show_state()

    # Where to go

    def go_to_worst_slice(self) -> None:
        """Go to the slice of the active plane with the lowest Dice."""
        slices = self._slices()
        if slices and slices.worst_slice is not None:
            self._go_to(slices.worst_slice)

    def go_to_next_error(self) -> None:
        """Go to the next slice of the active plane that has a wrong voxel."""
        slices, session = self._slices(), self._session
        found = slices.next_error(session.cursor[session.plane.normal]) if slices else None
        if found is not None:
            self._go_to(found)

    def go_to_largest_slice(self) -> None:
        """Go to the slice of the active plane with most tumour in either label map."""
        slices = self._slices()
        if slices and slices.largest_slice is not None:
            self._go_to(slices.largest_slice)

    def go_to_most_uncertain(self) -> None:
        """Go to the place where the network is least sure."""
        entropy = self._session.entropy()
        if entropy is None:
            return
        box = next((b for least in (_UNSURE_BITS, 0.0) if (b := bounding_box(entropy > least)) != NOTHING), None)
        if box:
            from scipy.ndimage import uniform_filter  # takes long to load

            nearby = uniform_filter(entropy[box].astype(np.float32), _UNCERTAIN_VOXELS, mode="constant")
            place = np.unravel_index(int(nearby.argmax()), nearby.shape)
            i, j, k = (int(at) + one.start for at, one in zip(place, box, strict=True))
            self._session.set_cursor((i, j, k))

    def _slices(self) -> SliceScores | None:
        """The slices of the active plane, of the region whose difference is shown."""
        session = self._session
        return session.comparison.slices[session.plane.normal][session.display.region] if session.comparison else None

    def _go_to(self, number: int) -> None:
        """Go to a slice of the active plane, into what is wrong there, or else into what is marked."""
        session, axis = self._session, self._session.plane.normal
        judged, by = (session.labels_of(key) for key in session.pair or ("", ""))
        centre: Index | None = None
        if judged is not None and by is not None:
            region = session.display.region
            one, other = (region.mask(np.moveaxis(labels, axis, 0)[number]) for labels in (judged, by))
            centre = slice_centre(one != other, axis, number) or slice_centre(one | other, axis, number)
        if centre:
            session.set_cursor(centre)
        else:
            session.go_to_slice(number)

    # How it is shown

    def _next_plane(self) -> None:
        planes = list(Plane)
        plane = planes[(planes.index(self._session.plane) + 1) % len(planes)]
        self._session.set_plane(plane)
        self._views.focus_plane(plane)

    def _toggle_crosshair(self) -> None:
        shown = self._session.display.crosshair
        if shown is not Crosshair.NONE:
            self._crosshair_shown = shown
        self._session.set_display(crosshair=self._crosshair_shown if shown is Crosshair.NONE else Crosshair.NONE)

    def _reset(self) -> None:
        self._views.reset_view()
        self._session.set_windows({})

    def _swap(self) -> None:
        """Show the other of the two label maps that are compared."""
        session = self._session
        if session.pair:
            candidate, reference = session.pair
            session.set_overlay(reference if session.overlay == candidate else candidate)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Flicker for as long as its key is held: the press shows the other label map, the release the one before."""
        key = event if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_F else None
        if key and event.type() == QEvent.Type.ShortcutOverride and self._begins_flicker(key):
            self._shown_before_flicker = self._session.overlay
            self._swap()
            event.accept()
            return True
        released = key and event.type() == QEvent.Type.KeyRelease and not key.isAutoRepeat()
        if self._shown_before_flicker and (released or event.type() == QEvent.Type.WindowDeactivate):
            self._session.set_overlay(self._shown_before_flicker)
            self._forget_flicker()
        return super().eventFilter(watched, event)

    def _begins_flicker(self, event: QKeyEvent) -> bool:
        held = self._shown_before_flicker is not None
        return not held and not event.modifiers() and self._actions["flicker"].isEnabled()

    def _forget_flicker(self) -> None:
        self._shown_before_flicker = None

    # What can be done

    def show_state(self) -> None:
        """Check what is chosen, and enable what can be done."""
        session, action = self._session, self._actions
        here = session.case is not None
        for modality in Modality:
            show = action[modality_command(modality)]
            show.setEnabled(session.case is not None and modality in session.case.images)
            show.setChecked(here and modality is session.modality)
        for chosen in COMMANDS:
            if chosen.field:
                current = getattr(session.display, chosen.field)
                action[chosen.id].setChecked(
                    current is True if chosen.value is None else self._shown(chosen.field) is chosen.value
                )
                action[chosen.id].setEnabled(chosen.field in _OF_THE_WINDOW or (here and self._can_show(chosen.value)))
        window = session.windows.get(session.modality, WINDOWS["usual_window"])
        for name, preset in WINDOWS.items():
            action[name].setChecked(here and window == preset)
        action["crosshair"].setChecked(session.display.crosshair is not Crosshair.NONE)
        action["overlay"].setChecked(session.overlay_shown)
        action["overlay"].setEnabled(bool(session.readings))
        action["tumour"].setEnabled(session.overlay_labels() is not None)
        action["uncertain"].setEnabled(session.entropy() is not None)
        for name in ("swap", "flicker"):
            action[name].setEnabled(session.pair is not None)
        for name in ("worst", "error", "largest"):
            action[name].setEnabled(session.comparison is not None)
        for name in _OF_A_CASE:
            action[name].setEnabled(here)

    def _shown(self, field: str) -> object:
        """The value of a field of the display that is in effect: a layer that the case has not got is not."""
        return self._session.layer if field == "layer" else getattr(self._session.display, field)

    def _can_show(self, value: object) -> bool:
        if value is Layer.UNCERTAINTY:
            return self._session.entropy() is not None
        compares = value in (Layer.OUTLINED, Layer.DIFFERENCE) or value in (Layout.COMPARISON, Layout.SIDE_BY_SIDE)
        return self._session.pair is not None or not compares
