"""The page of trainings in the window: what it shows of each state, its curves, and what its buttons do."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QTextDocument, QWheelEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from brats_viewer import training_session
from brats_viewer.app import MainWindow
from brats_viewer.dialogs.train_results import TrainResults
from brats_viewer.panels.training_chart import Trace, TrainingChart
from brats_viewer.panels.training_preview import borders
from brats_viewer.training import runs_folder
from engine.data import Label, Region
from engine.runs.log import Point
from engine.runs.preview import write_preview
from engine.runs.state import Command, Stage, asked
from engine.runs.table import write_table
from tests.brats_viewer.driving import answer, trigger
from tests.brats_viewer.runs import STATE, append, hold, preview, say, write_run
from tests.brats_viewer.words import visible_words


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run in which this process trains."""
    monkeypatch.setattr(training_session, "LOOK_EVERY_MS", 20)
    return write_run(runs_folder() / "glioma")


@pytest.fixture
def watched(qtbot: QtBot, run: Path, window: MainWindow) -> Iterator[MainWindow]:
    """The window with the run in it."""
    window.watch_training(run)
    charts = window.training_panel.curves.charts.values()
    qtbot.waitUntil(lambda: all(chart.traces for chart in charts))
    yield window
    hold(run, held=False)
    window.training.close()  # so that closing the window asks nothing
    window._trainings_left = True


def shown(window: MainWindow) -> list[str]:
    return [b.text() for b in window.training_panel.findChildren(QPushButton) if b.isVisible() and b.text()]


def press(window: MainWindow, text: str) -> None:
    button = next(b for b in window.training_panel.findChildren(QPushButton) if b.isVisible() and b.text() == text)
    assert button.isEnabled()
    button.click()


def test_without_a_run_it_offers_to_train(window: MainWindow) -> None:
    trigger(window, "training")
    assert "Train a model on your own cases" in visible_words(window.training_panel)
    assert window.training_panel.isVisible()
    trigger(window, "training")
    assert not window.training_panel.isVisible()


def test_a_running_training_shows_how_far_it_is(watched: MainWindow) -> None:
    words = visible_words(watched.training_panel)
    for said in (
        "glioma",
        "Training",
        "Epoch 21 of 60, step 40 of 120",
        "Step 15: out of memory: two samples at a time",
    ):
        assert said in words
    assert {"Pause", "Stop"} <= set(shown(watched))
    assert "Resume" not in shown(watched)


def test_curves_are_drawn_and_the_best_is_marked(watched: MainWindow) -> None:
    charts = watched.training_panel.curves.charts
    assert [trace.name for trace in charts["dice"].traces] == ["ET", "TC", "WT", "Mean"]
    assert charts["dice"].traces[-1].best == 1
    assert charts["loss"].traces[0].y.tolist() == [2.0, 1.0, 2 / 3, 0.5]
    assert charts["rate"].traces[0].x.tolist() == [10, 20, 30, 40]
    press(watched, "Time")
    assert charts["loss"].traces[0].x.tolist() == [5 / 60, 10 / 60, 15 / 60, 20 / 60]
    press(watched, "WT")
    assert [trace.name for trace in charts["dice"].traces] == ["WT"]


