"""A cohort of cases: their scores in a table, the worst first, how the scores lie, and the work that makes them."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from brats_viewer.cohort import Column, table_text
from brats_viewer.cohort_session import CohortSession
from brats_viewer.controls import Elided, FailureLine, Line, RunningLine, button
from brats_viewer.job import Lane
from brats_viewer.panels.cohort_statistics import CohortStatistics
from brats_viewer.panels.cohort_table import CaseTable, CaseTableView
from brats_viewer.theme import icon

_WITHOUT_SCORES = "Evaluate a model on these cases, or show the results of an earlier evaluation."
_ACROSS = QBoxLayout.Direction.LeftToRight
_MEDIUM_PX = 540
_WIDE_PX = 760
"""From this width on, what belongs to the table stands beside it, and else below."""


class CohortPanel(QWidget):
    """The whole of the cohort: nothing open, being looked for, its table, being evaluated, and what failed."""

    open_asked = Signal()
    """The person wants to choose a folder of cases."""
    results_asked = Signal()
    """The person wants to choose a folder of results."""
    evaluate_asked = Signal()
    save_asked = Signal()
    """The person wants to choose where to save the table."""

    def __init__(self, cohort: CohortSession, chart: QWidget, parent: QWidget | None = None) -> None:
        """`chart` stands beside the table; the panel takes it over."""
        super().__init__(parent)
        self._cohort, self._chart = cohort, chart
        self.setObjectName("cohort")
        self._name, self._about = QLabel(), Elided()
        self._name.setProperty("strong", True)
        self._about.setProperty("tone", "muted")
        self._filter = QLineEdit()
        self._evaluate = button("Evaluate…")
        self._results = _tool("table-arrow-left", "Show the results of an evaluation…")
        self._table = CaseTable(cohort, self)
        self.view = CaseTableView(self._table)
        self._nothing, self._remark = Line(tone="muted"), Line(tone="muted")
        self._remark.setObjectName("remark")
        self._stats = CohortStatistics(cohort)
        self._running = RunningLine(cohort.evaluating, cohort.reading)
        self._opening = RunningLine(cohort.opening)
        self._dismiss = button("Dismiss", "link")
        self._failed, self._notes = FailureLine(self._dismiss), Line(tone="warning")
        self._pages = QStackedWidget()
        self._head, self._body = QBoxLayout(_ACROSS), QBoxLayout(_ACROSS)
        self._beside = QBoxLayout(_ACROSS)
        self._lay_out()
        self._follow()
        self._show()

    # Layout

    def _lay_out(self) -> None:
        self._pages.addWidget(self._lay_out_empty())
        self._pages.addWidget(self._lay_out_cohort())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(6)
        layout.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # how it is laid out follows from its width
        self.setMinimumSize(340, 200)
        self.setFocusProxy(self.view)
        layout.addWidget(self._failed)
        layout.addWidget(self._opening)
        layout.addWidget(self._pages, 1)

    def _lay_out_empty(self) -> QWidget:
        page = QWidget()
        heading = QLabel("Open a folder of cases")
        heading.setProperty("strong", True)
        advice = Line("See every case's scores, the worst first, and why they are low.", "muted")
        advice.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        choose = button("Open folder…", "primary")
        choose.clicked.connect(self.open_asked)
        layout = QVBoxLayout(page)
        layout.setSpacing(10)
        layout.addStretch(1)
        layout.addWidget(heading, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(advice)
        layout.addWidget(choose, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        return page

    def _lay_out_cohort(self) -> QWidget:
        page, table, numbers = QWidget(), QVBoxLayout(), QVBoxLayout()
        table.setSpacing(0)
        table.addWidget(self.view, 1)
        table.addWidget(self._nothing)
        numbers.setSpacing(10)
        numbers.addWidget(self._stats)
        numbers.addWidget(self._remark)
        numbers.addStretch(1)
        self._beside.setSpacing(16)
        self._beside.addWidget(self._chart, 1)
        self._beside.addLayout(numbers)
        self._body.setSpacing(12)
        self._body.addLayout(table, 5)
        self._body.addLayout(self._beside, 2)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(self._lay_out_head())
        layout.addWidget(self._running)
        layout.addWidget(self._notes)
        layout.addLayout(self._body, 1)
        return page

    def _lay_out_head(self) -> QBoxLayout:
        title, tools = QHBoxLayout(), QHBoxLayout()
        title.setSpacing(10)
        title.addWidget(self._name)
        title.addWidget(self._about, 1)
        self._filter.setPlaceholderText("Filter")
        self._filter.setToolTip("Show only cases whose name or remarks have these words")
        self._filter.setClearButtonEnabled(True)
        self._filter.setMinimumWidth(120)
        self._filter.setMaximumWidth(260)
        tools.setSpacing(4)
        tools.addWidget(self._filter, 1)
        tools.addWidget(self._evaluate)
        another = _tool("folder-open-outline", "Open another folder of cases…")
        for tool, asked in ((self._results, self.results_asked), (another, self.open_asked)):
            tool.clicked.connect(asked)
            tools.addWidget(tool)
        self._export = _tool("export-variant", "Copy or save the table")
        self._export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._export.setMenu(self._export_menu())
        tools.addWidget(self._export)
        self._head.setSpacing(8)
        self._head.addLayout(title, 1)
        self._head.addLayout(tools)
        return self._head

    def _export_menu(self) -> QMenu:
        menu = QMenu(self._export)
        menu.addAction("Copy table").triggered.connect(self.copy_table)
        menu.addAction("Copy summary").triggered.connect(self._stats.copy)
        menu.addAction("Save table as CSV…").triggered.connect(self.save_asked)
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put beside each other what there is room for, and the rest below."""
        super().resizeEvent(event)
        width = event.size().width()
        for layout, least in ((self._head, _WIDE_PX), (self._body, _WIDE_PX), (self._beside, _MEDIUM_PX)):
            layout.setDirection(_ACROSS if width >= least else QBoxLayout.Direction.TopToBottom)

    # What the session says

    def _lanes(self) -> tuple[Lane, ...]:
        cohort = self._cohort
        return cohort.opening, cohort.evaluating, cohort.reading, cohort.saving

    def _follow(self) -> None:
        cohort = self._cohort
        self._evaluate.clicked.connect(self.evaluate_asked)
        self._dismiss.clicked.connect(self._dismiss_failure)
        self._filter.textChanged.connect(cohort.set_words)
        self._filter.returnPressed.connect(self.view.select_first)
        self.view.chosen.connect(cohort.ask)
        self.view.sorting_asked.connect(self._sort)
        self.view.selected.connect(self._show_remark)
        cohort.cohort_changed.connect(self._filter.clear)
        for changed in (
            cohort.cohort_changed,
            cohort.results_changed,
            cohort.shown_changed,
            cohort.method_changed,
            *(lane.changed for lane in self._lanes()),
        ):
            changed.connect(self._show)

    def _show(self) -> None:
        cohort, folder = self._cohort, self._cohort.folder
        self._pages.setCurrentIndex(0 if folder is None else 1)
        self._pages.setHidden(folder is None and cohort.opening.is_running)
        self._failed.show_failure(next((lane.failure for lane in self._lanes() if lane.failure), None))
        if folder is None:
            return
        self._name.setText(folder.name)
        self._name.setToolTip(str(folder))
        self._about.setText(about_line(cohort))
        self._notes.setText(notes_line(cohort))
        self._notes.setToolTip("\n".join(cohort.unreadable.values()))
        self._nothing.setText("" if cohort.shown else "No case has these words in its name or remarks")
        self._show_remark()
        self._evaluate.setEnabled(cohort.can_evaluate)
        self._evaluate.setToolTip(evaluate_tip(cohort))
        self._results.setEnabled(not cohort.evaluating.is_running)
        self._export.setEnabled(bool(cohort.shown))

    def _dismiss_failure(self) -> None:
        failed = next((lane for lane in self._lanes() if lane.failure), None)
        if failed:
            failed.clear()

    def _sort(self, column: str) -> None:
        self._cohort.sort_by(Column(column))

    def _show_remark(self) -> None:
        """Say of the selected case, or else of the first, all that the column of remarks may have no room for."""
        cohort = self._cohort
        entry = self.view.selected_entry() or next(iter(cohort.shown), None)
        if cohort.evaluation is None:
            waits = cohort.evaluating.is_running or cohort.reading.is_running
            self._remark.setText("" if waits else _WITHOUT_SCORES)
        else:
            self._remark.setText(f"{entry.id}: {entry.remark}" if entry and entry.remark else "")

    def copy_table(self) -> None:
        """Put the table as it is shown on the clipboard, with tabs between the cells, as spreadsheets take it."""
        QGuiApplication.clipboard().setText(table_text(self._cohort.shown, "\t"))


