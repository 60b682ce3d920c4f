"""What lies over the images: whose labels, as what, and how strong."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from brats_viewer.controls import Card, Choices, Line, Picker, Segments
from brats_viewer.display import Layer, Style
from brats_viewer.panels.legend import REGION_CHOICES, DifferenceLegend, LabelLegend, UncertaintyLegend
from brats_viewer.session import Overlay, Session
from engine.data import Region

_STEPS = 100
_BY_LABEL, _BY_REGION = "label", "region"


class OverlayPanel(Card):
    """The card of what lies over the images."""

    uncertain_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Labels", parent)
        self._session = session
        self._two, self._many = Segments("Mask shown", _TWO_MASKS), Picker()
        self._many.setAccessibleName("Mask shown")
        self._layer = Segments("Over the images", _LAYERS)
        self._hindrance = Line(tone="muted")
        self._labels, self._difference = LabelLegend(session), DifferenceLegend(session)
        self._uncertainty = UncertaintyLegend()
        self._parts = Segments("Parts", _PARTS, quiet=True)
        self._style = Segments("Style", _STYLES, quiet=True)
        self._region = Segments("Region", REGION_CHOICES, quiet=True)
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, _STEPS)
        self._opacity.setAccessibleName("Opacity")
        self._opacity.setToolTip("How much the labels cover the image (A and D)")
        self._headings: dict[QWidget, QLabel] = {}
        self._lay_out()
        self._follow()
        self._show()

    def _lay_out(self) -> None:
        for widget in (
            self._two,
            self._many,
            self._layer,
            self._hindrance,
            self._labels,
            self._difference,
            self._uncertainty,
        ):
            self.body.addWidget(widget)
        form = QGridLayout()
        form.setSpacing(8)
        form.setColumnStretch(1, 1)
        controls = (self._parts, self._style, self._region, self._opacity)
        for row, control in enumerate(controls):
            self._headings[control] = QLabel(control.accessibleName())
            form.addWidget(self._headings[control], row, 0)
            form.addWidget(control, row, 1)
        self.body.addLayout(form)

    def _follow(self) -> None:
        session = self._session
        self._two.chosen.connect(self._choose_reading)
        self._many.activated.connect(lambda: self._choose_reading(self._many.currentData()))
        self._layer.chosen.connect(self._choose_layer)
        self._parts.chosen.connect(lambda name: session.set_display(by_region=name == _BY_REGION))
        self._style.chosen.connect(lambda name: session.set_display(style=Style(name)))
        self._region.chosen.connect(lambda name: session.set_display(region=Region(name)))
        self._opacity.valueChanged.connect(lambda value: session.set_opacity(value / _STEPS))
        self._uncertainty.uncertain_asked.connect(self.uncertain_asked)
        for changed in (
            session.case_changed,
            session.readings_changed,
            session.overlay_changed,
            session.display_changed,
            session.comparison_changed,
        ):
            changed.connect(self._show)

    def _choose_reading(self, key: str) -> None:
        self._session.set_overlay(key)
        self._session.set_overlay_shown(True)

    def _choose_layer(self, name: str) -> None:
        self._session.set_display(layer=Layer(name))
        self._session.set_overlay_shown(True)

    def _show(self) -> None:
        session, layer = self._session, self._session.display.layer
        self._show_readings()
        hindrances = layer_hindrances(session)
        self._layer.show_hindrances(hindrances)
        self._layer.show_choice(layer)
        self._hindrance.setText(hindrances.get(layer) or _nothing_line(session))
        of_labels = layer in (Layer.LABELS, Layer.OUTLINED)
        self._labels.setVisible(of_labels)
        self._difference.setVisible(layer is Layer.DIFFERENCE and layer not in hindrances)
        self._uncertainty.setVisible(layer is Layer.UNCERTAINTY and layer not in hindrances)
        self._labels.show_state()
        self._difference.show_state()
        self._parts.show_choice(_BY_REGION if session.display.by_region else _BY_LABEL)
        self._style.show_choice(session.display.style)
        self._region.show_choice(session.display.region)
        for widget, fits in (
            (self._parts, of_labels),
            (self._style, layer is Layer.LABELS),
            (self._region, layer is Layer.DIFFERENCE),
        ):
            widget.setVisible(fits)
            self._headings[widget].setVisible(fits)
        self._opacity.blockSignals(True)
        self._opacity.setValue(round(session.opacity * _STEPS))
        self._opacity.blockSignals(False)

    def _show_readings(self) -> None:
        """Two words where there are no other masks than a prediction and a truth, else a list."""
        session, readings = self._session, self._session.readings
        keys = [reading.key for reading in readings]
        plain = set(keys) <= set(Overlay)
        self._two.setVisible(plain)
        self._many.setVisible(not plain)
        if plain:
            self._two.show_hindrances({key: f"There is no {key}" for key in Overlay if key not in keys})
            self._two.show_choice(session.overlay)
        else:
            self._many.offer([(reading.title, reading.key) for reading in readings])
            self._many.setCurrentIndex(self._many.findData(session.overlay))


_TWO_MASKS: Choices = {
    Overlay.PREDICTION: ("Prediction", "Show the prediction (T changes)"),
    Overlay.TRUTH: ("Truth", "Show the truth (T changes)"),
}
_LAYERS: Choices = {
    Layer.LABELS: ("Labels", "The labels of one mask (L)"),
    Layer.OUTLINED: ("+ Outline", "The labels of one mask, and the outline of the one that it is compared with (O)"),
    Layer.DIFFERENCE: ("Difference", "Where two masks agree and where they do not, of one region (M)"),
    Layer.UNCERTAINTY: ("Uncertainty", "Where the network is unsure of its prediction (U)"),
}
_PARTS: Choices = {
    _BY_LABEL: ("Labels", "Colour and hide the labels, which do not overlap (V changes)"),
    _BY_REGION: ("Regions", "Colour and hide the nested regions that BraTS scores (V changes)"),
}
_STYLES: Choices = {
    Style.FILL: ("Fill", "Fill what is marked"),
    Style.OUTLINE: ("Outline", "Draw only the border of what is marked"),
    Style.BOTH: ("Both", "Fill what is marked and draw its border"),
}


def _nothing_line(session: Session) -> str:
    """Why nothing lies over the images; empty where something does."""
    if not session.readings:
        return "No mask yet: segment the case, or open one (Ctrl+Shift+M)"
    return "" if session.overlay_shown else "Hidden: S shows it again"


def layer_hindrances(session: Session) -> dict[str, str]:
    """Why layers cannot be shown now, by their names; empty where all can."""
    hindrances: dict[str, str] = {}
    if session.pair is None:
        alone = "It takes two masks: segment the case, or open another one (Ctrl+Shift+M)"
        hindrances = {Layer.OUTLINED: alone, Layer.DIFFERENCE: alone}
    if session.entropy() is None:
        made = session.prediction is not None
        why = "The prediction came without uncertainty" if made else "Only a prediction has it: segment the case"
        hindrances[Layer.UNCERTAINTY] = why
    return hindrances
