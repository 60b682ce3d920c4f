"""What a person is asked when files are read or written beside the case itself, and what is then on the disk."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QLabel, QMessageBox, QRadioButton, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.conversation import Conversation
from brats_viewer.dialogs.convention_dialog import ConventionDialog
from brats_viewer.panels.notice_bar import NoticeBar
from brats_viewer.session import Session
from brats_viewer.settings import Settings
from engine.data import CONVENTIONS, Label, LabelMap, Segmentation
from tests.brats_viewer.conftest import WriteCase
from tests.phantoms import phantom_case, phantom_segmentation

CASE = "BraTS-GLI-00001-000"


@pytest.fixture
def session(qapp: QApplication) -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


@pytest.fixture
def talk(qtbot: QtBot, session: Session, settings: Settings, tmp_path: Path) -> Conversation:
    """A conversation in a bare window."""
    window = QWidget()
    qtbot.addWidget(window)
    settings.last_folder = tmp_path
    return Conversation(session, settings, window)


@pytest.fixture
def opened(qtbot: QtBot, session: Session, talk: Conversation, case_folder: Path) -> Session:
    """A case with truth and a prediction: of the truth's labels the enhancing tumour alone."""
    with qtbot.waitSignal(session.case_changed):
        session.open(case_folder)
    assert session.case is not None
    assert session.case.truth is not None
    labels = np.where(session.case.truth.data == Label.ET, Label.ET, Label.BACKGROUND).astype(np.uint8)
    mask = LabelMap(labels, session.case.native)
    session.set_prediction(Segmentation(mask, session.case.id, "unet", "ab" * 32, "cpu", "none", 1.0))
    qtbot.waitUntil(lambda: session.comparison is not None)
    return session


