"""What the cohort's panel shows, and what clicks and keys ask of the cohort."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QStyleOptionViewItem, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.cohort import Column
from brats_viewer.cohort_session import CohortSession, Method, Order
from brats_viewer.job import Job
from brats_viewer.panels.cohort_panel import CohortPanel, about_line
from brats_viewer.panels.cohort_table import COLUMNS
from brats_viewer.theme import DARK, LIGHT, Scheme, Theme
from engine.data import CaseFiles
from tests.brats_viewer.cohorts import RESULTS, A, B, C, FakeEvaluation, FakeRuns, result, write_cases

QUICK = Method("quick", "flips", "cpu", "Quick on the CPU")
AVERAGE, REMARK = COLUMNS.index(Column.AVERAGE), COLUMNS.index(Column.REMARK)


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def cohort(qapp: QApplication, runs: FakeRuns) -> Iterator[CohortSession]:
    session = CohortSession(runs)
    session.set_method(QUICK)
    yield session
    runs.gate.set()
    session.close()
    assert Job.wait_for_all(5)


@pytest.fixture
def empty(qtbot: QtBot, cohort: CohortSession) -> CohortPanel:
    """The panel on the screen, without a cohort."""
    panel = CohortPanel(cohort, QWidget())
    qtbot.addWidget(panel)
    panel.resize(1400, 400)
    panel.show()
    return panel


@pytest.fixture
def opened(qtbot: QtBot, cohort: CohortSession, empty: CohortPanel, tmp_path: Path) -> CohortPanel:
    """The panel with three cases without scores."""
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(write_cases(tmp_path / "data"))
    return empty


@pytest.fixture
def panel(qtbot: QtBot, cohort: CohortSession, opened: CohortPanel) -> CohortPanel:
    """The panel with three scored cases, of which B is the worst and A the best."""
    cohort.read_results(Path("results"))
    qtbot.waitUntil(lambda: len(cohort.scored) == 3)
    return opened


def column(panel: CohortPanel, place: int) -> list[str]:
    model = panel.view.model()
    return [model.index(row, place).data() for row in range(model.rowCount())]


def texts(panel: QWidget) -> list[str]:
    return [label.text() for label in panel.findChildren(QLabel) if label.isVisible() and label.text()]


def press(panel: CohortPanel, text: str) -> QPushButton:
    (found,) = (one for one in panel.findChildren(QPushButton) if one.isVisible() and one.text() == text)
    return found


def widths(panel: CohortPanel) -> int:
    return sum(panel.view.columnWidth(place) for place in range(len(COLUMNS)))


def middle(panel: CohortPanel, row: int) -> QPoint:
    area: QRect = panel.view.visualRect(panel.view.model().index(row, 0))
    return area.center()


def asked_ids(cohort: CohortSession) -> list[str]:
    """A list that fills with the ids of the cases that are asked for."""
    asked: list[str] = []

    def note(files: CaseFiles, mask: Path | None) -> None:
        asked.append(files.id)

    cohort.case_asked.connect(note)
    return asked


# States


def test_without_a_cohort_it_offers_to_open_one(qtbot: QtBot, empty: CohortPanel) -> None:
    assert not empty.view.isVisible()
    with qtbot.waitSignal(empty.open_asked):
        press(empty, "Open folder…").click()


def test_cases_without_scores_are_listed(opened: CohortPanel) -> None:
    assert column(opened, 0) == [A, B, C]
    assert column(opened, AVERAGE) == ["–", "–", "–"]
    assert any("Evaluate a model on these cases" in text for text in texts(opened))
    with_signal = []
    opened.evaluate_asked.connect(lambda: with_signal.append("asked"))
    press(opened, "Evaluate…").click()
    assert with_signal == ["asked"]


def test_with_what_would_be_evaluated_is_said(opened: CohortPanel, cohort: CohortSession) -> None:
    assert press(opened, "Evaluate…").toolTip() == "Segment and score every case with Quick on the CPU"
    cohort.set_method(None)
    assert press(opened, "Evaluate…").toolTip() == "There is no model to evaluate yet"
    assert not press(opened, "Evaluate…").isEnabled()


def test_the_worst_case_is_first_and_says_why(panel: CohortPanel, cohort: CohortSession) -> None:
    assert column(panel, 0) == [B, C, A]
    assert column(panel, AVERAGE) == ["0.700", "0.800", "0.900"]
    why = "enhancing tumour of about the right size, but its outline differs (HD95 5 mm)"
    assert column(panel, REMARK) == [why, why, ""]
    assert about_line(cohort) == "3 cases  ·  all scored  ·  model quick, TTA flips"
    assert f"{B}: {why}" in texts(panel)


def test_masks_that_were_given_are_named(
    qtbot: QtBot, opened: CohortPanel, cohort: CohortSession, runs: FakeRuns
) -> None:
    given = {"model": {"name": "theirs", "masks": "/data/theirs"}, "tta": None}
    runs.evaluation = FakeEvaluation(RESULTS, summary=given)
    cohort.read_results(Path("results"))
    qtbot.waitUntil(lambda: cohort.evaluation is not None)
    assert about_line(cohort) == "3 cases  ·  all scored  ·  masks theirs"


def test_a_case_that_failed_says_why(qtbot: QtBot, opened: CohortPanel, cohort: CohortSession, runs: FakeRuns) -> None:
    folder = cohort.entries[0].files.folder
    runs.evaluation = FakeEvaluation(RESULTS[1:], {A: f"{folder}: {A} has no truth"})
    cohort.read_results(Path("results"))
    qtbot.waitUntil(lambda: cohort.evaluation is not None)
    assert column(opened, 0)[-1] == A
    assert column(opened, REMARK)[-1] == f"{A} has no truth"
    assert "2 scored, 1 without a score" in about_line(cohort)


def test_what_is_amiss_with_folder_and_results_is_said(
    qtbot: QtBot, opened: CohortPanel, cohort: CohortSession, runs: FakeRuns, tmp_path: Path
) -> None:
    (tmp_path / "data" / "odd").mkdir()
    (tmp_path / "data" / "odd" / "scan.nii.gz").touch()
    runs.evaluation = FakeEvaluation((*RESULTS, result("gone", 1.0, 1.0, 1.0)))
    with qtbot.waitSignal(cohort.cohort_changed):
        cohort.open(tmp_path / "data")
    cohort.read_results(Path("results"))
    qtbot.waitUntil(lambda: cohort.evaluation is not None)
    note = "1 folder with images could not be taken for a case; 1 of the results is of a case not found here"
    assert note in texts(opened)


def test_a_running_evaluation_shows_how_far_it_is_and_can_be_stopped(
    qtbot: QtBot, opened: CohortPanel, cohort: CohortSession, runs: FakeRuns
) -> None:
    runs.gate.clear()
    cohort.evaluate(QUICK, Path("results"))
    qtbot.waitUntil(lambda: len(cohort.scored) == 1)
    qtbot.waitUntil(lambda: "about 12 s left" in texts(opened))
    assert f"{B}: 1 of 3" in texts(opened)
    assert column(opened, AVERAGE) == ["0.900", "–", "–"]
    (results,) = (tool for tool in opened.findChildren(QToolButton) if "results" in tool.toolTip())
    assert not press(opened, "Evaluate…").isEnabled()
    assert not results.isEnabled()
    press(opened, "Cancel").click()
    qtbot.waitUntil(lambda: not cohort.evaluating.is_running)
    assert press(opened, "Evaluate…").isEnabled()
    assert results.isEnabled()
    assert column(opened, AVERAGE) == ["0.900", "–", "–"]


def test_a_failure_is_told_and_can_be_dismissed(qtbot: QtBot, panel: CohortPanel, cohort: CohortSession) -> None:
    cohort.read_results(Path("none"))
    qtbot.waitUntil(lambda: cohort.reading.failure is not None)
    assert "none: holds no results" in texts(panel)
    press(panel, "Copy details").click()
    assert QGuiApplication.clipboard().text().startswith("none: holds no results\n\nTraceback")
    press(panel, "Dismiss").click()
    assert "none: holds no results" not in texts(panel)


# Choosing a case


def test_a_click_asks_for_the_case(qtbot: QtBot, panel: CohortPanel, cohort: CohortSession) -> None:
    asked = asked_ids(cohort)
    qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=middle(panel, 1))
    assert asked == [C]


def test_arrows_go_through_the_cases_and_return_asks_for_one(
    qtbot: QtBot, panel: CohortPanel, cohort: CohortSession
) -> None:
    asked = asked_ids(cohort)
    panel.view.select_first()
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Up)
    assert asked == []
    qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    assert asked == [C]


def test_the_open_case_is_marked(panel: CohortPanel, cohort: CohortSession) -> None:
    cohort.set_current(cohort.shown[1].files)
    model = panel.view.model()
    bold = [model.index(row, 0).data(Qt.ItemDataRole.FontRole).bold() for row in range(3)]
    assert bold == [False, True, False]


def test_the_selected_case_stays_selected_where_rows_move(panel: CohortPanel, cohort: CohortSession) -> None:
    panel.view.select_first()
    cohort.sort_by(Column.AVERAGE)
    assert column(panel, 0) == [A, C, B]
    selected = panel.view.selected_entry()
    assert selected is not None
    assert selected.id == B
    assert panel.view.currentIndex().row() == 2


# The table


def test_a_click_on_a_heading_sorts_and_a_second_turns_the_order(
    qtbot: QtBot, panel: CohortPanel, cohort: CohortSession
) -> None:
    header = panel.view.horizontalHeader()
    place = COLUMNS.index(Column.ET)
    at = QPoint(header.sectionViewportPosition(place) + 10, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert cohort.order == Order(Column.ET, descending=False)
    assert panel.view.model().headerData(place, Qt.Orientation.Horizontal) == "ET ▴"
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert column(panel, 0) == [A, C, B]
    assert panel.view.model().headerData(place, Qt.Orientation.Horizontal) == "ET ▾"
    assert panel.view.model().headerData(AVERAGE, Qt.Orientation.Horizontal) == "Average"


def test_words_filter_the_table(qtbot: QtBot, panel: CohortPanel, cohort: CohortSession) -> None:
    (field,) = panel.findChildren(QLineEdit)
    qtbot.keyClicks(field, "enhancing")
    assert column(panel, 0) == [B, C]
    assert "2 shown" in about_line(cohort)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert panel.view.currentIndex().row() == 0
    qtbot.keyClicks(field, " nowhere")
    assert column(panel, 0) == []
    assert "No case has these words in its name or remarks" in texts(panel)


@pytest.mark.parametrize(("scheme", "colours"), [(Scheme.Dark, DARK), (Scheme.Light, LIGHT)])
def test_low_scores_have_the_tones_of_the_look(
    qapp: QApplication, panel: CohortPanel, scheme: Scheme, colours: object
) -> None:
    theme = Theme(qapp)
    theme.set_scheme(scheme)
    et = COLUMNS.index(Column.ET)
    drawn = []
    for row in range(3):
        option = QStyleOptionViewItem()
        option.initFrom(panel.view)
        panel.view.itemDelegate().initStyleOption(option, panel.view.model().index(row, et))
        drawn.append(option.palette.color(QPalette.ColorRole.Text).name())
    expected = theme.colours
    assert expected == colours
    assert drawn == [expected.danger, expected.warning, expected.text]
    theme.set_scheme(Scheme.Dark)


@pytest.mark.parametrize(
    ("width", "hidden"),
    [(1400, []), (800, [Column.HD95_ET, Column.HD95_TC, Column.HD95_WT]), (400, [*COLUMNS[5:]])],
)
def test_what_has_no_room_is_left_out(qtbot: QtBot, panel: CohortPanel, width: int, hidden: list[Column]) -> None:
    panel.resize(width, 700)
    qtbot.waitUntil(lambda: widths(panel) == panel.view.viewport().width())
    assert panel.width() == width
    shown = [not panel.view.isColumnHidden(place) for place in range(len(COLUMNS))]
    assert [column for column, here in zip(COLUMNS, shown, strict=True) if not here] == hidden


def test_cells_say_more_when_pointed_at(panel: CohortPanel) -> None:
    tip = panel.view.model().index(0, COLUMNS.index(Column.ET)).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == "ET: Dice 0.300, HD95 5.0 mm, sensitivity 0.300, 10.0 ml predicted, 10.0 ml in truth"
    every = panel.view.model().index(0, AVERAGE).data(Qt.ItemDataRole.ToolTipRole)
    assert [line[:3] for line in every.splitlines()] == ["ET:", "TC:", "WT:"]


# Numbers over the cohort, and the way out


def test_the_numbers_over_the_cases(panel: CohortPanel) -> None:
    # ET is 0.3, 0.6 and 0.9; TC and WT are 0.9 everywhere; so the averages are 0.7, 0.8 and 0.9.
    assert "Dice, n = 3" in texts(panel)
    (copy,) = (action for action in panel.findChildren(QToolButton)[-1].menu().actions() if "summary" in action.text())
    copy.trigger()
    assert QGuiApplication.clipboard().text().splitlines() == [
        "\tET\tTC\tWT\taverage",
        "mean\t0.600\t0.900\t0.900\t0.800",
        "std\t0.300\t0.000\t0.000\t0.100",
        "percentile_25\t0.450\t0.900\t0.900\t0.750",
        "percentile_75\t0.750\t0.900\t0.900\t0.850",
        "n\t3",
    ]


def test_the_table_is_copied_as_it_is_shown(panel: CohortPanel, cohort: CohortSession) -> None:
    cohort.set_words("enhancing")
    panel.copy_table()
    header, *rows = QGuiApplication.clipboard().text().splitlines()
    assert header.startswith("case\tdice_average\t")
    assert [row.split("\t")[:3] for row in rows] == [[B, "0.7", "0.3"], [C, "0.8", "0.6"]]
