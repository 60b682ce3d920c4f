"""How two masks of the case compare: by the measures of BraTS, lesion by lesion, and where they differ."""

from dataclasses import fields

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from brats_viewer.controls import Card, Choices, FailureLine, Figures, Line, Picker, Segments, button
from brats_viewer.display import DIFFERENCE_COLOURS
from brats_viewer.panels.legend import REGION_CHOICES
from brats_viewer.panels.lesion_table import KINDS, LesionTable, count_line
from brats_viewer.session import Session
from engine.data import Region
from engine.score import Comparison
from engine.score.lesions import ABSENT_LESION_HD95_MM, SMALLEST_LESION_MM3
from engine.score.surface import ABSENT_HD95_MM

_TITLE_PX = 96
"""As much of a mask's title as stands in front of its volumes."""
_PICKER_PX = 80


class ComparisonPanel(Card):
    """The card of two masks; hidden while there are fewer."""

    open_labels_asked = Signal()
    """The person wants to choose another mask's file."""
    place_asked = Signal(object)
    """The `Index` of a lesion's middle."""
    worst_asked = Signal()
    error_asked = Signal()
    largest_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Comparison", parent)
        self._session = session
        self._judged, self._reference = Picker(), Picker()
        self._open = button("Open another mask…", "link", "A second reader's or a model's, from a file (Ctrl+Shift+M)")
        self._running, self._failed = QLabel("Comparing…"), FailureLine()
        self._running.setProperty("tone", "muted")
        self._figures = Figures(_MEASURES, REGION_CHOICES, groups=(_JUDGED_ML, _LESION_DICE))
        self._region = Segments("Region", REGION_CHOICES, quiet=True)
        self._links = tuple(button(text, "link", tip) for text, tip in _LINKS)
        self._count, self._lesions = Line(tone="muted"), LesionTable()
        self._outcome = QWidget()
        self._lay_out()
        self._follow()
        self._show_pair()

    def _lay_out(self) -> None:
        pair, opening, region, links = QHBoxLayout(), QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        pair.addWidget(self._judged, 1)
        pair.addWidget(QLabel("with"))
        pair.addWidget(self._reference, 1)
        opening.addWidget(self._open)
        opening.addStretch(1)
        opening.addWidget(self._running)
        region.setSpacing(12)
        region.addWidget(QLabel("Region"))
        region.addWidget(self._region, 1)
        links.setSpacing(4)
        for link in self._links:
            links.addWidget(link)
        links.insertStretch(1)
        links.insertStretch(3)
        outcome = QVBoxLayout(self._outcome)
        outcome.setContentsMargins(0, 0, 0, 0)
        outcome.setSpacing(8)
        outcome.addWidget(self._figures)
        outcome.addLayout(region)
        outcome.addLayout(links)
        outcome.addWidget(self._count)
        outcome.addWidget(self._lesions)
        self.body.addLayout(pair)
        self.body.addLayout(opening)
        self.body.addWidget(self._failed)
        self.body.addWidget(self._outcome)

    def _follow(self) -> None:
        session = self._session
        for picker in (self._judged, self._reference):
            picker.setMinimumWidth(_PICKER_PX)
        self._judged.setAccessibleName("Mask that is judged")
        self._reference.setAccessibleName("Mask that it is compared with")
        self._judged.activated.connect(lambda: self._choose(other=self._reference))
        self._reference.activated.connect(lambda: self._choose(other=self._judged))
        self._open.clicked.connect(self.open_labels_asked)
        self._region.chosen.connect(lambda name: session.set_display(region=Region(name)))
        for link, asked in zip(self._links, (self.worst_asked, self.error_asked, self.largest_asked), strict=True):
            link.clicked.connect(asked)
        self._lesions.place_asked.connect(self.place_asked)
        session.readings_changed.connect(self._show_pair)
        for changed in (session.comparison_changed, session.scoring.changed):
            changed.connect(self._show)
        session.display_changed.connect(self._show_region)

    def _choose(self, other: Picker) -> None:
        """Compare what is chosen; if that is what `other` has, the two change places."""
        judged, reference = self._session.pair or ("", "")
        if self._judged.currentData() == self._reference.currentData():
            other.setCurrentIndex(other.findData(reference if other is self._judged else judged))
        self._session.set_pair(self._judged.currentData(), self._reference.currentData())

    def _show_pair(self) -> None:
        session = self._session
        self.setVisible(session.pair is not None)
        choices = [(reading.title, reading.key) for reading in session.readings]
        for picker, key in zip((self._judged, self._reference), session.pair or (), strict=False):
            picker.offer(choices)
            picker.setCurrentIndex(picker.findData(key))
        self._judged.setToolTip(f"Judged: {self._judged.currentText()}")
        self._reference.setToolTip(f"Compared with: {self._reference.currentText()}")
        self._show()

    def _show(self) -> None:
        lane = self._session.scoring
        self._running.setVisible(lane.is_running)
        self._failed.show_failure(lane.failure)
        self._outcome.setVisible(lane.failure is None)
        self._show_figures()
        self._show_region()

    def _show_figures(self) -> None:
        comparison, titles = self._session.comparison, (self._judged.currentText(), self._reference.currentText())
        for row, title in zip((_JUDGED_ML, _REFERENCE_ML), titles, strict=True):
            cut = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, _TITLE_PX)
            self._figures.name_row(row, f"{cut}, ml", f"Volume of the region in {title}")
        for region in Region:
            figures = figures_of(comparison, region) if comparison else {}
            remark, tone = absence(comparison, region, *titles) if comparison else ("", "")
            for row in _MEASURES:
                self._figures.show_figure(row, region, figures.get(row, ""), remark, tone)

    def _show_region(self) -> None:
        display, comparison = self._session.display, self._session.comparison
        self._region.show_choice(display.region)
        for link in self._links:
            link.setEnabled(comparison is not None)
        self._count.setVisible(comparison is not None)
        lesions = comparison.lesions[display.region] if comparison else None
        self._lesions.setVisible(lesions is not None and bool(lesions.lesions))
        if lesions:
            counts = count_line({kind: lesions.count(kind) for kind in KINDS})
            self._count.setText(f"Lesions of {display.region}: {counts}")
            titles = self._judged.currentText(), self._reference.currentText()
            self._lesions.show_lesions(lesions.lesions, *titles, DIFFERENCE_COLOURS[display.palette])


