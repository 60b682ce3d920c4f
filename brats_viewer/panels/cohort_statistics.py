"""Mean and spread of a cohort's Dice."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from brats_viewer.cohort import DICE_COLUMNS
from brats_viewer.cohort_session import CohortSession
from engine.score import Spread, cohort_table

_ROWS = {
    "Mean": "mean",
    "Std": "std",
    "25th": "percentile_25",
    "75th": "percentile_75",
}


class CohortStatistics(QWidget):
    """Mean and spread of the Dice over the cohort's scored cases, as the engine's own table has them."""

    def __init__(self, cohort: CohortSession) -> None:
        super().__init__()
        self._cohort = cohort
        self._cells: dict[tuple[str, str], QLabel] = {}
        self._count = QLabel()
        self._count.setProperty("tone", "muted")
        self._count.setObjectName("count")
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        for place, column in enumerate(DICE_COLUMNS, start=1):
            heading = QLabel(column.capitalize() if column.islower() else column)
            heading.setProperty("tone", "muted")
            grid.addWidget(heading, 0, place, Qt.AlignmentFlag.AlignRight)
            grid.setColumnStretch(place, 1)
            grid.setColumnMinimumWidth(place, self.fontMetrics().horizontalAdvance("0.000"))
        for row, (title, name) in enumerate(_ROWS.items(), start=1):
            heading = QLabel(title)
            heading.setProperty("tone", "muted")
            grid.addWidget(heading, row, 0)
            for place, column in enumerate(DICE_COLUMNS, start=1):
                self._cells[name, column] = cell = QLabel()
                cell.setProperty("strong", name == "mean")
                grid.addWidget(cell, row, place, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._count)
        layout.addLayout(grid)
        cohort.results_changed.connect(self._show)
        self._show()

    def copy(self) -> None:
        """Put the numbers on the clipboard, with tabs between them."""
        lines = ["\t".join(("", *DICE_COLUMNS))]
        lines += ["\t".join((name, *(self._cells[name, c].text() for c in DICE_COLUMNS))) for name in _ROWS.values()]
        QGuiApplication.clipboard().setText("\n".join((*lines, f"n\t{len(self._cohort.scored)}", "")))

    def _show(self) -> None:
        scores = [entry.scores for entry in self._cohort.scored if entry.scores]
        table = cohort_table(scores)
        self._count.setText(f"Dice, n = {len(scores)}" if scores else "Dice")
        for (name, column), cell in self._cells.items():
            cell.setText(_number(table.get(column), name))


def _number(spread: Spread | None, name: str) -> str:
    value = getattr(spread, name, None)
    return "–" if value is None else f"{value:.3f}"
