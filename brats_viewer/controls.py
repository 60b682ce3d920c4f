"""The few controls that the panels and pages share."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.theme import icon


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


class Swatch(QWidget):
    """A small square of a label's colour."""

    def __init__(self, colour: tuple[int, int, int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor(*colour)
        self.setFixedSize(14, 14)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the square."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._colour)
        painter.drawRoundedRect(self.rect(), 3, 3)


class Picker(QComboBox):
    """A choice among texts that stand for names; a text that has no room is cut and shown whole as tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chevron = icon("chevron-down", QPalette.ColorRole.PlaceholderText)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Offer these texts, each with the name that it stands for."""
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
    """A push button of a kind that the style knows: "primary", "link", "row", or plain."""
    made = QPushButton(text)
    made.setProperty("kind", kind)
    made.setToolTip(tip)
    if kind == "link":
        made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made