_DICE, _HD95, _SENSITIVITY, _SPECIFICITY = "dice", "hd95_mm", "sensitivity", "specificity"
_JUDGED_ML, _REFERENCE_ML = "prediction_ml", "truth_ml"
_LESION_DICE, _LESION_HD95 = "lesion dice", "lesion hd95"
_MEASURES: Choices = {
    _DICE: (
        "Dice",
        "Overlap: twice the volume that both mark, over the sum of their volumes; 1 is perfect.\n"
        "Marked by neither: 1; by only one: 0.",
    ),
    _HD95: (
        "HD95, mm",
        "95th percentile Hausdorff distance: 95 % of either surface lies within it of the other; 0 is perfect.\n"
        f"Marked by neither: 0; by only one: {ABSENT_HD95_MM:.1f}, as BraTS has it.",
    ),
    _SENSITIVITY: (
        "Sensitivity",
        "Of the voxels of the mask that is compared with, the part that the judged one marks, too.\n"
        "Marked by neither: 1; by only one: 0.",
    ),
    _SPECIFICITY: (
        "Specificity",
        "Of the image's voxels outside of the mask that is compared with, the part that the judged one leaves alone.\n"
        "Most of an image is far from any tumour, so it is always close to 1.",
    ),
    _JUDGED_ML: ("", ""),
    _REFERENCE_ML: ("", ""),
    _LESION_DICE: (
        "Lesion-wise Dice",
        "Mean of the lesions' Dice, as in BraTS 2023: a missed or false lesion counts 0, however small it is beside\n"
        f"the others; one of at most {SMALLEST_LESION_MM3:g} mm³ in the mask that is compared with does not count.\n"
        "No lesion that counts: 1.",
    ),
    _LESION_HD95: (
        "Lesion-wise HD95",
        "Mean of the lesions' HD95 in mm, as in BraTS 2023, which takes it between smooth surfaces:\n"
        f"a missed or false lesion counts {ABSENT_LESION_HD95_MM:g} mm. No lesion that counts: 0.",
    ),
}
_LINKS = (
    ("Worst slice", "The slice of the active plane with the region's lowest Dice (W)"),
    ("Next error", "The next slice of the active plane where the two differ in the region (N)"),
    ("Largest slice", "The slice of the active plane with most of the region (B)"),
)


def figures_of(comparison: Comparison, region: Region) -> dict[str, str]:
    """The text of each measure of a region."""
    score, lesions = comparison.scores[region], comparison.lesions[region]
    values = {field.name: getattr(score, field.name) for field in fields(score)}
    values |= {_LESION_DICE: lesions.dice, _LESION_HD95: lesions.hd95_mm}
    return {name: "–" if value is None else f"{value:.{_DIGITS[name]}f}" for name, value in values.items()}


def absence(comparison: Comparison, region: Region, judged: str, reference: str) -> tuple[str, str]:
    """What to know of a region's numbers where a mask has none of it, and its tone; empty where both have some."""
    score, name = comparison.scores[region], region.display_name
    if score.prediction_ml and score.truth_ml:
        return "", ""
    if score.prediction_ml or score.truth_ml:
        only = judged if score.prediction_ml else reference
        return f"Only {only} marks {name}: these are the numbers that BraTS gives then", "warning"
    return f"Neither marks {name}, which counts as perfect", "muted"


_DIGITS = {
    _DICE: 3,
    _HD95: 1,
    _SENSITIVITY: 3,
    _SPECIFICITY: 4,
    _JUDGED_ML: 2,
    _REFERENCE_ML: 2,
    _LESION_DICE: 3,
    _LESION_HD95: 1,
}
