"""Segment the open case: with what, how far it is, and why it failed."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from brats_viewer.controls import Card, Elided, FailureLine, Line, Picker, RunningLine, button
from brats_viewer.remote import AUTO_DEVICE, TTA_TITLES
from brats_viewer.session import Session


class SegmentPanel(Card):
    """The card that starts a segmentation and follows it to its end."""

    segment_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Segment", parent)
        self._session = session
        self._model, self._device, self._tta = Picker(), Picker(), Picker()
        self._about_model, self._fit = Elided(), Line(tone="warning")
        self._about_model.setProperty("tone", "muted")
        self._segment = button("Segment", "primary", "Predict the tumour's labels (Ctrl+Return)")
        self._running = RunningLine(session.segmenting, stop_tip="Stop segmenting (Ctrl+.)", narrow=True)
        self._retry = button("Try again", "link")
        self._failed = FailureLine(self._retry)
        self._lay_out()
        for picker in (self._model, self._device, self._tta):
            picker.activated.connect(self._choose)
        self._segment.clicked.connect(self.segment_asked)
        self._retry.clicked.connect(session.survey)
        session.engine_surveyed.connect(self._fill)
        for changed in (
            session.case_changed,
            session.opening.changed,
            session.plan_changed,
            session.segmenting.changed,
            session.surveying.changed,
        ):
            changed.connect(self._show)
        self._fill()

    def _lay_out(self) -> None:
        form = QGridLayout()
        form.setSpacing(8)
        form.setColumnStretch(1, 1)
        for row, (name, picker) in enumerate((("Model", self._model), ("Device", self._device), ("TTA", self._tta))):
            form.addWidget(QLabel(name), row, 0)
            form.addWidget(picker, row, 1)
        self._tta.setToolTip(
            "Test-time augmentation: the mean of several passes is better, and takes as many times longer"
        )
        self.body.addLayout(form)
        for widget in (self._about_model, self._fit, self._segment, self._running, self._failed):
            self.body.addWidget(widget)

    def _fill(self) -> None:
        """Offer the models and devices that there are."""
        models = [(model.title, model.name) for model in self._session.models]
        devices = [(device.title, device.name) for device in self._session.devices]
        self._model.offer(models)
        self._device.offer([("Automatic: the fastest", AUTO_DEVICE), *devices] if devices else [])
        self._tta.offer([(title, name) for name, title in TTA_TITLES.items()])
        self._show()

    def _choose(self) -> None:
        self._session.set_plan(self._model.currentData(), self._device.currentData(), self._tta.currentData())

    def _show(self) -> None:
        session, plan, model = self._session, self._session.plan, self._session.model
        running, surveying = session.segmenting.is_running, session.surveying.is_running
        for picker, chosen in ((self._model, plan.model), (self._device, plan.device), (self._tta, plan.tta)):
            picker.setCurrentIndex(picker.findData(chosen))
            picker.setEnabled(picker.count() > 0 and not running)
        self._about_model.setText(model.description if model else "")
        self._model.setToolTip("\n\n".join((model.description, *model.limits)) if model else "")
        self._fit.setText(self._what_is_missing())
        self._segment.setVisible(not running)
        self._segment.setEnabled(session.can_segment)
        self._segment.setText("Starting the engine…" if surveying else "Segment")
        self._failed.show_failure(session.segmenting.failure or session.surveying.failure)
        self._retry.setVisible(session.surveying.failure is not None)

    def _what_is_missing(self) -> str:
        session = self._session
        if session.case is None or session.model is None:
            no_model = bool(session.devices) and not session.models
            return "No model is installed" if no_model else ""
        absent = [modality for modality in session.model.modalities if modality not in session.case.images]
        needed = [m.display_name for m in absent if m not in session.model.optional]
        if needed:
            return f"This model needs {', '.join(needed)}, which this case does not have"
        names = ", ".join(modality.display_name for modality in absent)
        return f"Without {names} the mask may be worse" if names else ""
