"""The lesions of one region, as the lesion-wise scores tell them apart: what became of each, and the way to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableWidget, QTableWidgetItem

from brats_viewer.controls import figures_font, swatch_pixmap
from brats_viewer.display import DifferenceColours
from engine.score.lesions import SMALLEST_LESION_MM3, Lesion, LesionKind

_MOST_ROWS = 7
"""A longer list is scrolled."""
_GREY = (128, 128, 128)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NUMBER, _KIND, _JUDGED_ML, _REFERENCE_ML, _DICE = range(5)


@dataclass(frozen=True, slots=True)
class Words:
    """What a kind of lesion is called, and what that means."""

    name: str
    meaning: str


KINDS: Mapping[LesionKind, Words] = MappingProxyType(
    {
        LesionKind.MATCHED: Words("found", "Both masks mark something here"),
        LesionKind.MISSED: Words("missed", "Only the mask that is compared with marks it"),
        LesionKind.FALSE_POSITIVE: Words("false", "Only the mask that is judged marks it"),
        LesionKind.IGNORED: Words(
            "small", f"At most {SMALLEST_LESION_MM3:g} mm³: too small to be scored, found or not"
        ),
    }
)


class LesionTable(QTableWidget):
    """Shows lesions; a click or Return asks for the place of one."""

    place_asked = Signal(object)
    """The `Index` of a lesion's middle."""

    def __init__(self) -> None:
        super().__init__(0, 5)
        self._lesions: tuple[Lesion, ...] = ()
        self._shown: object = None
        self.setAccessibleName("Lesions")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_NUMBER, QHeaderView.ResizeMode.Fixed)
        self.setColumnWidth(_NUMBER, self.fontMetrics().horizontalAdvance("00") + 10)
        for column in (_KIND, _DICE):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.cellClicked.connect(self._ask)

    def show_lesions(
        self, lesions: tuple[Lesion, ...], judged: str, reference: str, colours: DifferenceColours
    ) -> None:
        """Show these lesions. judged, reference: titles of the two masks."""
        asked = lesions, judged, reference, colours
        if asked == self._shown:
            return
        self._shown = asked
        if lesions is not self._lesions:
            self.clearSelection()
            self.setCurrentCell(-1, -1)
        self._lesions = lesions
        self._show_headings(judged, reference)
        tones = {
            LesionKind.MATCHED: colours.found,
            LesionKind.MISSED: colours.missed,
            LesionKind.FALSE_POSITIVE: colours.false,
            LesionKind.IGNORED: _GREY,
        }
        icons = {kind: QIcon(swatch_pixmap(tone, self.devicePixelRatioF())) for kind, tone in tones.items()}
        self.setRowCount(len(lesions))
        for row, lesion in enumerate(lesions):
            self._show_lesion(row, lesion, icons[lesion.kind])
        shown = min(len(lesions), _MOST_ROWS)
        rows = shown * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows + 2)

    def _show_headings(self, judged: str, reference: str) -> None:
        for column, (title, meaning) in enumerate(
            (
                ("", "The lesions by size, the largest first"),
                ("", "What became of it"),
                (judged, f"Its volume in {judged}, ml"),
                (reference, f"Its volume in {reference}, ml"),
                ("Dice", "Dice of this lesion alone; 0 where it is missed or false"),
            )
        ):
            heading = QTableWidgetItem(title)
            heading.setToolTip(meaning)
            heading.setTextAlignment(_RIGHT)
            self.setHorizontalHeaderItem(column, heading)

    def _show_lesion(self, row: int, lesion: Lesion, icon: QIcon) -> None:
        words = KINDS[lesion.kind]
        dice = "–" if lesion.dice is None else f"{lesion.dice:.3f}"
        distance = "" if lesion.hd95_mm is None else f"\nHD95 {lesion.hd95_mm:.1f} mm"
        texts = (str(lesion.number), words.name, _ml(lesion.prediction_ml), _ml(lesion.truth_ml), dice)
        for column, text in enumerate(texts):
            cell = QTableWidgetItem(text)
            cell.setToolTip(f"{words.meaning}{distance}\nClick to go there")
            if column == _KIND:
                cell.setIcon(icon)
            else:
                cell.setFont(figures_font())
                cell.setTextAlignment(_RIGHT)
            self.setItem(row, column, cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return asks for the selected lesion's place; the arrows go from lesion to lesion."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self._ask(self.currentRow())
        else:
            super().keyPressEvent(event)

    def _ask(self, row: int) -> None:
        self.place_asked.emit(self._lesions[row].centre)


def _ml(millilitres: float) -> str:
    """A volume without its unit, aligned with others; a dash for none.

    >>> _ml(0.0), _ml(0.004), _ml(12.345)
    ('–', '<0.01', '12.35')
    """
    if millilitres == 0:
        return "–"
    return "<0.01" if millilitres < 0.005 else f"{millilitres:.2f}"


def count_line(counts: Mapping[LesionKind, int]) -> str:
    """How many lesions of each kind there are.

    >>> count_line({LesionKind.MATCHED: 2, LesionKind.MISSED: 1, LesionKind.IGNORED: 0})
    '2 found, 1 missed'
    >>> count_line({})
    'neither mask has any'
    """
    known = [f"{counts[kind]} {words.name}" for kind, words in KINDS.items() if counts.get(kind)]
    return ", ".join(known) or "neither mask has any"
