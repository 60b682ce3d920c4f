"""Every key and what the mouse does, read from the table of commands and from that of the views' habits."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.commands import COMMANDS, Group
from brats_viewer.controls import Line
from brats_viewer.display import Mouse
from brats_viewer.habits import SURFACE_HABITS, Habit, slice_habits

_SIZE = QSize(940, 760)
"""With less room its content is scrolled."""

Section = tuple[str, Sequence[Habit]]
"""A heading with what stands under it."""


class KeysDialog(QDialog):
    """The keys of the commands under their groups, and the habits of the views."""

    def __init__(self, parent: QWidget | None = None, *, mouse: Mouse = Mouse.LEVELS) -> None:
        """`mouse` says what the right button does in the slice views."""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys and mouse")
        content = QWidget()
        content.setObjectName("column")
        columns = QHBoxLayout(content)
        columns.setSpacing(32)
        for sections in halves(sections_of(mouse)):
            columns.addLayout(_column(sections), 1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        self.resize(_SIZE.boundedTo(parent.window().size() if parent else _SIZE))


def sections_of(mouse: Mouse) -> list[Section]:
    """All that there is to know: each group with the keys of its commands, then the views."""
    groups = [(group, command_rows(group)) for group in Group]
    views = [("In the slice views", slice_habits(mouse)), ("In the 3D view", SURFACE_HABITS)]
    return [*((str(group), rows) for group, rows in groups if rows), *views]


def command_rows(group: Group) -> list[Habit]:
    """The keys and the text of every command of a group that has keys."""
    native = QKeySequence.SequenceFormat.NativeText
    return [
        (", ".join(QKeySequence(key).toString(native) for key in command.keys), command.text.rstrip("…"))
        for command in COMMANDS
        if command.group is group and command.keys
    ]


def halves(sections: Sequence[Section]) -> tuple[Sequence[Section], Sequence[Section]]:
    """The sections in two columns, of which the first has as little more than half of the lines as can be.

    >>> halves([("A", [("x", "")] * 2), ("B", [("y", "")]), ("C", [("z", "")])])[1]
    [('C', [('z', '')])]
    """
    lengths = [len(rows) + 1 for _, rows in sections]
    first = next(count for count in range(len(lengths) + 1) if 2 * sum(lengths[:count]) >= sum(lengths))
    return sections[:first], sections[first:]


def _column(sections: Sequence[Section]) -> QGridLayout:
    grid, top = QGridLayout(), Qt.AlignmentFlag.AlignTop
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(1, 1)
    for title, rows in sections:
        heading = QLabel(title)
        heading.setObjectName("card-title")
        grid.addWidget(heading, grid.rowCount(), 0, 1, 2)
        for keys, meaning in rows:
            line, key = grid.rowCount(), QLabel(keys)
            key.setProperty("strong", True)
            grid.addWidget(key, line, 0, top)
            grid.addWidget(Line(f"{meaning[:1].upper()}{meaning[1:]}"), line, 1, top)
        grid.setRowMinimumHeight(grid.rowCount(), 8)
    grid.setRowStretch(grid.rowCount(), 1)
    return grid
