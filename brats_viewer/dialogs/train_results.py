"""The Dice of every validation case of a finished training, the worst first."""

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.controls import Line, figures_font
from brats_viewer.training import Run
from engine.data import Region

_SIZE = QSize(560, 520)
_COLUMNS = ("Case", *(region.value for region in Region), "Average")
_MEAN = "Mean"
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class TrainResults(QDialog):
    """A table with a row for each case and their mean on top."""

    folder_asked = Signal(object)
    """The path of the run's folder, which a person wants to see."""

    def __init__(self, run: Run, table: Mapping[str, Mapping[Region, float]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Results of {run.name}")
        self.table = QTableWidget(0, len(_COLUMNS))
        for column, title in enumerate(_COLUMNS):
            heading = QTableWidgetItem(title)
            heading.setTextAlignment(_RIGHT if column else _LEFT)
            self.table.setHorizontalHeaderItem(column, heading)
        self.table.setAccessibleName("Dice of the validation cases")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        rows = result_rows(table)
        self.table.setRowCount(len(rows))
        for row, (case, values) in enumerate(rows):
            self._fill(row, case, values)
        cases = len(table)
        about = f"Dice on {cases} validation case{'' if cases == 1 else 's'}, with the model that was kept"
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        folder = buttons.addButton("Show the files", QDialogButtonBox.ButtonRole.ActionRole)
        folder.setToolTip(f"{run.table}")
        folder.setAutoDefault(False)
        folder.clicked.connect(lambda: self.folder_asked.emit(run.folder))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(Line(about, "muted"))
        layout.addWidget(self.table, 1)
        layout.addWidget(buttons)
        buttons.button(QDialogButtonBox.StandardButton.Close).setFocus()  # no row is of more interest than others
        self.resize(_SIZE.boundedTo(parent.window().size()) if parent else _SIZE)

    def _fill(self, row: int, case: str, values: tuple[float, ...]) -> None:
        for column, text in enumerate((case, *(f"{value:.3f}" for value in values))):
            item = QTableWidgetItem(text)
            item.setFont(figures_font(bold=case == _MEAN))
            item.setToolTip(case)
            if column:
                item.setTextAlignment(_RIGHT)
            self.table.setItem(row, column, item)


def result_rows(table: Mapping[str, Mapping[Region, float]]) -> list[tuple[str, tuple[float, ...]]]:
    """The mean over the cases, then each case by its average, the lowest first: Dice of ET, TC, WT and their average.

    >>> [name for name, _ in result_rows({"a": dict.fromkeys(Region, 0.9), "b": dict.fromkeys(Region, 0.2)})]
    ['Mean', 'b', 'a']
    """
    cases = {
        case: (*(dice[region] for region in Region), float(np.mean([dice[region] for region in Region])))
        for case, dice in table.items()
    }
    rows = sorted(cases.items(), key=lambda row: (row[1][-1], row[0]))
    if not rows:
        return []
    mean = tuple(float(value) for value in np.mean([values for _, values in rows], axis=0))
    return [(_MEAN, mean), *rows]
