"""The open cohort with the work on it: finding its cases, reading an evaluation's results, evaluating, writing a table.

It stands beside the session of the one open case and knows neither it nor any widget: it asks for a case by a signal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, runtime_checkable

from PySide6.QtCore import QObject, Signal

from brats_viewer.cohort import Column, Entry, Evaluation, entries, matches, ordered, table_text
from brats_viewer.job import Lane, as_work
from brats_viewer.remote import RunIsolated
from engine.data import CaseFiles, DatasetFiles, find_dataset
from engine.data.atomic import write_atomically
from engine.data.mark import read_summary
from engine.errors import EvaluationError

EVALUATE = "engine.evaluate:evaluate"
READ_RESULTS = "engine.evaluate:read_results"


@runtime_checkable
class Scored(Protocol):
    """What the window needs of the report that an evaluation gives with the results so far."""

    @property
    def evaluation(self) -> Evaluation:
        """The results so far."""


@dataclass(frozen=True, slots=True)
class Order:
    """By which column the table is sorted; the worst average Dice first if nobody says otherwise."""

    column: Column = Column.AVERAGE
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """With what cases are segmented: names that the engine knows, and all of it as a person reads it."""

    model: str
    tta: str
    device: str
    title: str


class CohortSession(QObject):
    """The cases of a folder, their scores, and which of them is open."""

    cohort_changed = Signal()
    """Another folder's cases."""
    results_changed = Signal()
    """Other scores of the cases, or of other cases."""
    shown_changed = Signal()
    """Other cases in the table, or in another order."""
    method_changed = Signal()
    current_changed = Signal()
    case_asked = Signal(object, object)
    """The `CaseFiles` of a case that a person wants to see, and the path of its predicted mask, or None."""

    def __init__(self, run_isolated: RunIsolated, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run_isolated = run_isolated
        self.opening = Lane("open cohort", self)
        self.reading = Lane("read results", self)
        self.evaluating = Lane("evaluate", self)
        self.saving = Lane("save table", self)
        self._dataset: DatasetFiles | None = None
        self._evaluation: Evaluation | None = None
        self._entries: tuple[Entry, ...] = ()
        self._shown: tuple[Entry, ...] = ()
        self._order, self._words = Order(), ""
        self._method: Method | None = None
        self._open_files: CaseFiles | None = None
        self._current: Entry | None = None
        self._asked: str | None = None
        self.evaluating.progressed.connect(self._take_partial)

    # Opening

    def open(self, folder: Path) -> None:
        """Look for the cases in `folder`, and for an evaluation's results in it or in a folder directly inside.

        `folder` may also be an evaluation's: its data set is then opened with these results. While an evaluation
        runs, the lane fails: hours of work are not ended by the way.
        """
        look = _refuse if self.evaluating.is_running else _look
        self.opening.start(as_work(f"looking for cases in {folder.name}", look, folder), self._take_found)

    def _take_found(self, found: "_Found") -> None:
        for lane in (self.reading, self.evaluating):
            lane.clear()
        self._dataset, self._words, self._asked = found.dataset, "", None
        self._set_evaluation(None)
        self.cohort_changed.emit()
        if found.results:
            self.read_results(found.results)

    @property
    def folder(self) -> Path | None:
        """The cohort's folder; None while no cohort is open."""
        return self._dataset.root if self._dataset else None

    @property
    def unreadable(self) -> Mapping[Path, str]:
        """Folders with images that are no case, and what is wrong with each."""
        return self._dataset.unreadable if self._dataset else {}

    # Results

    def read_results(self, folder: Path) -> None:
        """Show the results that an evaluation wrote into `folder`."""
        self.reading.start(self._run_isolated(READ_RESULTS, folder), self._set_evaluation)

    @property
    def method(self) -> Method | None:
        """With what the next evaluation is to be made; None while there is no model."""
        return self._method

    def set_method(self, method: Method | None) -> None:
        """Choose with what to evaluate next."""
        if method != self._method:
            self._method = method
            self.method_changed.emit()

    @property
    def can_evaluate(self) -> bool:
        """Whether `evaluate` may be called: there are cases and a model, and none of the work on them runs."""
        there = self._dataset is not None and self._method is not None
        return there and not self.opening.is_running and not self.evaluating.is_running

    def evaluate(self, method: Method, folder: Path) -> None:
        """Segment and score the cohort's cases, with results in `folder`; scores are shown as they come.

        They take the place of those that are shown. An earlier run with the same settings and folder goes on.
        """
        if self._dataset is None:
            raise RuntimeError("there is no cohort to evaluate on")
        self.reading.clear()
        options = {"model": method.model, "tta": method.tta, "device": method.device}
        work = self._run_isolated(EVALUATE, self._dataset.root, folder, **options)
        self.evaluating.start(work, self._set_evaluation)

    def _take_partial(self) -> None:
        progress: object = self.evaluating.progress
        if isinstance(progress, Scored) and progress.evaluation is not self._evaluation:
            self._set_evaluation(progress.evaluation)

    def _set_evaluation(self, evaluation: Evaluation | None) -> None:
        self._evaluation = evaluation
        self._entries = entries(self._dataset.cases if self._dataset else (), evaluation)
        self._current = self._find_current()
        self.results_changed.emit()
        self._show()

    @property
    def evaluation(self) -> Evaluation | None:
        """Where the scores are from; None while there are none."""
        return self._evaluation

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All cases, by their ids."""
        return self._entries

    @property
    def scored(self) -> tuple[Entry, ...]:
        """The cases that have scores."""
        return tuple(entry for entry in self._entries if entry.scores)

    @property
    def results_elsewhere(self) -> int:
        """How many results are of cases that the cohort does not have."""
        return len(self._evaluation.results) - len(self.scored) if self._evaluation else 0

    # The table

    @property
    def shown(self) -> tuple[Entry, ...]:
        """The cases in the table, in its order."""
        return self._shown

    @property
    def order(self) -> Order:
        """How the table is sorted."""
        return self._order

    @property
    def words(self) -> str:
        """What a case's name or remarks must hold to be in the table."""
        return self._words

    def sort_by(self, column: Column) -> None:
        """Sort the table by a column with the worst at the top; if it is sorted so, the other way round."""
        order = Order(column, descending=column.is_hd95)
        self._order = Order(column, not order.descending) if order == self._order else order
        self._show()

    def set_words(self, words: str) -> None:
        """Leave out of the table the cases whose name and remarks do not hold these words."""
        if words != self._words:
            self._words = words
            self._show()

    def _show(self) -> None:
        found = [entry for entry in self._entries if matches(entry, self._words)]
        self._shown = tuple(ordered(found, self._order.column, descending=self._order.descending))
        self.shown_changed.emit()

    def save_table(self, path: Path) -> None:
        """Write the table as it is shown to `path`, with commas, for other programs."""
        content = {path: table_text(self._shown, ",").encode()}
        self.saving.start(as_work(f"saving {path.name}", write_atomically, content), lambda _: None)

    # The open case

    @property
    def current(self) -> Entry | None:
        """The case that is open; None if it is none of the cohort."""
        return self._current

    def _find_current(self) -> Entry | None:
        files = self._open_files
        return next((entry for entry in self._entries if files and _same(entry.files, files)), None)

    def set_current(self, files: CaseFiles | None) -> None:
        """Note which case is open."""
        self._asked = None
        if files != self._open_files:
            self._open_files = files
            self._current = self._find_current()
            self.current_changed.emit()

    def ask(self, case: str) -> None:
        """Ask for the case of that id to be opened; until it is, the next is the one after it."""
        self._asked = case
        entry = next(entry for entry in self._entries if entry.id == case)
        mask = entry.mask if entry.mask and entry.mask.is_file() else None
        self.case_asked.emit(entry.files, mask)

    def next(self) -> None:
        """Ask for the case below the open one in the table; for the first where the open one is not in it.

        Where a case has been asked for and is not open yet, it counts as the open one.
        """
        self._step(1)

    def previous(self) -> None:
        """Ask for the case above the open one in the table as `next` does; for the last where it is not in it."""
        self._step(-1)

    def _step(self, by: int) -> None:
        ids = [entry.id for entry in self._shown]
        here = self._asked or (self._current.id if self._current else None)
        outside = -1 if by > 0 else len(ids)
        place = ids.index(here) if here in ids else outside
        if 0 <= place + by < len(ids):
            self.ask(ids[place + by])

    def close(self) -> None:
        """Stop all work, without waiting for its end."""
        for lane in (self.opening, self.reading, self.evaluating, self.saving):
            lane.clear()


@dataclass(frozen=True, slots=True)
class _Found:
    """A cohort's cases, and the folder of the newest results that lie with them."""

    dataset: DatasetFiles
    results: Path | None


def _look(folder: Path) -> _Found:
    summary = read_summary(folder)
    root = Path(str(summary.get("dataset"))) if summary else folder
    dataset = find_dataset(root if root.is_dir() else folder)
    return _Found(dataset, folder if summary else _newest_results(folder))


def _refuse(folder: Path) -> NoReturn:
    raise EvaluationError(f"{folder}: not opened, since an evaluation is running; stop it first")


def _newest_results(folder: Path) -> Path | None:
    """The folder directly inside `folder` whose evaluation's summary was written last; None where there is none."""
    summaries = {inside: read_summary(inside) for inside in sorted(folder.iterdir()) if inside.is_dir()}
    written = {inside: str(summary.get("written", "")) for inside, summary in summaries.items() if summary}
    return max(written, key=lambda inside: written[inside], default=None)


def _same(one: CaseFiles, other: CaseFiles) -> bool:
    """Whether these are one case, though its id, made distinct in the cohort, or its assignment may differ."""
    return one.folder == other.folder and (one.id == other.id or one.images == other.images)
