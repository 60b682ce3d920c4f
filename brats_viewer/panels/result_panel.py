"""What the last segmentation found, how sure the network is of it, and the way to disk."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from brats_viewer.controls import Card, Choices, Figures, Line, button
from brats_viewer.names import duration, volume
from brats_viewer.session import Overlay, Session
from engine.data import Region, Segmentation

_VOLUME, _EXPECTED = "volume", "expected"
_ROWS: Choices = {region: (region.display_name.capitalize(), f"Region {region}") for region in Region}
_COLUMNS: Choices = {
    _VOLUME: ("Volume", "Volume of the predicted region"),
    _EXPECTED: (
        "Expected Dice",
        "The Dice that the network itself expects: what this mask would score if its probabilities were right.\n"
        "No measurement: it helps to find the doubtful cases, and a network can be sure and wrong.",
    ),
}


class ResultPanel(Card):
    """The card of the prediction; hidden while there is none."""

    save_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Result", parent)
        self._session = session
        self._made, self._notes = Line(tone="success"), Line(tone="warning")
        self._made.setObjectName("result")
        self._figures = Figures(_ROWS, _COLUMNS)
        self._save = button("Save mask")
        self._save.clicked.connect(self.save_asked)
        for widget in (self._made, self._figures, self._notes, self._save):
            self.body.addWidget(widget)
        for changed in (
            session.case_changed,
            session.prediction_changed,
            session.segmenting.changed,
            session.saving.changed,
        ):
            changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        prediction = self._session.prediction
        self.setVisible(prediction is not None and not self._session.segmenting.is_running)
        if prediction:
            self._made.setText(made_line(self._session, prediction))
            self._notes.setText("\n".join(prediction.notes))
            self._show_figures(prediction)
            self._show_saved()

    def _show_figures(self, prediction: Segmentation) -> None:
        by_label = self._session.volumes_ml(Overlay.PREDICTION)
        confidence = prediction.uncertainty.confidence if prediction.uncertainty else {}
        self._figures.show_column(_EXPECTED, shown=bool(confidence))
        for region in Region:
            self._figures.show_figure(region, _VOLUME, volume(sum(by_label[label] for label in region.labels)))
            expected = confidence.get(region)
            if expected is None:
                self._figures.show_figure(
                    region, _EXPECTED, "–", "Nothing is marked here that could be judged", "muted"
                )
            else:
                self._figures.show_figure(region, _EXPECTED, f"{expected:.2f}")

    def _show_saved(self) -> None:
        saved = None if self._session.has_unsaved_prediction else self._session.saved_path
        self._save.setEnabled(saved is None and not self._session.saving.is_running)
        self._save.setText(f"Saved as {saved.name}" if saved else "Save mask")
        self._save.setToolTip(str(saved) if saved else "Save the predicted mask (Ctrl+S)")


def made_line(session: Session, made: Segmentation) -> str:
    """How long a segmentation took, on what and by which model, in the words that the pickers have for them."""
    device = next((device.title for device in session.devices if device.name == made.device), made.device)
    model = next((model.title for model in session.models if model.name == made.model), made.model)
    return f"{duration(made.seconds)} on {device}\nby {model}"
