"""Every key and what the mouse does, read from the table of commands."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from brats_viewer.commands import COMMANDS

IN_THE_VIEWS = (
    ("Left button", "Move the crosshair"),
    ("Wheel, Page up, Page down", "Change the slice"),
    ("Ctrl + wheel", "Zoom at the mouse"),
    ("Middle button", "Pan"),
    ("Right button", "Contrast sideways, brightness up and down"),
    ("Double click, Return", "Give one view all the room, or back"),
    ("Arrows", "Move the crosshair one voxel, with Shift five"),
)


class KeysDialog(QDialog):
    """Two columns: the keys of the commands, and the habits of the slice views."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keys and mouse")
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        columns = QGridLayout()
        columns.setHorizontalSpacing(40)
        columns.addLayout(_table("Anywhere", command_rows()), 0, 0, Qt.AlignmentFlag.AlignTop)
        columns.addLayout(_table("In the slice views", IN_THE_VIEWS), 0, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(columns)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)


def command_rows() -> tuple[tuple[str, str], ...]:
    """Keys and text of every command that has one."""
    native = QKeySequence.SequenceFormat.NativeText
    return tuple(
        (QKeySequence(command.keys[0]).toString(native), command.text.rstrip("…"))
        for command in COMMANDS
        if command.keys
    )


def _table(title: str, rows: tuple[tuple[str, str], ...]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(6)
    heading = QLabel(title)
    heading.setObjectName("card-title")
    grid.addWidget(heading, 0, 0, 1, 2)
    for row, (keys, meaning) in enumerate(rows, start=1):
        key = QLabel(keys)
        key.setProperty("strong", True)
        grid.addWidget(key, row, 0)
        grid.addWidget(QLabel(meaning), row, 1)
    return grid
