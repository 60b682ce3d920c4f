"""What the last segmentation found, how it compares with the truth where there is one, and the way to disk."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from brats_viewer.controls import Card, Line, button
from brats_viewer.names import duration, volume
from brats_viewer.session import Overlay, Session
from engine.data import Region, Segmentation

_COLUMNS = {
    "Volume": "Volume of the predicted region",
    "Dice": "Overlap of prediction and truth, from 0 to 1",
    "HD95": "95th percentile of the distance between the surfaces of prediction and truth",
}


class ResultPanel(Card):
    """The card of the prediction; hidden while there is none."""

    save_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Result", parent)
        self._session = session
        self._made, self._notes, self._scoring = Line(tone="success"), Line(tone="warning"), Line(tone="muted")
        self._made.setObjectName("result")
        self._save = button("Save mask")
        self._save.clicked.connect(self.save_asked)
        self._headings: dict[str, QLabel] = {}
        self._cells: dict[tuple[Region, str], QLabel] = {}
        self.body.addWidget(self._made)
        self.body.addLayout(self._lay_out_table())
        for widget in (self._scoring, self._notes, self._save):
            self.body.addWidget(widget)
        for changed in (
            session.case_changed,
            session.prediction_changed,
            session.scores_changed,
            session.scoring.changed,
            session.segmenting.changed,
        ):
            changed.connect(self._show)
        self._show()

    def _lay_out_table(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        right = Qt.AlignmentFlag.AlignRight
        for column, (name, meaning) in enumerate(_COLUMNS.items(), start=1):
            self._headings[name] = heading = QLabel(name)
            heading.setToolTip(meaning)
            heading.setProperty("tone", "muted")
            grid.addWidget(heading, 0, column, right)
            grid.setColumnStretch(column, 1)
        for row, region in enumerate(Region, start=1):
            title = QLabel(region)
            title.setToolTip(region.display_name.capitalize())
            title.setProperty("strong", True)
            grid.addWidget(title, row, 0)
            for column, name in enumerate(_COLUMNS, start=1):
                self._cells[region, name] = QLabel()
                grid.addWidget(self._cells[region, name], row, column, right)
        return grid

    def _show(self) -> None:
        prediction = self._session.prediction
        self.setVisible(prediction is not None and not self._session.segmenting.is_running)
        if prediction:
            self._made.setText(made_line(self._session, prediction))
            self._notes.setText("\n".join(prediction.notes))
            self._show_numbers()
            self._show_saved()

    def _show_numbers(self) -> None:
        by_label = self._session.volumes_ml(Overlay.PREDICTION)
        for region in Region:
            self._cells[region, "Volume"].setText(volume(sum(by_label[label] for label in region.labels)))
        scores, lane = self._session.scores, self._session.scoring
        for region in Region:
            self._cells[region, "Dice"].setText(f"{scores[region].dice:.3f}" if scores else "")
            self._cells[region, "HD95"].setText(f"{scores[region].hd95_mm:.1f} mm" if scores else "")
        for name in ("Dice", "HD95"):
            self._headings[name].setText(name if scores else "")
        comparing = "Comparing with the truth…" if lane.is_running else ""
        self._scoring.setText(lane.failure.line if lane.failure else comparing)

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
