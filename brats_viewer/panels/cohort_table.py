"""The table of a cohort's cases: a model of what the cohort's session shows, and the view that draws it."""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from brats_viewer.cohort import VERY_LOW_DICE, Column, Entry, text, value
from brats_viewer.cohort_session import CohortSession
from brats_viewer.controls import figures_font
from brats_viewer.names import volume
from brats_viewer.theme import DARK, LIGHT, Colours
from engine.data import Region
from engine.score import LOW_DICE

COLUMNS = tuple(Column)
_AnyIndex = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_HD95_FROM_PX = 720
"""With less room the distances are left out; a tooltip has them."""
_REMARKS_FROM_PX = 460
_RISING, _FALLING = " ▴", " ▾"
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class CaseTable(QAbstractTableModel):
    """The cases that the cohort's session shows, in its order."""

    def __init__(self, cohort: CohortSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cohort = cohort
        self._entries = cohort.shown
        cohort.shown_changed.connect(self._take)
        cohort.current_changed.connect(self._mark)

    def entry(self, row: int) -> Entry:
        """The case of a row."""
        return self._entries[row]

    def row_of(self, case: str) -> int | None:
        """The row of the case of that id; None where it is not shown."""
        return next((row for row, entry in enumerate(self._entries) if entry.id == case), None)

    def rowCount(self, parent: _AnyIndex = _NOWHERE) -> int:
        """How many cases are shown."""
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: _AnyIndex = _NOWHERE) -> int:
        """How many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: _AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's words, what it holds, how it stands, and more about it."""
        entry, column = self._entries[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text(entry, column)
        if role == Qt.ItemDataRole.UserRole:
            return value(entry, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.FontRole:
            return figures_font(bold=column is Column.CASE and entry is self._cohort.current)
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(entry, column)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | Qt.AlignmentFlag | None:
        """A column's name and meaning, and how the table is sorted by it."""
        column = COLUMNS[section]
        if orientation is Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            order = self._cohort.order
            sign = (_FALLING if order.descending else _RISING) if order.column is column else ""
            return f"{column}{sign}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.meaning
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        return None

    def is_current(self, index: _AnyIndex) -> bool:
        """Whether the row is that of the open case."""
        return self._entries[index.row()] is self._cohort.current

    def _take(self) -> None:
        self.beginResetModel()
        self._entries = self._cohort.shown
        self.endResetModel()

    def _mark(self) -> None:
        if self._entries:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._entries) - 1, len(COLUMNS) - 1))


