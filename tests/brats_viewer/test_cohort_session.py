"""The open cohort without any widget, with evaluations that compute nothing."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.cohort import Column
from brats_viewer.cohort_session import EVALUATE, READ_RESULTS, CohortSession, Method, Order
from brats_viewer.job import Job
from engine.data import CaseFiles
from engine.data.mark import EVALUATION, PROGRAM
from tests.brats_viewer.cohorts import RESULTS, A, B, C, FakeEvaluation, FakeRuns, result, write_cases

QUICK = Method("quick", "flips", "cpu", "Quick on the CPU")


def settled(qtbot: QtBot, cohort: CohortSession) -> None:
    """Wait until no work runs."""
    lanes = (cohort.opening, cohort.reading, cohort.evaluating, cohort.saving)
    qtbot.waitUntil(lambda: not any(lane.is_running for lane in lanes))


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def cohort(qapp: QApplication, runs: FakeRuns) -> Iterator[CohortSession]:
    session = CohortSession(runs)
    yield session
    runs.gate.set()
    session.close()
    assert Job.wait_for_all(5)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_cases(tmp_path / "data")


@pytest.fixture
def opened(qtbot: QtBot, cohort: CohortSession, dataset: Path) -> CohortSession:
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(dataset)
    return cohort


def write_summary(folder: Path, dataset: Path, written: str) -> Path:
    folder.mkdir(exist_ok=True)
    summary = {"program": PROGRAM, "kind": EVALUATION, "dataset": str(dataset), "written": written}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def asked_folders(runs: FakeRuns) -> list[Path]:
    return [arguments[0] for function, arguments, _ in runs.asked if function == READ_RESULTS]


# Opening


def test_a_folder_without_results_is_a_list_of_cases(opened: CohortSession, runs: FakeRuns, dataset: Path) -> None:
    assert opened.folder == dataset
    assert [entry.id for entry in opened.shown] == [A, B, C]
    assert opened.scored == ()
    assert runs.asked == []


def test_the_newest_results_inside_the_folder_are_read(
    qtbot: QtBot, cohort: CohortSession, runs: FakeRuns, dataset: Path
) -> None:
    write_summary(dataset / "old", dataset, "2026-01-02T00:00:00+00:00")
    newest = write_summary(dataset / "new", dataset, "2026-02-01T00:00:00+00:00")
    cohort.open(dataset)
    qtbot.waitUntil(lambda: cohort.evaluation is not None)
    assert asked_folders(runs) == [newest]
    assert [entry.id for entry in cohort.shown] == [B, C, A]


def test_a_folder_of_results_opens_its_data_set(
    qtbot: QtBot, cohort: CohortSession, runs: FakeRuns, dataset: Path, tmp_path: Path
) -> None:
    results = write_summary(tmp_path / "results", dataset, "2026-01-02T00:00:00+00:00")
    cohort.open(results)
    qtbot.waitUntil(lambda: cohort.evaluation is not None)
    assert cohort.folder == dataset
    assert asked_folders(runs) == [results]


def test_a_folder_without_cases_leaves_the_cohort_as_it_was(
    qtbot: QtBot, opened: CohortSession, dataset: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    opened.open(tmp_path / "empty")
    qtbot.waitUntil(lambda: opened.opening.failure is not None)
    assert opened.folder == dataset
    assert len(opened.entries) == 3


def test_another_cohort_has_none_of_the_scores_of_the_one_before(
    qtbot: QtBot, opened: CohortSession, dataset: Path
) -> None:
    opened.read_results(dataset / "results")
    qtbot.waitUntil(lambda: len(opened.scored) == 3)
    opened.set_words("001")
    with qtbot.waitSignal(opened.cohort_changed):
        opened.open(dataset)
    assert (opened.scored, opened.evaluation, opened.words) == ((), None, "")


# Results


def test_results_that_cannot_be_read_are_told_and_change_nothing(qtbot: QtBot, opened: CohortSession) -> None:
    opened.read_results(Path("none"))
    qtbot.waitUntil(lambda: opened.reading.failure is not None)
    assert opened.reading.failure is not None
    assert opened.reading.failure.line == "none: holds no results"
    assert opened.evaluation is None


def test_results_of_cases_that_are_not_here_are_counted(qtbot: QtBot, opened: CohortSession, runs: FakeRuns) -> None:
    runs.evaluation = FakeEvaluation((*RESULTS, result("gone", 1, 1, 1)))
    opened.read_results(Path("results"))
    qtbot.waitUntil(lambda: len(opened.scored) == 3)
    assert opened.results_elsewhere == 1


# Evaluating


def test_scores_come_while_the_evaluation_runs(
    qtbot: QtBot, opened: CohortSession, runs: FakeRuns, dataset: Path
) -> None:
    runs.gate.clear()
    opened.set_method(QUICK)
    assert opened.can_evaluate
    opened.evaluate(QUICK, Path("results"))
    qtbot.waitUntil(lambda: len(opened.scored) == 1)
    assert opened.evaluating.is_running
    assert not opened.can_evaluate
    assert [entry.id for entry in opened.shown] == [A, B, C]
    runs.gate.set()
    settled(qtbot, opened)
    assert [entry.id for entry in opened.shown] == [B, C, A]
    options = {"model": "quick", "tta": "flips", "device": "cpu"}
    assert runs.asked == [(EVALUATE, (dataset, Path("results")), options)]
    assert opened.can_evaluate


def test_what_was_scored_stays_when_the_evaluation_is_stopped(
    qtbot: QtBot, opened: CohortSession, runs: FakeRuns
) -> None:
    runs.gate.clear()
    opened.evaluate(QUICK, Path("results"))
    qtbot.waitUntil(lambda: len(opened.scored) == 1)
    opened.evaluating.cancel()
    settled(qtbot, opened)
    assert [entry.id for entry in opened.scored] == [A]
    assert opened.evaluating.failure is None


def test_a_running_evaluation_is_not_ended_by_another_folder(
    qtbot: QtBot, opened: CohortSession, runs: FakeRuns, dataset: Path, tmp_path: Path
) -> None:
    other = write_cases(tmp_path / "other")
    runs.gate.clear()
    opened.evaluate(QUICK, Path("results"))
    opened.open(other)
    qtbot.waitUntil(lambda: opened.opening.failure is not None)
    assert opened.opening.failure is not None
    assert opened.opening.failure.line == f"{other}: not opened, since an evaluation is running; stop it first"
    assert opened.evaluating.is_running
    assert opened.folder == dataset
    runs.gate.set()
    settled(qtbot, opened)
    with qtbot.waitSignal(opened.cohort_changed):
        opened.open(other)
    assert opened.folder == other


def test_there_must_be_a_model_to_evaluate(qtbot: QtBot, opened: CohortSession) -> None:
    assert not opened.can_evaluate
    with qtbot.waitSignal(opened.method_changed):
        opened.set_method(QUICK)
    assert opened.can_evaluate
    opened.set_method(None)
    assert not opened.can_evaluate


def test_there_must_be_a_cohort_to_evaluate_on(cohort: CohortSession) -> None:
    cohort.set_method(QUICK)
    assert not cohort.can_evaluate
    with pytest.raises(RuntimeError, match="no cohort"):
        cohort.evaluate(QUICK, Path("results"))


# The table


@pytest.fixture
def scored(qtbot: QtBot, opened: CohortSession, runs: FakeRuns, tmp_path: Path) -> CohortSession:
    runs.evaluation = FakeEvaluation(RESULTS, folder=tmp_path / "results")
    opened.read_results(tmp_path / "results")
    qtbot.waitUntil(lambda: len(opened.scored) == 3)
    return opened


def test_sorting_brings_the_worst_to_the_top_and_then_the_best(scored: CohortSession) -> None:
    assert scored.order == Order(Column.AVERAGE, descending=False)
    scored.sort_by(Column.AVERAGE)
    assert [entry.id for entry in scored.shown] == [A, C, B]
    scored.sort_by(Column.HD95_ET)
    assert scored.order == Order(Column.HD95_ET, descending=True)
    scored.sort_by(Column.CASE)
    assert [entry.id for entry in scored.shown] == [A, B, C]


def test_words_filter_the_table(scored: CohortSession) -> None:
    scored.set_words("enhancing")
    assert [entry.id for entry in scored.shown] == [B, C]
    assert len(scored.entries) == 3


def test_the_table_is_saved_as_it_is_shown(qtbot: QtBot, scored: CohortSession, tmp_path: Path) -> None:
    scored.set_words("enhancing")
    scored.save_table(tmp_path / "table.csv")
    settled(qtbot, scored)
    with (tmp_path / "table.csv").open(encoding="utf-8") as file:
        assert [row["case"] for row in csv.DictReader(file)] == [B, C]


def test_a_table_that_cannot_be_saved_is_told(qtbot: QtBot, scored: CohortSession, tmp_path: Path) -> None:
    scored.save_table(tmp_path / "nowhere" / "table.csv")
    settled(qtbot, scored)
    assert scored.saving.failure is not None


# The open case


def asked_ids(cohort: CohortSession, action: Callable[[], None]) -> list[tuple[str, Path | None]]:
    asked: list[tuple[str, Path | None]] = []

    def note(files: CaseFiles, mask: Path | None) -> None:
        asked.append((files.id, mask))

    cohort.case_asked.connect(note)
    action()
    cohort.case_asked.disconnect(note)
    return asked


def test_next_and_previous_follow_the_table(scored: CohortSession) -> None:
    assert asked_ids(scored, scored.next) == [(B, None)]
    scored.set_current(None)
    assert asked_ids(scored, scored.previous) == [(A, None)]
    scored.set_current(scored.shown[1].files)
    assert asked_ids(scored, scored.next) == [(A, None)]
    scored.set_current(scored.shown[1].files)
    assert asked_ids(scored, scored.previous) == [(B, None)]
    scored.set_current(scored.shown[2].files)
    assert asked_ids(scored, scored.next) == []


def test_a_second_step_goes_on_from_the_case_that_is_still_being_opened(scored: CohortSession) -> None:
    scored.set_current(scored.shown[0].files)
    assert asked_ids(scored, scored.next) == [(C, None)]
    assert asked_ids(scored, scored.next) == [(A, None)]
    assert asked_ids(scored, scored.previous) == [(C, None)]
    scored.set_current(scored.shown[0].files)  # none of those could be opened, or it was not wanted
    assert asked_ids(scored, scored.next) == [(C, None)]


def test_the_open_case_is_found_among_another_folders_cases(qtbot: QtBot, cohort: CohortSession, dataset: Path) -> None:
    cohort.set_current(CaseFiles(C, dataset / C, {}))
    assert cohort.current is None
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(dataset)
    assert cohort.current is cohort.entries[2]
    cohort.read_results(dataset / "results")
    qtbot.waitUntil(lambda: len(cohort.scored) == 3)
    assert cohort.current is cohort.entries[2]


def test_a_case_comes_with_its_mask_if_one_was_kept(scored: CohortSession, tmp_path: Path) -> None:
    mask = tmp_path / "results" / "masks" / f"{A}.nii.gz"
    mask.parent.mkdir(parents=True)
    mask.touch()
    assert asked_ids(scored, lambda: scored.ask(A)) == [(A, mask)]
    assert asked_ids(scored, lambda: scored.ask(B)) == [(B, None)]


def test_the_open_case_is_known_also_when_it_was_opened_by_itself(qtbot: QtBot, scored: CohortSession) -> None:
    found = scored.entries[0].files
    with qtbot.waitSignal(scored.current_changed):
        scored.set_current(CaseFiles("by another id", found.folder, found.images))
    assert scored.current == scored.entries[0]
    scored.set_current(CaseFiles(A, Path("elsewhere"), {}))
    assert scored.current is None