class Asked:
    """Answers file dialogs with a name and a filter, and keeps what they were asked with.

    `meanwhile` is what happens while one is open.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name, self.kind = "", ""
        self.start, self.kinds = "", ""
        self.meanwhile: Callable[[], object] = lambda: None
        for function in ("getSaveFileName", "getOpenFileName"):
            monkeypatch.setattr(QFileDialog, function, self._answer)

    def _answer(self, _parent: QWidget, _title: str, start: str, kinds: str) -> tuple[str, str]:
        self.start, self.kinds = start, kinds
        self.meanwhile()
        return self.name, self.kind or kinds.split(";;", maxsplit=1)[0]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def told_by(talk: Conversation) -> list[tuple[str, str]]:
    """A list that fills with the lines, and their details, that tell what failed."""
    told: list[tuple[str, str]] = []

    def note(line: str, details: str) -> None:
        told.append((line, details))

    talk.failed.connect(note)
    return told


def integers(path: Path) -> set[int]:
    return {int(value) for value in np.unique(np.asarray(nib.load(path).dataobj))}  # type: ignore[attr-defined]


# Exports


def test_a_report_is_written_as_the_chosen_kind(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path, settings: Settings
) -> None:
    written: list[Path] = []
    talk.exported.connect(written.append)
    (tmp_path / "out").mkdir()
    asked.name = str(tmp_path / "out" / "page")
    with qtbot.waitSignal(talk.exported):
        talk.export_report()
    assert asked.start == str(tmp_path / f"{CASE}_report")
    assert asked.kinds == "PDF (*.pdf);;Web page (*.html)"
    asked.kind = "Web page (*.html)"
    with qtbot.waitSignal(talk.exported):
        talk.export_report()
    assert asked.start == str(tmp_path / "out" / f"{CASE}_report")
    assert written == [tmp_path / "out" / "page.pdf", tmp_path / "out" / "page.html"]
    assert written[0].read_bytes().startswith(b"%PDF")
    assert CASE in written[1].read_text(encoding="utf-8")
    assert settings.last_folder == tmp_path / "out"


def test_scores_are_written_as_table_and_as_record(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    for name in ("scores.csv", "scores.json"):
        asked.name = str(tmp_path / name)
        with qtbot.waitSignal(talk.exported):
            talk.export_scores()
    assert (tmp_path / "scores.csv").read_text(encoding="utf-8").startswith("case,prediction,prediction_file,truth,")
    record = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert record["case"] == CASE
    assert record["prediction"]["model"] == "unet"
    assert record["truth"]["file"] == str(tmp_path / CASE / f"{CASE}-seg.nii.gz")
    assert record["regions"]["ET"]["dice"] == 1.0
    assert record["regions"]["WT"]["dice"] < 1.0


def test_a_view_is_written_with_all_its_pixels(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    view = QLabel()
    qtbot.addWidget(view)
    view.setStyleSheet("background: #336699")
    view.resize(60, 40)
    asked.name = str(tmp_path / "view.png")
    with qtbot.waitSignal(talk.exported):
        talk.export_view(view)
    picture = QImage(str(tmp_path / "view.png"))
    ratio = view.devicePixelRatio()
    assert (picture.width(), picture.height()) == (60 * ratio, 40 * ratio)
    assert picture.pixelColor(30, 20).name() == "#336699"


def test_an_export_that_cannot_be_written_is_told(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    notice = NoticeBar(opened)
    qtbot.addWidget(notice)
    asked.name = str(tmp_path / "gone" / "scores.csv")
    talk.export_scores()
    qtbot.waitUntil(lambda: opened.exporting.failure is not None)
    assert notice.text() == f"{asked.name}: its folder does not exist; create it or choose another"


def test_one_export_is_written_at_a_time(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    asked.name = str(tmp_path / "page.html")
    asked.kind = "Web page (*.html)"
    with qtbot.waitSignal(talk.exported) as written:
        talk.export_report()
        asked.name = ""
        talk.export_scores()  # does not even ask, or what is being written would be lost
    assert written.args == [tmp_path / "page.html"]


def test_an_export_that_is_stopped_leaves_nothing(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    written: list[Path] = []
    talk.exported.connect(written.append)
    asked.name = str(tmp_path / "page.pdf")
    talk.export_report()
    opened.exporting.cancel()
    qtbot.waitUntil(lambda: not opened.exporting.is_running)
    assert written == []
    assert not Path(asked.name).exists()


def test_an_ending_that_is_added_never_replaces_a_file_unasked(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    precious = tmp_path / "scores.csv"
    precious.write_text("precious")
    asked.name = str(tmp_path / "scores")
    talk.export_scores()
    assert precious.read_text() == "precious"
    (question,) = talk.parent().findChildren(QMessageBox)
    with qtbot.waitSignal(talk.exported):
        button(question, "replace").click()
    assert precious.read_text().startswith("case,")


def test_nothing_is_written_where_no_name_is_given(
    opened: Session, talk: Conversation, asked: Asked, settings: Settings, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    talk.export_report()
    talk.export_scores()
    assert sorted(tmp_path.iterdir()) == before
    assert settings.last_folder == tmp_path


def test_a_report_is_never_of_a_case_that_was_opened_meanwhile(
    opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    told = told_by(talk)
    asked.name, asked.meanwhile = str(tmp_path / "page.html"), lambda: opened.set_case(phantom_case())
    asked.kind = "Web page (*.html)"
    talk.export_report()
    assert told[0][0] == f"{asked.name}: not written, since another case was opened meanwhile"
    assert not Path(asked.name).exists()


# The mask's integers


def test_a_mask_is_saved_with_the_cases_own_integers_or_those_chosen(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    asked.name = str(tmp_path / "own.nii.gz")
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save()
    assert integers(tmp_path / "own.nii.gz") == {0, 3}
    kinds = asked.kinds.split(";;")
    assert kinds[0] == "Labels of BraTS 2023: 1 NCR, 2 ED, 3 ET (*.nii.gz *.nii)"
    assert len(kinds) == len(set(kinds)) == len(CONVENTIONS)

    asked.name, asked.kind = str(tmp_path / "other.nii.gz"), next(kind for kind in kinds if "2017-2021" in kind)
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save_as()
    assert integers(tmp_path / "other.nii.gz") == {0, 4}
    record = json.loads((tmp_path / "other.json").read_text(encoding="utf-8"))
    assert record["labels"]["convention"] == "brats2020"


def test_saving_again_keeps_the_integers(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    asked.name, asked.kind = str(tmp_path / "m.nii.gz"), "Labels of BraTS 2017-2021: 1 NCR, 2 ED, 4 ET (*.nii.gz *.nii)"
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save_as()
    assert opened.prediction is not None
    opened.set_prediction(opened.prediction)
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save()
    assert integers(tmp_path / "m.nii.gz") == {0, 4}


def test_what_waited_for_a_mask_is_forgotten_when_the_question_is_declined(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    left: list[int] = []
    (tmp_path / "mask.nii.gz").write_bytes(b"precious")
    asked.name = str(tmp_path / "mask")
    talk.leave(lambda: left.append(1))
    button(talk.parent().findChildren(QMessageBox)[0], "save").click()
    question = next(box for box in talk.parent().findChildren(QMessageBox) if "Replace" in box.text())
    question.button(QMessageBox.StandardButton.Cancel).click()
    asked.name = str(tmp_path / "another.nii.gz")
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save()
    assert left == []


def test_what_would_lose_a_mask_that_is_being_saved_waits_without_a_question(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    left: list[bool] = []
    asked.name = str(tmp_path / "mask.nii.gz")
    talk.save()
    talk.leave(lambda: left.append(Path(asked.name).exists()))
    assert talk.parent().findChildren(QMessageBox) == []
    assert left == []
    qtbot.waitUntil(lambda: left == [True])


def test_what_waits_for_a_mask_does_not_wait_for_that_of_another_case(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    left: list[int] = []
    asked.name = str(tmp_path / "mask.nii.gz")
    talk.save()
    talk.leave(lambda: left.append(1))
    other = phantom_case()
    opened.set_case(other)
    opened.set_prediction(phantom_segmentation(other))
    asked.name = str(tmp_path / "other.nii.gz")
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save()
    assert not opened.has_unsaved_prediction
    assert left == []


def test_what_waits_is_forgotten_when_the_mask_cannot_be_saved(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    left: list[int] = []
    asked.name = str(tmp_path / "gone" / "mask.nii.gz")
    talk.save()
    talk.leave(lambda: left.append(1))
    qtbot.waitUntil(lambda: opened.saving.failure is not None)
    asked.name = str(tmp_path / "mask.nii.gz")
    with qtbot.waitSignal(opened.prediction_changed):
        talk.save()
    assert left == []


def test_the_mask_of_another_case_is_not_saved_in_place_of_the_one_that_was_asked_about(
    opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    told, other = told_by(talk), phantom_case()

    def open_other() -> None:
        opened.set_case(other)
        opened.set_prediction(phantom_segmentation(other))

    asked.name, asked.meanwhile = str(tmp_path / "mask.nii.gz"), open_other
    talk.save_as()
    assert told == [(f"{asked.name}: not saved, since {CASE} is not open any more", "")]
    assert not opened.saving.is_running


# Another reader's labels


def foreign_case(qtbot: QtBot, session: Session, write_case: WriteCase) -> Path:
    """Open a case that no name tells the labels of, and return its mask."""
    folder = write_case("patient")
    mask = folder / "patient-seg.nii.gz"
    session.files_found.disconnect()
    session.files_found.connect(lambda files: session.load(files, truth=False))
    with qtbot.waitSignal(session.case_changed):
        session.open(folder)
    return mask


def test_labels_that_the_names_tell_are_read_at_once(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, case_folder: Path, settings: Settings
) -> None:
    asked.name = str(case_folder / f"{CASE}-seg.nii.gz")
    with qtbot.waitSignal(opened.readings_changed):
        talk.open_labels()
    assert opened.reading(asked.name) is not None
    assert settings.last_folder == case_folder


def test_labels_of_unknown_meaning_are_asked_about(
    qtbot: QtBot, session: Session, talk: Conversation, asked: Asked, write_case: WriteCase
) -> None:
    mask = foreign_case(qtbot, session, write_case)
    asked.name = str(mask)
    talk.open_labels()
    dialog = wait_for_dialog(qtbot, talk)
    assert not [box for box in dialog.findChildren(QDialogButtonBox) if len(box.buttons()) > 2]
    dialog.findChild(QRadioButton, "brats2020").click()
    dialog.accept()
    contradicted = wait_for_dialog(qtbot, talk)  # the file holds 3, which BraTS 2020 does not have
    contradicted.findChild(QRadioButton, "decathlon").click()
    with qtbot.waitSignal(session.readings_changed):
        contradicted.accept()
    labels = session.label_map(str(mask))
    assert labels is not None
    written = np.asarray(nib.load(mask).dataobj)  # type: ignore[attr-defined]
    assert np.array_equal(labels.data == Label.NCR, written == 2)


def test_labels_are_not_read_for_a_case_that_was_opened_meanwhile(
    opened: Session, talk: Conversation, asked: Asked, case_folder: Path
) -> None:
    asked.name = str(case_folder / f"{CASE}-seg.nii.gz")
    asked.meanwhile = lambda: opened.set_case(phantom_case())
    talk.open_labels()
    assert not opened.reading_in.is_running


def test_labels_whose_meaning_is_told_too_late_are_not_read(
    qtbot: QtBot, session: Session, talk: Conversation, asked: Asked, write_case: WriteCase
) -> None:
    asked.name = str(foreign_case(qtbot, session, write_case))
    talk.open_labels()
    dialog = wait_for_dialog(qtbot, talk)
    session.set_case(phantom_case())
    dialog.findChild(QRadioButton, "decathlon").click()
    dialog.accept()
    assert not session.reading_in.is_running


def test_labels_on_another_grid_are_told(
    qtbot: QtBot, opened: Session, talk: Conversation, asked: Asked, tmp_path: Path
) -> None:
    path = tmp_path / "BraTS-GLI-00009-000-seg.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), np.uint8), np.eye(4)), path)  # type: ignore[no-untyped-call,attr-defined]
    asked.name = str(path)
    with qtbot.waitSignal(talk.failed) as told:
        talk.open_labels()
    line, details = told.args
    assert "only labels on the case's own grid can be laid over it" in line
    assert details.startswith(f"{line}\n\nTraceback")


def wait_for_dialog(qtbot: QtBot, talk: Conversation) -> ConventionDialog:
    def visible() -> list[ConventionDialog]:
        return [dialog for dialog in talk.parent().findChildren(ConventionDialog) if dialog.isVisible()]

    qtbot.waitUntil(lambda: len(visible()) == 1)
    return visible()[0]


def button(box: QMessageBox, name: str) -> QWidget:
    return next(found for found in box.buttons() if found.objectName() == name)