def test_curves_move_as_the_log_grows(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    append(run, Point(50, 25.0, 0.1, 1e-3))
    qtbot.waitUntil(lambda: watched.training_panel.curves.charts["loss"].traces[0].y[-1] == 0.1)


def test_a_run_laid_beside_compares_the_means(qtbot: QtBot, watched: MainWindow) -> None:
    other = write_run(runs_folder() / "other", replace(STATE, stage=Stage.FINISHED))
    watched.training.look()
    qtbot.waitUntil(lambda: watched.training.run(other) is not None)
    watched.training.compare(other, beside=True)
    dice = watched.training_panel.curves.charts["dice"]
    qtbot.waitUntil(lambda: [trace.name for trace in dice.traces] == ["glioma", "other"])
    first, second = (trace.colour.name() for trace in dice.traces)
    assert first != second


def test_the_preview_is_redrawn(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    write_preview(run, preview(step=60))
    qtbot.waitUntil(lambda: "case, step 60\nDice 0.500" in visible_words(watched.training_panel))


def test_pausing_going_on_and_stopping_are_told_to_the_training(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    press(watched, "Pause")
    qtbot.waitUntil(lambda: asked(run) is Command.PAUSE)
    assert "Pausing after this step…" in visible_words(watched.training_panel)
    say(run, stage=Stage.PAUSED)
    qtbot.waitUntil(lambda: "Go on" in shown(watched))
    press(watched, "Go on")
    qtbot.waitUntil(lambda: asked(run) is Command.GO)
    say(run)
    qtbot.waitUntil(lambda: "Pause" in shown(watched) and watched.training.asked_of(run) is None)
    press(watched, "Stop")
    qtbot.waitUntil(lambda: asked(run) is Command.STOP)


@pytest.mark.parametrize(
    ("stage", "message", "said"),
    [
        (Stage.FAILED, "the loss is not a number", "The loss is not a number"),
        (Stage.STOPPED, "", "What it had learnt is kept; it can be resumed."),
    ],
)
def test_what_ended_says_why_and_can_be_resumed(
    qtbot: QtBot, watched: MainWindow, run: Path, stage: Stage, message: str, said: str
) -> None:
    say(run, stage=stage, message=message)
    qtbot.waitUntil(lambda: "Resume" in shown(watched))
    assert said in visible_words(watched.training_panel)
    assert "Pause" not in shown(watched)
    assert watched.actions_by_id["resume_training"].isEnabled()


def test_an_interrupted_training_says_so(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    hold(run, held=False)
    qtbot.waitUntil(lambda: "Resume" in shown(watched))
    words = visible_words(watched.training_panel)
    assert any("it was killed, or the machine went off" in line for line in words)
    (run / "output.txt").write_text("Traceback: of something\n", encoding="utf-8")
    press(watched, "Copy details")
    assert QApplication.clipboard().text().endswith("Traceback: of something")


def test_a_finished_training_leads_to_its_results(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    write_table(run, {"a": dict.fromkeys(Region, 0.8)})
    with qtbot.waitSignal(watched.session.engine_surveyed):  # its model may be among them
        say(run, stage=Stage.FINISHED, step=120)
    opened = watched.findChild(TrainResults)
    assert isinstance(opened, TrainResults)
    assert opened.table.item(1, 0).text() == "a"
    with qtbot.waitSignal(opened.destroyed):
        opened.close()
    press(watched, "Results of its validation cases")
    assert watched.findChild(TrainResults).isVisible()


def test_one_that_finishes_while_a_case_is_looked_at_is_told_of(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    trigger(watched, "training")
    write_table(run, {"a": dict.fromkeys(Region, 0.8)})
    with qtbot.waitSignal(watched.training.run_ended):
        say(run, stage=Stage.FINISHED, step=120)
    assert watched.findChild(TrainResults) is None
    assert "“glioma” has finished" in watched.training_notice.text()
    watched.training_notice._watch.click()
    assert watched.training_panel.isVisible()
    assert watched.findChild(TrainResults).isVisible()


def test_curves_of_a_hidden_page_are_drawn_when_it_is_shown(qtbot: QtBot, watched: MainWindow, run: Path) -> None:
    trigger(watched, "training")
    with qtbot.waitSignal(watched.training.curves_changed):
        append(run, Point(50, 25.0, 0.1, 1e-3))
    loss = watched.training_panel.curves.charts["loss"]
    assert len(loss.traces[0].x) == 4
    trigger(watched, "training")
    assert loss.traces[0].x.tolist() == [10, 20, 30, 40, 50]


def test_a_new_window_finds_a_training_that_runs(qtbot: QtBot, run: Path, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.training_notice.text() != "")
    assert window.training_notice.text() == "“glioma” is being trained: epoch 21 of 60, step 40 of 120"
    window.training_notice._watch.click()
    assert window.training_panel.isVisible()
    assert window.training.watched is not None
    hold(run, held=False)
    window.training.close()
    window._trainings_left = True


@pytest.mark.parametrize(("button", "command"), [("Go on", Command.GO), ("Stop and keep", Command.STOP)])
def test_closing_the_window_asks_what_becomes_of_a_training(
    watched: MainWindow, run: Path, button: str, command: Command
) -> None:
    assert not watched.close()
    answer(watched, button)
    assert not watched.isVisible()
    assert asked(run) is command


def test_closing_can_be_cancelled(watched: MainWindow) -> None:
    watched.close()
    answer(watched, "Cancel")
    assert watched.isVisible()
    assert watched.findChild(QMessageBox) is not None


# The chart


@pytest.fixture
def chart(qtbot: QtBot) -> TrainingChart:
    chart = TrainingChart("Loss", "{:.2f}".format)
    qtbot.addWidget(chart)
    chart.resize(600, 200)
    x = np.arange(0.0, 101.0)
    line = Trace("one", x, x / 10, chart.palette().text().color(), best=40)
    chart.show_traces([line, replace(line, name="two", noisy=True, best=None)], [50.0], 100.0, "step {:.0f}".format)
    chart.span_asked.connect(chart.show_span)
    chart.pointed.connect(chart.show_pointed)
    with qtbot.waitExposed(chart):
        chart.show()
    return chart


def at(chart: TrainingChart, x: float) -> QPoint:
    """Where in the plot an x is."""
    view = chart.plot.getViewBox()
    return chart.plot.mapFromScene(view.mapViewToScene(QPointF(x, sum(view.viewRange()[1]) / 2)))


def turn_wheel(chart: TrainingChart, x: float, angle: int) -> None:
    place, none = QPointF(at(chart, x)), Qt.MouseButton.NoButton
    keys, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    chart.plot.wheelEvent(QWheelEvent(place, place, QPoint(), QPoint(0, angle), none, keys, phase, False))


def test_all_of_the_curves_is_shown_and_all_heights(chart: TrainingChart) -> None:
    (left, right), (low, high) = chart.plot.getViewBox().viewRange()
    assert (left, right) == (0, 102)
    assert low == 0
    assert high >= 10
    assert (chart._best.data["x"].tolist(), chart._best.data["y"].tolist()) == ([40.0], [4.0])
    noise, smooth = (items[1].getOriginalDataset() for items in (chart._noise, chart._lines))
    assert noise[1].tolist() == [step / 10 for step in range(101)]
    assert smooth[1][-1] == pytest.approx(10.0)  # of one value: a sixtieth of a hundred


def test_the_wheel_zooms_about_the_mouse_and_a_double_click_shows_all(qtbot: QtBot, chart: TrainingChart) -> None:
    turn_wheel(chart, 51.0, 120)
    low, high = chart.shown
    assert 50 < high - low < 95
    assert (low + high) / 2 == pytest.approx(51, abs=0.5)
    for _ in range(3):
        turn_wheel(chart, 51.0, -120)
    assert chart.shown == (0.0, 102.0)
    turn_wheel(chart, 51.0, 120)
    qtbot.mouseDClick(chart.plot.viewport(), Qt.MouseButton.LeftButton)
    assert chart.shown == (0.0, 102.0)


def test_keys_zoom_and_move(qtbot: QtBot, chart: TrainingChart) -> None:
    qtbot.keyClick(chart.plot, Qt.Key.Key_Plus)
    assert chart.shown == pytest.approx((10.2, 91.8))
    qtbot.keyClick(chart.plot, Qt.Key.Key_Right)
    assert chart.shown == pytest.approx((20.4, 102))
    qtbot.keyClick(chart.plot, Qt.Key.Key_0)
    assert chart.shown == (0.0, 102.0)


def test_the_values_under_the_mouse_are_said(qtbot: QtBot, chart: TrainingChart) -> None:
    with qtbot.waitSignal(chart.pointed) as pointed:
        qtbot.mouseMove(chart.plot.viewport(), at(chart, 30.0))
    assert pointed.args[0] == pytest.approx(30, abs=0.2)
    assert {"step 30", "one 3.00"} <= set(words_above(chart))
    QApplication.sendEvent(chart.plot, QEvent(QEvent.Type.Leave))
    assert "one 10.00" in words_above(chart)
    assert chart.plot.accessibleDescription() == "one 10.00; two 10.00"


def words_above(chart: TrainingChart) -> list[str]:
    """The title, and each name with its value."""
    document = QTextDocument()
    document.setHtml(chart._words.text())
    return [part.strip(" ━╍") for part in document.toPlainText().replace("\u00a0", " ").split("  ")]


def test_an_outline_runs_between_pixels() -> None:
    lines = borders(np.array([[0, 3], [0, 0]], np.uint8), Label.ET)
    ends = {tuple(sorted(((line.x1(), line.y1()), (line.x2(), line.y2())))) for line in lines}
    assert ends == {((1, 0), (2, 0)), ((1, 1), (2, 1)), ((1, 0), (1, 1)), ((2, 0), (2, 1))}
