"""The few controls that the panels and pages share."""

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.job import Failure, Lane
from brats_viewer.names import stage_line, time_left_line
from brats_viewer.theme import icon

Choices = Mapping[str, tuple[str, str]]
"""Names, each with the word that a person reads and what that means."""

SWATCH_PX = 14
_PER_MILLE = 1000


class Card(QFrame):
    """A titled box in the side column; its content goes into `body`."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(14, 12, 14, 14)
        self.body.setSpacing(8)
        heading = QLabel(title)
        heading.setObjectName("card-title")
        self.body.addWidget(heading)


class Line(QLabel):
    """Text of one tone ("muted", "warning", "danger", "success" or none) that wraps, and hides while it is empty.

    A dialog, which is as wide as its contents want, gives its lines a `least_width` to wrap at.
    """

    def __init__(self, text: str = "", tone: str = "", *, least_width: int = 0) -> None:
        super().__init__()
        self.setMinimumWidth(least_width)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)  # as tall as its lines, and never stretched
        self.setSizePolicy(policy)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setProperty("tone", tone)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show `text`."""
        super().setText(text)
        if self.parentWidget() or not text:  # one without a parent would become a window
            self.setVisible(bool(text))


class Elided(QLabel):
    """One line of text that is cut where there is no room, and then has the whole as tooltip."""

    def __init__(self, text: str = "", cut: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__()
        self._text, self._cut = text, cut
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show `text`, as much of it as there is room for."""
        self._text = text
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(self.contentsRect().width(), 24)
        shown = QFontMetrics(self.font()).elidedText(self._text, self._cut, room)
        super().setText(shown)
        self.setToolTip(self._text if shown != self._text else "")


class FailureLine(QWidget):
    """Why work has no result, in one line, with the details to pass on; hidden while there is no failure.

    further: links beside that which copies the details.
    """

    def __init__(self, *further: QPushButton) -> None:
        super().__init__()
        self._line, self._details = Line(tone="danger"), ""
        self._line.setObjectName("failure")
        copy = button("Copy details", "link", "Copy what a developer needs to find the reason")
        copy.clicked.connect(self._copy)
        links = QHBoxLayout()
        links.setSpacing(16)
        for link in (copy, *further):
            links.addWidget(link)
        links.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._line)
        layout.addLayout(links)

    def show_failure(self, failure: Failure | None) -> None:
        """Show why work failed, or nothing."""
        self.setVisible(failure is not None)
        if failure:
            self._line.setText(failure.line)
            self._details = f"{failure.line}\n\n{failure.details}"

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._details)


class RunningLine(QWidget):
    """How far the work of one of some lanes is, and the button that stops it; hidden while nothing runs.

    stop_tip: the button's. narrow: what is said of the work stands below each other.
    """

    def __init__(self, *lanes: Lane, stop_tip: str = "", narrow: bool = False) -> None:
        super().__init__()
        self._lanes = lanes
        self._stage, self._left, self._bar = Elided(), QLabel(), QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMinimumWidth(80)
        self._left.setProperty("tone", "muted")
        self._cancel = button("Cancel", tip=stop_tip)
        self._cancel.clicked.connect(self._stop)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(10)
        layout.setColumnStretch(0, 3)
        for place, part in enumerate((self._stage, self._bar, self._left)):
            layout.addWidget(part, *((place, 0) if narrow else (0, place)))
        if narrow:
            layout.addWidget(self._cancel, 0, 1, 3, 1)
        else:
            layout.addWidget(self._cancel, 0, 3)
            layout.setColumnStretch(1, 2)
        for lane in lanes:
            lane.changed.connect(self._show)
            lane.progressed.connect(self._show)
        self.hide()

    def _show(self) -> None:
        """Show the first lane that has work as it is."""
        lane = self._running()
        self.setVisible(lane is not None)
        if lane and (progress := lane.progress):
            self._cancel.setEnabled(not lane.is_stopping)
            self._stage.setText("Stopping…" if lane.is_stopping else stage_line(progress))
            self._left.setText(time_left_line(progress))
            self._bar.setRange(0, _PER_MILLE if progress.total else 0)
            self._bar.setValue(round(progress.fraction * _PER_MILLE))

    def _running(self) -> Lane | None:
        return next((lane for lane in self._lanes if lane.is_running), None)

    def _stop(self) -> None:
        lane = self._running()
        if lane:
            lane.cancel()


class Swatch(QWidget):
    """A small square of a label's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor()
        self.setFixedSize(SWATCH_PX, SWATCH_PX)

    @property
    def colour(self) -> tuple[int, int, int]:
        """Its red, green and blue in 0-255."""
        return self._colour.red(), self._colour.green(), self._colour.blue()

    def set_colour(self, colour: tuple[int, int, int]) -> None:
        """Show another colour."""
        self._colour = QColor(*colour)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the square."""
        painter = QPainter(self)
        _draw_swatch(painter, self.rect(), self._colour)


def swatch_pixmap(colour: tuple[int, int, int], ratio: float) -> QPixmap:
    """A swatch for a table's cell, sharp on a screen of `ratio` pixels to the point."""
    pixmap = QPixmap(round(SWATCH_PX * ratio), round(SWATCH_PX * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    _draw_swatch(painter, QRect(0, 0, SWATCH_PX, SWATCH_PX), QColor(*colour))
    painter.end()
    return pixmap


def _draw_swatch(painter: QPainter, where: QRect, colour: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(where, 3, 3)


class Segments(QWidget):
    """A choice among a few words that stand side by side; the arrow keys go from one to the next.

    They share the width in proportion to their words. quiet: for what matters less than the choices around it.
    """

    chosen = Signal(str)
    """The name of the word that a person chose."""

    def __init__(self, title: str, choices: Choices, *, quiet: bool = False) -> None:
        super().__init__()
        self.setAccessibleName(title)
        kind = "quiet-segment" if quiet else "segment"
        self._meanings = {name: meaning for name, (_, meaning) in choices.items()}
        self._buttons = {name: button(word, kind, meaning) for name, (word, meaning) in choices.items()}
        group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for name, choice in self._buttons.items():
            choice.setObjectName(name)
            choice.setCheckable(True)
            choice.setAccessibleName(f"{title}: {choice.text()}")
            choice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            choice.clicked.connect(self._choose)
            group.addButton(choice)
            row.addWidget(choice, len(choice.text()) + 3)

    def show_choice(self, name: str) -> None:
        """Show which is chosen; Tab leads to it, and a click leaves the keys where they are."""
        self._buttons[name].setChecked(True)
        for other, choice in self._buttons.items():
            choice.setFocusPolicy(Qt.FocusPolicy.TabFocus if other == name else Qt.FocusPolicy.NoFocus)

    def show_hindrances(self, hindrances: Mapping[str, str]) -> None:
        """Disable the choices of these names, each with the reason as its tooltip, and no others."""
        for name, choice in self._buttons.items():
            choice.setEnabled(name not in hindrances)
            choice.setToolTip(hindrances.get(name) or self._meanings[name])

    def _choose(self) -> None:
        self.chosen.emit(self.sender().objectName())


class Figures(QWidget):
    """A small table of numbers, aligned at the right, under headings that say what they mean.

    groups: the rows that begin a group of their own.
    """

    def __init__(self, rows: Choices, columns: Choices, groups: Collection[str] = ()) -> None:
        super().__init__()
        self._rows = {name: _heading(*heading) for name, heading in rows.items()}
        self._columns = {name: _heading(*heading) for name, heading in columns.items()}
        self._cells: dict[tuple[str, str], QLabel] = {}
        grid, right = QGridLayout(self), Qt.AlignmentFlag.AlignRight
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(10)
        grid.setColumnStretch(0, 1)
        for column, heading in enumerate(self._columns.values(), start=1):
            heading.setAlignment(right)
            heading.setMinimumWidth(self.fontMetrics().horizontalAdvance("00.000"))
            grid.addWidget(heading, 0, column)
        for name, heading in self._rows.items():
            line = grid.rowCount()
            if name in groups:
                grid.setRowMinimumHeight(line, 4)
                line += 1
            grid.addWidget(heading, line, 0)
            for column, title in enumerate(self._columns, start=1):
                self._cells[name, title] = cell = QLabel()
                cell.setFont(figures_font())
                grid.addWidget(cell, line, column, right)

    def name_row(self, row: str, heading: str, meaning: str) -> None:
        """Give a row another heading and meaning."""
        self._rows[row].setText(heading)
        self._rows[row].setToolTip(meaning)

    def show_column(self, column: str, *, shown: bool) -> None:
        """Show a column, or leave it out."""
        for widget in (self._columns[column], *(cell for (_, own), cell in self._cells.items() if own == column)):
            widget.setVisible(shown)

    def figure(self, row: str, column: str) -> str:
        """What is shown at a place."""
        return self._cells[row, column].text()

    def show_figure(self, row: str, column: str, text: str, remark: str = "", tone: str = "") -> None:
        """Show a number, in one of the tones of a `Line`; the remark is its tooltip."""
        cell = self._cells[row, column]
        cell.setText(text)
        cell.setToolTip(remark)
        cell.setAccessibleName(f"{self._rows[row].text()}, {self._columns[column].text()}: {text}" if text else "")
        cell.setProperty("tone", tone)
        cell.style().polish(cell)


def _heading(text: str, meaning: str) -> QLabel:
    heading = QLabel(text)
    heading.setToolTip(meaning)
    heading.setProperty("tone", "muted")
    return heading


def figures_font(*, bold: bool = False) -> QFont:
    """The application's font with digits of one width, so that numbers below each other can be compared."""
    font = QFont()
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setBold(bold)
    return font


class Picker(QComboBox):
    """A choice among texts that stand for names; a text that has no room is cut and shown whole as tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chevron = icon("chevron-down", QPalette.ColorRole.PlaceholderText)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Offer these texts, each with the name that it stands for; a list that is open stays so if nothing changes."""
        if list(choices) == [(self.itemText(row), self.itemData(row)) for row in range(self.count())]:
            return
        self.clear()
        for text, name in choices:
            self.addItem(text, name)
            self.setItemData(self.count() - 1, text, Qt.ItemDataRole.ToolTipRole)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box, as much of the text as has room, and a chevron."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = QRect(self.rect()).adjusted(9, 0, -28, 0)
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        self._chevron.paint(painter, QRect(self.width() - 24, (self.height() - 16) // 2, 16, 16))


def button(text: str, kind: str = "", tip: str = "") -> QPushButton:
    """A push button of a kind that the style knows: "primary", "link", "row", "segment", "quiet-segment", or plain."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setToolTip(tip)
    if kind == "link":
        made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made