def evaluate_tip(cohort: CohortSession) -> str:
    """What an evaluation would do, and with what."""
    method = cohort.method
    return f"Segment and score every case with {method.title}" if method else "There is no model to evaluate yet"


def about_line(cohort: CohortSession) -> str:
    """How many cases there are, how many of them have scores, and by what these were made."""
    cases, scored = len(cohort.entries), len(cohort.scored)
    parts = [f"{cases} case{'' if cases == 1 else 's'}"]
    if len(cohort.shown) < cases:
        parts.append(f"{len(cohort.shown)} shown")
    if cohort.evaluation:
        parts.append("all scored" if scored == cases else f"{scored} scored, {cases - scored} without a score")
        model, tta = cohort.evaluation.summary.get("model"), cohort.evaluation.summary.get("tta")
        if isinstance(model, dict):
            given = "masks" in model
            parts.append(f"masks {model.get('name')}" if given else f"model {model.get('name')}, TTA {tta}")
    return "  ·  ".join(parts)


def notes_line(cohort: CohortSession) -> str:
    """What is amiss with the folder or the results; empty where nothing is."""
    unreadable, elsewhere = len(cohort.unreadable), cohort.results_elsewhere
    notes = []
    if unreadable:
        notes.append(f"{unreadable} folder{'' if unreadable == 1 else 's'} with images could not be taken for a case")
    if elsewhere:
        notes.append(
            f"{elsewhere} of the results {'is of a case' if elsewhere == 1 else 'are of cases'} not found here"
        )
    return "; ".join(notes)


def _tool(name: str, tip: str) -> QToolButton:
    tool = QToolButton()
    tool.setIcon(icon(name, QPalette.ColorRole.WindowText))
    tool.setIconSize(QSize(18, 18))
    tool.setToolTip(tip)
    tool.setAccessibleName(tip)
    return tool
