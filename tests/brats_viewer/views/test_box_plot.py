"""The box plot: where dots are, what they are called, and what a click asks."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.cohort_session import CohortSession
from brats_viewer.job import Job
from brats_viewer.views.box_plot import BoxPlot
from engine.data import CaseFiles
from tests.brats_viewer.cohorts import A, B, FakeRuns, write_cases


@pytest.fixture
def cohort(qapp: QApplication) -> Iterator[CohortSession]:
    session = CohortSession(FakeRuns())
    yield session
    session.close()
    assert Job.wait_for_all(5)


@pytest.fixture
def plot(qtbot: QtBot, cohort: CohortSession, tmp_path: Path) -> BoxPlot:
    """Three cases: their ET is 0.9, 0.3 and 0.6, and the rest 0.9."""
    plot = BoxPlot(cohort)
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.show()
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(write_cases(tmp_path / "data"))
    cohort.read_results(Path("results"))
    qtbot.waitUntil(lambda: len(cohort.scored) == 3)
    return plot


def test_higher_scores_are_higher_and_equal_ones_at_one_height(plot: BoxPlot) -> None:
    assert plot.position(A, "ET").y() < plot.position(B, "ET").y()
    assert plot.position(A, "TC").y() == pytest.approx(plot.position(B, "WT").y())
    # The averages are 0.9 and 0.7, a third as far apart as 0.9 and 0.3.
    apart = [plot.position(B, name).y() - plot.position(A, name).y() for name in ("ET", "average")]
    assert apart[0] == pytest.approx(3 * apart[1])


def test_columns_follow_each_other_and_a_case_has_one_place_in_each(plot: BoxPlot) -> None:
    x = [plot.position(A, name).x() for name in ("ET", "TC", "WT", "average")]
    steps = [right - left for left, right in pairwise(x)]
    assert steps == pytest.approx([steps[0]] * 3)
    assert steps[0] > 0
    assert plot.position(A, "ET") == plot.position(A, "ET")


def test_a_dot_names_its_case_and_a_click_asks_for_it(qtbot: QtBot, plot: BoxPlot, cohort: CohortSession) -> None:
    at = plot.position(B, "ET").toPoint()
    before = plot.grab().toImage()
    qtbot.mouseMove(plot, at)
    qtbot.waitUntil(lambda: plot.hovered == B)
    assert plot.grab().toImage() != before
    assert plot.said(QPointF(at)) == f"{B}\nET 0.300   TC 0.900\nWT 0.900   average 0.700"
    asked: list[str] = []

    def note(files: CaseFiles, mask: Path | None) -> None:
        asked.append(files.id)

    cohort.case_asked.connect(note)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert asked == [B]
    assert plot.case_at(QPointF(2, 2)) is None


def test_a_box_tells_its_numbers(plot: BoxPlot) -> None:
    # ET is 0.3, 0.6 and 0.9, so that its quartiles are 0.45 and 0.75; half way between 0.45 and 0.6 there is no dot.
    top, bottom = plot.position(A, "ET"), plot.position(B, "ET")
    box = QPointF(top.x(), bottom.y() + (top.y() - bottom.y()) * 0.375)
    assert plot.said(box) == "ET of 3 cases\nmedian 0.600, mean 0.600\nquartiles 0.450 and 0.750"


def test_it_is_drawn_with_and_without_scores(qtbot: QtBot, plot: BoxPlot, cohort: CohortSession) -> None:
    cohort.set_current(cohort.entries[0].files)
    drawn = plot.grab().toImage()
    cohort.read_results(Path("results"))
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(cohort.folder or Path())
    assert plot.case_at(QPointF(100, 100)) is None
    assert plot.grab().toImage() != drawn