class CaseTableView(QTableView):
    """Shows the cases; a click or Return asks for one."""

    chosen = Signal(str)
    """The id of a case to be opened."""
    sorting_asked = Signal(str)
    """The `Column` whose heading was clicked."""
    selected = Signal()
    """Another row, or the same one with other content."""

    def __init__(self, table: CaseTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table = table
        self._kept: tuple[str, int] | None = None
        self.setModel(table)
        self.setItemDelegate(_Cell(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Cases of the cohort")
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 11)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setResizeContentsPrecision(0)  # the visible names decide, not a thousand
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(36)
        header.sectionClicked.connect(self._sort)
        self.clicked.connect(self._choose)
        table.modelAboutToBeReset.connect(self._keep_selected)
        table.modelReset.connect(self._select_kept)

    def selected_entry(self) -> Entry | None:
        """The case of the selected row."""
        index = self.currentIndex()
        return self._table.entry(index.row()) if index.isValid() else None

    def select_first(self) -> None:
        """Select the first case, and let the keys go to the table."""
        if self._table.rowCount():
            self.setCurrentIndex(self._table.index(0, 0))
            self.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def currentChanged(self, current: _AnyIndex, previous: _AnyIndex) -> None:
        """Say that another row is selected."""
        super().currentChanged(current, previous)
        self.selected.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Return asks for the selected case; the arrows go from case to case."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the columns their widths, and leave some out where there is too little room."""
        super().resizeEvent(event)
        self.fit_columns()

    def fit_columns(self) -> None:
        """Give numbers the room that they need, and names and remarks what is left; where it is little, only names."""
        room, letters = self.viewport().width(), self.fontMetrics()
        widths = {
            column: 14 + max(letters.horizontalAdvance(words) for words in (f"{column}{_RISING}", "0.000"))
            for column in COLUMNS[1:-1]
            if room >= _HD95_FROM_PX or not column.is_hd95
        }
        rest = room - sum(widths.values())
        if room >= _REMARKS_FROM_PX:
            widths[Column.CASE] = max(90, min(self.sizeHintForColumn(0), rest // 2))
            widths[Column.REMARK] = rest - widths[Column.CASE]
        else:
            widths[Column.CASE] = rest
        for place, column in enumerate(COLUMNS):
            self.setColumnHidden(place, column not in widths)
            self.setColumnWidth(place, widths.get(column, 0))

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self._table.entry(index.row()).id)

    def _sort(self, section: int) -> None:
        self.sorting_asked.emit(COLUMNS[section])

    def _keep_selected(self) -> None:
        entry = self.selected_entry()
        self._kept = (entry.id, self.verticalScrollBar().value()) if entry else None

    def _select_kept(self) -> None:
        """Select the case that was, wherever it is now, and do not scroll to it: rows move while scores come."""
        self.fit_columns()
        case, scrolled = self._kept or ("", 0)
        row = self._table.row_of(case)
        if row is not None:
            self.setAutoScroll(False)
            self.setCurrentIndex(self._table.index(row, 0))
            self.setAutoScroll(True)
            self.verticalScrollBar().setValue(scrolled)
        self.selected.emit()


class _Cell(QStyledItemDelegate):
    """Draws a cell; under a Dice a bar as long as it, and beside the open case's name a mark."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: _AnyIndex) -> None:
        """Cut names in their middle, since their beginnings are alike, and colour low scores and failures."""
        super().initStyleOption(option, index)
        colours = tones(option.palette)
        column, held = COLUMNS[index.column()], index.data(Qt.ItemDataRole.UserRole)
        tone = colours.text
        if column is Column.CASE:
            option.textElideMode = Qt.TextElideMode.ElideMiddle
        elif column.is_dice and held is not None:
            tone = _dice_tone(held, colours) or tone
        else:
            tone = colours.muted
        option.state &= ~QStyle.StateFlag.State_HasFocus  # the row is highlighted, so the cell needs no frame
        option.palette.setColor(QPalette.ColorRole.Text, QColor(tone))
        option.palette.setColor(QPalette.ColorRole.Highlight, QColor(colours.hover))
        option.palette.setColor(QPalette.ColorRole.HighlightedText, QColor(tone))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _AnyIndex) -> None:
        """Draw the words, then the bar or the mark."""
        super().paint(painter, option, index)
        column, held = COLUMNS[index.column()], index.data(Qt.ItemDataRole.UserRole)
        colours, cell = tones(option.palette), QRectF(option.rect)
        if column.is_dice and held is not None:
            track = QRectF(cell.left() + 8, cell.bottom() - 4, cell.width() - 12, 2)
            painter.fillRect(track, QColor(colours.border))
            track.setWidth(track.width() * held)
            painter.fillRect(track, QColor(_dice_tone(held, colours) or colours.accent))
        model = index.model()
        if column is Column.CASE and isinstance(model, CaseTable) and model.is_current(index):
            painter.fillRect(QRectF(cell.left(), cell.top() + 3, 3, cell.height() - 6), QColor(colours.accent))

    def sizeHint(self, option: QStyleOptionViewItem, index: _AnyIndex) -> QSize:
        """A little more than the words need."""
        return super().sizeHint(option, index) + QSize(10, 8)


def tones(palette: QPalette) -> Colours:
    """The colours of the look that a palette belongs to."""
    return LIGHT if palette.color(QPalette.ColorRole.Window).lightnessF() > 0.5 else DARK


def _dice_tone(held: float, colours: Colours) -> str | None:
    return colours.danger if held < VERY_LOW_DICE else colours.warning if held < LOW_DICE else None


def _alignment(column: Column) -> Qt.AlignmentFlag:
    return _LEFT if column in (Column.CASE, Column.REMARK) else _RIGHT


def _tip(entry: Entry, column: Column) -> str:
    if column is Column.REMARK:
        return entry.failure or entry.remark
    if column is Column.CASE or entry.scores is None:
        return f"{entry.id}\n{entry.files.folder}"
    regions = [region for region in Region if column.endswith(region)] or Region
    return "\n".join(_score_line(region, entry) for region in regions)


def _score_line(region: Region, entry: Entry) -> str:
    if entry.scores is None:
        return ""
    score = entry.scores[region]
    return (
        f"{region}: Dice {score.dice:.3f}, HD95 {score.hd95_mm:.1f} mm, sensitivity {score.sensitivity:.3f}, "
        f"{volume(score.prediction_ml)} predicted, {volume(score.truth_ml)} in truth"
    )
