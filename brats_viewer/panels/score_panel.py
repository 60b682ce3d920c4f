"""How the prediction compares with the truth, for cases that have one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from brats_viewer.controls import Card, Line
from brats_viewer.session import Session
from engine.data import Region
from engine.score import Score


def _millimetres(score: Score) -> str:
    return f"{score.hd95_mm:.1f}"


def _dice(score: Score) -> str:
    return f"{score.dice:.3f}"


def _sensitivity(score: Score) -> str:
    return f"{score.sensitivity:.3f}"


_COLUMNS: Mapping[str, tuple[str, Callable[[Score], str]]] = MappingProxyType(
    {
        "Dice": ("Overlap of prediction and truth, from 0 to 1", _dice),
        "HD95 mm": ("95th percentile of the distance between the two surfaces", _millimetres),
        "Sens.": ("Share of the truth that is predicted", _sensitivity),
    }
)


class ScorePanel(Card):
    """The card of the scores; hidden while there is nothing to compare."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Prediction against truth", parent)
        self._session = session
        self._state = Line(tone="muted")
        self._table = QWidget()
        self._cells = self._lay_out_table()
        self.body.addWidget(self._table)
        self.body.addWidget(self._state)
        session.scores_changed.connect(self._show)
        session.scoring.changed.connect(self._show)
        self._show()

    def _lay_out_table(self) -> dict[tuple[Region, str], QLabel]:
        grid = QGridLayout(self._table)
        grid.setContentsMargins(0, 0, 0, 0)
        cells = {}
        for column, (name, (meaning, _)) in enumerate(_COLUMNS.items(), start=1):
            heading = QLabel(name)
            heading.setToolTip(meaning)
            heading.setProperty("tone", "muted")
            grid.addWidget(heading, 0, column, Qt.AlignmentFlag.AlignRight)
            grid.setColumnStretch(column, 1)
            for row, region in enumerate(Region, start=1):
                cells[region, name] = QLabel()
                grid.addWidget(cells[region, name], row, column, Qt.AlignmentFlag.AlignRight)
        for row, region in enumerate(Region, start=1):
            title = QLabel(region)
            title.setToolTip(region.display_name.capitalize())
            title.setProperty("strong", True)
            grid.addWidget(title, row, 0)
        return cells

    def _show(self) -> None:
        scores, lane = self._session.scores, self._session.scoring
        self.setVisible(scores is not None or lane.is_running or lane.failure is not None)
        self._table.setVisible(scores is not None)
        if scores:
            for (region, name), cell in self._cells.items():
                cell.setText(_COLUMNS[name][1](scores[region]))
        comparing = "Comparing with the truth…" if lane.is_running else ""
        self._state.setText(lane.failure.line if lane.failure else comparing)
