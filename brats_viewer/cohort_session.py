"""The open cohort with the work on it: finding its cases, reading an evaluation's results, evaluating, writing a table.

It stands beside the session of the one open case and knows neither it nor any widget: it asks for a case by a signal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from PySide6.QtCore import QObject, Signal

from brats_viewer.cohort import Column, Entry, Evaluation, entries, matches, ordered, table_text
from brats_viewer.job import Lane, as_work
from engine.data import CaseFiles, DatasetFiles, find_dataset
from engine.data.atomic import write_atomically
from engine.data.mark import read_summary
from engine.progress import Work

EVALUATE = "engine.evaluate:evaluate"
READ_RESULTS = "engine.evaluate:read_results"


class RunIsolated(Protocol):
    """Runs `"module:function"` in the engine's process."""

    def __call__(self, function: str, /, *arguments: Any, **options: Any) -> Work[Any]:
        """The work; its reports, its result and its errors arrive here."""


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


class CohortSession(QObject):
    """The cases of a folder, their scores, and which of them is open."""

    cohort_changed = Signal()
    """Another folder's cases."""
    results_changed = Signal()
    """Other scores of the cases, or of other cases."""
    shown_changed = Signal()
    """Other cases in the table, or in another order."""
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
        self._current: CaseFiles | None = None
        self.evaluating.changed.connect(self._take_partial)

    # Opening

    def open(self, folder: Path) -> None:
        """Look for the cases in `folder`, and for an evaluation's results in it or in a folder directly inside.

        `folder` may also be an evaluation's: its data set is then opened with these results.
        """
        self.opening.start(as_work(f"looking for cases in {folder.name}", _look, folder), self._take_found)

    def _take_found(self, found: "_Found") -> None:
        for lane in (self.reading, self.evaluating, self.saving):
            lane.clear()
        self._dataset, self._words = found.dataset, ""
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
    def can_evaluate(self) -> bool:
        """Whether `evaluate` may be called: there are cases, and none of the work on them runs."""
        return self._dataset is not None and not self.opening.is_running and not self.evaluating.is_running

    def evaluate(self, model: str, tta: str, device: str, folder: Path) -> None:
        """Segment and score the cohort's cases with a model, into `folder`; scores are shown as they come.

        They take the place of those that are shown. An earlier run with the same settings and folder goes on.
        """
        if self._dataset is None:
            raise RuntimeError("there is no cohort to evaluate on")
        self.reading.clear()
        work = self._run_isolated(EVALUATE, self._dataset.root, folder, model=model, tta=tta, device=device)
        self.evaluating.start(work, self._set_evaluation)

    def _take_partial(self) -> None:
        progress: object = self.evaluating.progress
        if isinstance(progress, Scored) and progress.evaluation is not self._evaluation:
            self._set_evaluation(progress.evaluation)

    def _set_evaluation(self, evaluation: Evaluation | None) -> None:
        self._evaluation = evaluation
        self._entries = entries(self._dataset.cases if self._dataset else (), evaluation)
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
        files = self._current
        return next((entry for entry in self._entries if files and _same(entry.files, files)), None)

    def set_current(self, files: CaseFiles | None) -> None:
        """Note which case is open."""
        if files != self._current:
            self._current = files
            self.current_changed.emit()

    def ask(self, case: str) -> None:
        """Ask for the case of that id to be opened."""
        entry = next(entry for entry in self._entries if entry.id == case)
        mask = entry.mask if entry.mask and entry.mask.is_file() else None
        self.case_asked.emit(entry.files, mask)

    def next(self) -> None:
        """Ask for the case below the open one in the table; for the first where the open one is not in it."""
        self._step(1)

    def previous(self) -> None:
        """Ask for the case above the open one in the table; for the last where the open one is not in it."""
        self._step(-1)

    def _step(self, by: int) -> None:
        ids = [entry.id for entry in self._shown]
        outside = -1 if by > 0 else len(ids)
        place = ids.index(self.current.id) if self.current in self._shown else outside
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


def _newest_results(folder: Path) -> Path | None:
    """The folder directly inside `folder` whose evaluation's summary was written last; None where there is none."""
    summaries = {inside: read_summary(inside) for inside in sorted(folder.iterdir()) if inside.is_dir()}
    written = {inside: str(summary.get("written", "")) for inside, summary in summaries.items() if summary}
    return max(written, key=lambda inside: written[inside], default=None)


def _same(one: CaseFiles, other: CaseFiles) -> bool:
    """Whether these are one case, though its id, made distinct in the cohort, or its assignment may differ."""
    return one.folder == other.folder and (one.id == other.id or one.images == other.images)
