"""With what a cohort is evaluated, and what a person is asked about it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.cohort_conversation import CohortConversation
from brats_viewer.cohort_session import EVALUATE, CohortSession
from brats_viewer.job import Job
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from tests.brats_viewer.cohorts import FakeRuns, write_cases
from tests.brats_viewer.inline import InlineEngine


@pytest.fixture
def engine() -> InlineEngine:
    return InlineEngine()


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def cohort(runs: FakeRuns, session: Session) -> Iterator[CohortSession]:
    cohort = CohortSession(runs)
    yield cohort
    runs.gate.set()
    cohort.close()
    assert Job.wait_for_all(5)


@pytest.fixture
def talk(qtbot: QtBot, cohort: CohortSession, session: Session, settings: Settings) -> CohortConversation:
    """A conversation in a bare window, about three cases."""
    window = QWidget()
    qtbot.addWidget(window)
    return CohortConversation(cohort, session, settings, window)


@pytest.fixture
def opened(qtbot: QtBot, talk: CohortConversation, cohort: CohortSession, session: Session, tmp_path: Path) -> Path:
    """The folder of three cases in the table, with a model to evaluate."""
    folder = write_cases(tmp_path / "data")
    with qtbot.waitSignals([cohort.cohort_changed, session.engine_surveyed]):
        cohort.open(folder)
        session.survey()
    return folder


def answer(monkeypatch: pytest.MonkeyPatch, folder: Path, meanwhile: Callable[[], object] = lambda: None) -> list[str]:
    """Answer questions for a folder; a list that fills with them."""
    asked: list[str] = []

    def ask(_parent: QWidget, title: str, _start: str) -> str:
        asked.append(title)
        meanwhile()
        return str(folder)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", ask)
    return asked


def test_without_a_model_nothing_is_asked(
    talk: CohortConversation, cohort: CohortSession, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_plan("quick", "cpu", "none")  # as the settings have it, before it is known whether it is there
    asked = answer(monkeypatch, Path("results"))
    talk.evaluate()
    assert cohort.method is None
    assert asked == []


def test_the_question_names_what_will_be_evaluated(
    talk: CohortConversation,
    opened: Path,
    cohort: CohortSession,
    session: Session,
    runs: FakeRuns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cohort.method is not None
    assert cohort.method.title == "Quick on the fastest device, TTA: eight mirror images"
    session.set_plan("lenient", "cpu", "none")
    asked = answer(monkeypatch, Path("results"), lambda: session.set_plan("quick", "auto", "flips"))
    talk.evaluate()
    assert asked == ["Choose a folder for the scores and masks of Lenient on Two cores, TTA: off"]
    options = {"model": "lenient", "tta": "none", "device": "cpu"}  # what was named, whatever is chosen meanwhile
    assert runs.asked == [(EVALUATE, (opened, Path("results")), options)]


def test_nothing_is_evaluated_while_another_folder_is_being_opened(
    talk: CohortConversation, opened: Path, cohort: CohortSession, runs: FakeRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, Path("results"), lambda: cohort.open(opened))
    talk.evaluate()
    assert cohort.opening.is_running
    assert runs.asked == []
