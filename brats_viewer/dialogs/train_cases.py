"""The cases that a training learns from: a folder or synthetic ones, and what is wrong with which of the folder's."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from brats_viewer.controls import Card, FailureLine, Line, RunningLine, Segments, button
from brats_viewer.names import volume
from brats_viewer.theme import DARK, LIGHT, Colours, icon
from brats_viewer.training_session import TrainingSession
from engine.data import Region
from engine.data.dataset_check import CheckedCase, DatasetCheck

MINE, SYNTHETIC = "mine", "synthetic"
_SOURCES = {
    MINE: ("My cases", "A folder of cases with truth, in any layout that the viewer opens"),
    SYNTHETIC: ("Synthetic cases", "Made as the training goes: no data is needed, and no patient's is used"),
}
_FOLDER_TIP = "The folder that holds the cases, each with its images and its truth; it can be dropped here as well"
_COLUMNS = ("Case", "Whole tumour", "What is wrong, or worth a look")
_ROWS, _ROW_PX = 5, 26


class CasesCard(Card):
    """Asks for the cases and shows what the check of a folder found, the bad ones first."""

    dataset_chosen = Signal(object)
    """The path of a folder of cases, or None for synthetic cases."""
    leaving_out_chosen = Signal(bool)
    check_asked = Signal()

    def __init__(self, training: TrainingSession, start_folder: Path) -> None:
        super().__init__("Cases")
        self._training, self._start_folder = training, start_folder
        self._source = Segments("Cases", _SOURCES)
        self._folder = QLineEdit()
        self._folder.setPlaceholderText("Drop a folder of cases here, or choose one")
        self._browse, self._again = button("Choose…"), button("Check again", "link", "Look through all cases once more")
        self._running = RunningLine(training.checking, stop_tip="Stop looking through the cases")
        self._failed = FailureLine()
        self._summary = Line()
        self._table = QTableWidget(0, len(_COLUMNS))
        self._leave_out = QCheckBox()
        self._mine = QWidget()
        self._note = Line("", "muted")
        self._lay_out()
        self._source.chosen.connect(self._choose_source)
        self._folder.editingFinished.connect(self._take_typed)
        self._browse.clicked.connect(self._choose_folder)
        self._again.clicked.connect(self.check_asked)
        self._leave_out.clicked.connect(self.leaving_out_chosen)
        training.checking.changed.connect(self._show_check)
        training.check_changed.connect(self._show_check)
        self._shown: DatasetCheck | None = None
        self._show_check()

    def _lay_out(self) -> None:
        self._folder.setToolTip(_FOLDER_TIP)
        self._folder.setAccessibleName("Folder of cases")
        self._browse.setAccessibleName("Choose the folder of cases")
        self._browse.setToolTip(_FOLDER_TIP)
        self._leave_out.setAccessibleName("Leave out the cases that cannot be used")
        self._leave_out.setToolTip("Train on the others; which were left out is kept in the run's folder")
        self._lay_out_table()
        top = QHBoxLayout()
        top.addWidget(self._source, 3)
        top.addStretch(2)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._folder, 1)
        row.addWidget(self._browse)
        summary = QHBoxLayout()
        summary.addWidget(self._summary, 1)
        summary.addWidget(self._again)
        mine = QGridLayout(self._mine)
        mine.setContentsMargins(0, 0, 0, 0)
        mine.setVerticalSpacing(8)
        mine.addLayout(row, 0, 0)
        mine.addWidget(self._running, 1, 0)
        mine.addWidget(self._failed, 2, 0)
        mine.addLayout(summary, 3, 0)
        mine.addWidget(self._table, 4, 0)
        mine.addWidget(self._leave_out, 5, 0)
        self.body.addLayout(top)
        self.body.addWidget(self._mine)
        self.body.addWidget(self._note)

    def _lay_out_table(self) -> None:
        table = self._table
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.setAccessibleName("What the check of the cases found")
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        table.setFixedHeight(header.sizeHint().height() + _ROWS * _ROW_PX)

    # What is chosen

    def show_choice(self, dataset: Path | None, *, synthetic: bool, leave_out_bad: bool) -> None:
        """Show which cases are chosen."""
        self._source.show_choice(SYNTHETIC if synthetic else MINE)
        self._mine.setVisible(not synthetic)
        self._note.setText(
            "Cases are made as the training goes, and validated on others of settings that it does not see. "
            "How well such a model does on patients is known only from patients."
            if synthetic
            else ""
        )
        if dataset is not None and self._folder.text() != str(dataset):
            self._folder.setText(str(dataset))
        self._leave_out.setChecked(leave_out_bad)

    def _choose_source(self, name: str) -> None:
        self.dataset_chosen.emit(None if name == SYNTHETIC else Path(self._folder.text()))

    def _take_typed(self) -> None:
        if self._folder.text().strip():
            self.dataset_chosen.emit(Path(self._folder.text().strip()).expanduser())

    def _choose_folder(self) -> None:
        start = self._folder.text() or str(self._start_folder)
        folder = QFileDialog.getExistingDirectory(self, "Choose the folder of your cases", start)
        if folder:
            self.dataset_chosen.emit(Path(folder))

    # What the check found

    def _show_check(self) -> None:
        lane, check = self._training.checking, self._training.checked
        self._failed.show_failure(lane.failure)
        self._again.setVisible(not lane.is_running and (check is not None or lane.failure is not None))
        self._table.setVisible(check is not None)
        self._leave_out.setVisible(check is not None and bool(check.bad) and bool(check.good))
        self._summary.setText(check_line(check) if check else "")
        self._summary.setProperty("tone", "success" if check and not check.bad else "warning")
        self._summary.style().polish(self._summary)
        if check is None or check is self._shown:
            return
        self._shown = check
        count = len(check.bad)
        self._leave_out.setText(f"Leave out the {count} that cannot be used" if count > 1 else "Leave out this case")
        rows = sorted(check.cases, key=lambda case: (case.problem is None, not case.warnings))
        self._table.setRowCount(len(rows))
        for row, case in enumerate(rows):
            self._fill_row(row, case)

    def _colours(self) -> Colours:
        return LIGHT if self.palette().color(QPalette.ColorRole.Window).lightnessF() > 0.5 else DARK

    def _fill_row(self, row: int, case: CheckedCase) -> None:
        role = QPalette.ColorRole
        name, colour = ("check", role.Highlight) if case.problem is None else ("close-circle-outline", role.WindowText)
        if case.problem is None and case.warnings:
            name, colour = "alert-outline", role.WindowText
        remark = case.problem or "; ".join(case.warnings)
        for known in (f"{case.folder}: ", f"{case.folder}/", f"{case.id}: "):
            remark = remark.removeprefix(known)
        wt = case.region_ml.get(Region.WT) if case.region_ml else None
        for column, words in enumerate((case.id, "" if wt is None else volume(wt), remark)):
            item = QTableWidgetItem(words)
            item.setToolTip(remark or str(case.folder))
            if column == 0:
                item.setIcon(icon(name, colour))
            if case.problem is not None and column == 2:
                item.setForeground(QColor(self._colours().danger))
            self._table.setItem(row, column, item)


def check_line(check: DatasetCheck) -> str:
    """What the check of a data set found, as a line."""
    good, bad = len(check.good), len(check.bad)
    cases = f"{good + bad:,} case{'' if good + bad == 1 else 's'}"
    if not bad:
        return f"{cases}, all can be trained on"
    return f"{cases}: {good:,} can be trained on, {bad:,} cannot"
