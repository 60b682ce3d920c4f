"""The labels over the images: whose, which of them, and how strong."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QHBoxLayout, QLabel, QSlider, QWidget

from brats_viewer.controls import Card, Swatch, button
from brats_viewer.names import LABEL_NAMES, volume
from brats_viewer.session import LABEL_COLOURS, Overlay, Session
from engine.data import Label

_STEPS = 100


class OverlayPanel(Card):
    """The card of the label overlay."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Labels", parent)
        self._session = session
        self._sources = {Overlay.PREDICTION: button("Prediction"), Overlay.TRUTH: button("Truth")}
        self.body.addLayout(self._lay_out_sources())
        self._labels = {label: QCheckBox(LABEL_NAMES[label]) for label in LABEL_COLOURS}
        self._volumes = {label: QLabel() for label in self._labels}
        self._rows: dict[Label, QWidget] = {}
        for label in self._labels:
            self.body.addWidget(self._lay_out_label(label))
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, _STEPS)
        self._opacity.setToolTip("How much the labels cover the image (A and D)")
        self._opacity.valueChanged.connect(self._choose_opacity)
        row = QHBoxLayout()
        row.addWidget(QLabel("Opacity"))
        row.addWidget(self._opacity, 1)
        self.body.addLayout(row)
        for changed in (session.case_changed, session.prediction_changed, session.overlay_changed):
            changed.connect(self._show)
        self._show()

    def _lay_out_sources(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        group = QButtonGroup(self)
        for overlay, choice in self._sources.items():
            choice.setCheckable(True)
            choice.setObjectName(overlay)
            choice.clicked.connect(self._choose_source)
            group.addButton(choice)
            row.addWidget(choice)
        return row

    def _lay_out_label(self, label: Label) -> QWidget:
        self._rows[label] = row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        check = self._labels[label]
        check.setObjectName(label.name)
        check.clicked.connect(self._choose_label)
        line.addWidget(Swatch(LABEL_COLOURS[label]))
        line.addWidget(check, 1)
        self._volumes[label].setProperty("tone", "muted")
        line.addWidget(self._volumes[label])
        return row

    def _choose_source(self) -> None:
        self._session.set_overlay(Overlay(self.sender().objectName()))
        self._session.set_overlay_shown(True)

    def _choose_label(self) -> None:
        label = Label[self.sender().objectName()]
        self._session.set_label_visible(label, self._labels[label].isChecked())

    def _choose_opacity(self, value: int) -> None:
        self._session.set_opacity(value / _STEPS)

    def _show(self) -> None:
        session = self._session
        for overlay, choice in self._sources.items():
            there = session.label_map(overlay) is not None
            choice.setEnabled(there)
            choice.setChecked(overlay is session.overlay)
            choice.setToolTip(f"Show the {overlay} (T changes)" if there else f"There is no {overlay}")
        volumes = session.volumes_ml(session.overlay)
        for label, check in self._labels.items():
            check.setChecked(label in session.visible_labels)
            self._volumes[label].setText(volume(volumes[label]) if label in volumes else "")
        self._rows[Label.RC].setVisible(volumes.get(Label.RC, 0.0) > 0)
        self._opacity.blockSignals(True)
        self._opacity.setValue(round(session.opacity * _STEPS))
        self._opacity.blockSignals(False)
