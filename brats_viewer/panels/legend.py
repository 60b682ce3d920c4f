"""What the colours over the images mean: of labels and regions, of a difference, of uncertainty."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from brats_viewer.controls import Choices, Elided, Line, Swatch, button
from brats_viewer.display import DIFFERENCE_COLOURS, ENTROPY_STOPS, LABEL_COLOURS, REGION_LABEL
from brats_viewer.names import LABEL_NAMES, volume
from brats_viewer.session import Session
from engine.data import Label, Region

REGION_CHOICES: Choices = {region: (str(region), region.display_name.capitalize()) for region in Region}
"""The regions by their short names, which mean the long ones."""
_LABELS = (Label.NCR, Label.ED, Label.ET, Label.RC)
_RAMP_PX = 12


class LabelLegend(QWidget):
    """The labels of the map that is shown, or its regions: the colour of each, whether it is drawn, its volume."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._labels = {label: QCheckBox(LABEL_NAMES[label]) for label in _LABELS}
        self._regions = {region: QCheckBox(f"{region.display_name.capitalize()} ({region})") for region in Region}
        self._rows: dict[Label | Region, _Row] = {}
        layout = _column(self)
        for part, check in (self._labels | self._regions).items():
            check.setObjectName(part.name)
            check.clicked.connect(self._choose_label if isinstance(part, Label) else self._choose_region)
            self._rows[part] = _Row(check)
            layout.addWidget(self._rows[part])

    def _choose_label(self) -> None:
        label = Label[self.sender().objectName()]
        self._session.set_label_visible(label, self._labels[label].isChecked())

    def _choose_region(self) -> None:
        region = Region[self.sender().objectName()]
        self._session.set_region_visible(region, self._regions[region].isChecked())

    def show_state(self) -> None:
        """Show the session as it is."""
        session, display = self._session, self._session.display
        palette, volumes = LABEL_COLOURS[display.palette], session.volumes_ml(session.overlay)
        for label, check in self._labels.items():
            check.setChecked(label in session.visible_labels)
            self._rows[label].show_part(palette[label], volumes.get(label))
            there = label is not Label.RC or volumes.get(Label.RC, 0.0) > 0
            self._rows[label].setVisible(there and not display.by_region)
        for region, check in self._regions.items():
            check.setChecked(region in session.visible_regions)
            whole = sum(volumes[label] for label in region.labels) if volumes else None
            self._rows[region].show_part(palette[REGION_LABEL[region]], whole)
            self._rows[region].setVisible(display.by_region)


class DifferenceLegend(QWidget):
    """What both of the compared label maps mark of a region, and what only one of them does."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._found, self._false, self._missed = Elided(), Elided(), Elided()
        self._rows = tuple(_Row(title) for title in (self._found, self._false, self._missed))
        layout = _column(self)
        for row in self._rows:
            layout.addWidget(row)

    def show_state(self) -> None:
        """Show the session as it is, in which two label maps are compared."""
        session, display = self._session, self._session.display
        judged, by = (session.reading(key) for key in session.pair or ("", ""))
        if judged and by:
            self._found.setText("Found: in both")
            self._false.setText(f"False: only in {judged.title}")
            self._missed.setText(f"Missed: only in {by.title}")
            palette = DIFFERENCE_COLOURS[display.palette]
            volumes = difference_ml(session, display.region) or (None, None, None)
            for row, colour, ml in zip(
                self._rows, (palette.found, palette.false, palette.missed), volumes, strict=True
            ):
                row.show_part(colour, ml)


def difference_ml(session: Session, region: Region) -> tuple[float, float, float] | None:
    """Millilitres of a region that both of the pair mark, only the judged one, only the other; None until compared."""
    if session.comparison is None or session.orientation is None:
        return None
    score = session.comparison.scores[region]
    both = int(session.comparison.slices[0][region].both.sum()) * session.orientation.canonical.voxel_ml
    return both, score.prediction_ml - both, score.truth_ml - both


class UncertaintyLegend(QWidget):
    """The colours of uncertainty, what they say, and the way to where there is most of it."""

    uncertain_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        ends = QHBoxLayout()
        for text, where in (
            ("0 bit: certain", Qt.AlignmentFlag.AlignLeft),
            ("1 bit: even odds", Qt.AlignmentFlag.AlignRight),
        ):
            end = QLabel(text)
            end.setProperty("tone", "muted")
            ends.addWidget(end, 0, where)
        meaning = Line("Entropy of the network's own probabilities. It says where to look, not how often it errs.")
        meaning.setToolTip(
            "Of the decisions ET or not, TC or not, WT or not: that of the least sure one.\n"
            "A network can be sure and wrong."
        )
        link = button("Go to the most uncertain place", "link", "Move the crosshair there (Shift+U)")
        link.clicked.connect(self.uncertain_asked)
        layout = _column(self)
        layout.addWidget(_Ramp())
        layout.addLayout(ends)
        layout.addWidget(meaning)
        layout.addWidget(link, 0, Qt.AlignmentFlag.AlignLeft)


class _Row(QWidget):
    """A line of a legend: a colour, what it stands for, how much there is."""

    def __init__(self, title: QWidget) -> None:
        super().__init__()
        self.swatch, self.volume = Swatch(), QLabel()
        self.volume.setProperty("tone", "muted")
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.swatch)
        line.addWidget(title, 1)
        line.addWidget(self.volume)

    def show_part(self, colour: tuple[int, int, int], ml: float | None) -> None:
        """Show a colour and a volume; None where it is not known."""
        self.swatch.set_colour(colour)
        self.volume.setText("" if ml is None else volume(ml))


class _Ramp(QWidget):
    """The colours of uncertainty from 0 to 1 bit."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_RAMP_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw them from left to right."""
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for bits, colour in ENTROPY_STOPS:
            gradient.setColorAt(bits, QColor(*colour))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(gradient)
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)


def _column(widget: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    return layout
