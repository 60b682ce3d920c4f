"""The session without any widget, with a fake engine that runs in the job's own thread."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.remote import KEEP, SEGMENT, SEGMENT_KEPT
from brats_viewer.session import Overlay, Plan, Reading, Session
from engine.data import CONVENTIONS, CaseFiles, Label, Modality, Region, find_case
from engine.errors import EngineError, GridMismatchError, LabelConventionError
from engine.progress import Work
from tests.brats_viewer import fake_work
from tests.brats_viewer.conftest import PATIENT_MS, FakeEngine, WriteCase
from tests.brats_viewer.inline import InlineEngine
from tests.phantoms import phantom_case, phantom_segmentation

QUICK = Plan("quick", "auto", "flips")


@pytest.fixture
def inline() -> InlineEngine:
    return InlineEngine()


@pytest.fixture
def session(qapp: QApplication, qtbot: QtBot, inline: InlineEngine) -> Iterator[Session]:
    session = Session(inline)
    with qtbot.waitSignal(session.engine_surveyed):
        session.survey()
    session.files_found.connect(session.load)
    yield session
    session.close()


def settle(qtbot: QtBot, session: Session) -> None:
    lanes = (session.opening, session.segmenting, session.scoring, session.saving, session.reading_in)
    qtbot.waitUntil(lambda: not any(lane.is_running for lane in lanes))


def open_case(qtbot: QtBot, session: Session, path: Path) -> None:
    session.open(path)
    settle(qtbot, session)


def test_a_folder_becomes_the_open_case(qtbot: QtBot, session: Session, case_folder: Path) -> None:
    open_case(qtbot, session, case_folder)
    assert session.case is not None
    assert session.case.id == "BraTS-GLI-00001-000"
    assert session.overlay is Overlay.TRUTH
    assert session.cursor == (20, 24, 18)


def test_a_failed_open_keeps_the_open_case(qtbot: QtBot, session: Session, case_folder: Path, tmp_path: Path) -> None:
    open_case(qtbot, session, case_folder)
    before = session.case
    open_case(qtbot, session, tmp_path / "nowhere")
    assert session.opening.failure is not None
    assert session.opening.failure.line == f"{tmp_path / 'nowhere'}: there is no such file or folder; check the name"
    assert session.case is before


def test_a_damaged_image_keeps_the_open_case(qtbot: QtBot, session: Session, write_case: WriteCase) -> None:
    open_case(qtbot, session, write_case())
    before = session.case
    damaged = write_case("BraTS-GLI-00002-000")
    image = damaged / "BraTS-GLI-00002-000-t2f.nii.gz"
    image.write_bytes(image.read_bytes()[:-200])
    open_case(qtbot, session, damaged)
    assert session.opening.failure is not None
    assert str(image) in session.opening.failure.line
    assert session.case is before


def test_a_truth_of_unknown_labels_is_asked_about(qtbot: QtBot, session: Session, write_case: WriteCase) -> None:
    asked: list[tuple[CaseFiles, EngineError]] = []
    session.decision_needed.connect(lambda files, error: asked.append((files, error)))
    open_case(qtbot, session, write_case("patient"))
    (files, error), *more = asked
    assert more == []
    assert isinstance(error, LabelConventionError)
    assert session.case is None
    session.load(replace(files, convention=CONVENTIONS["brats2023"]))
    settle(qtbot, session)
    assert session.case is not None
    assert session.case.truth is not None
    assert np.unique(session.case.truth.data).tolist() == [0, Label.NCR, Label.ED, Label.ET]


def test_a_truth_may_be_left_out(qtbot: QtBot, session: Session, write_case: WriteCase) -> None:
    session.decision_needed.connect(lambda files, _: session.load(files, truth=False))
    session.open(write_case("patient"))
    qtbot.waitUntil(lambda: session.case is not None)
    assert session.case is not None
    assert session.case.truth is None
    assert session.overlay is Overlay.PREDICTION


def test_images_on_two_grids_are_resampled_if_a_person_agrees(
    qtbot: QtBot, session: Session, case_folder: Path
) -> None:
    path = case_folder / f"{case_folder.name}-t2f.nii.gz"
    image = nib.load(path)
    moved = image.affine.copy()
    moved[0, 3] += 3.0
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), moved), path)
    asked: list[tuple[CaseFiles, EngineError]] = []
    session.decision_needed.connect(lambda files, error: asked.append((files, error)))
    open_case(qtbot, session, case_folder)
    (files, error), *_ = asked
    assert isinstance(error, GridMismatchError)
    assert "3.00 mm" in str(error)
    session.load(files, resample=True)
    settle(qtbot, session)
    assert session.case is not None
    assert any("resampled" in warning for warning in session.case.warnings)


def test_the_plan_takes_only_what_there_is(session: Session) -> None:
    session.set_plan("gone", "cuda:7", "twice")
    assert session.plan == Plan("quick", "auto", "flips")
    session.set_plan("endless", "cpu", "none")
    assert session.plan == Plan("endless", "cpu", "none")


def test_a_segmentation_is_shown_scored_and_unsaved(
    qtbot: QtBot, session: Session, inline: InlineEngine, case_folder: Path
) -> None:
    open_case(qtbot, session, case_folder)
    session.set_plan("quick", "cpu", "none")
    session.segment()
    settle(qtbot, session)
    assert inline.asked == [{"model": "quick", "device": "cpu", "tta": "none", "uncertainty": True}]
    assert session.prediction is not None
    assert session.overlay is Overlay.PREDICTION
    assert session.has_unsaved_prediction
    assert session.volumes_ml(Overlay.PREDICTION)[Label.ET] == pytest.approx(6 * 5 * 4 / 1000)
    assert session.comparison is not None
    assert session.comparison.scores[Region.ET].prediction_ml == pytest.approx(0.12)
    assert session.pair == (Overlay.PREDICTION, Overlay.TRUTH)


def test_the_crosshair_goes_to_a_mask_that_it_is_not_in(session: Session) -> None:
    case = phantom_case("RAS", shape=(40, 48, 36), with_truth=False)
    session.set_case(case)
    prediction = phantom_segmentation(phantom_case("RAS", shape=(40, 48, 36)))
    labels = np.zeros_like(prediction.labels.data)
    labels[2:5, 3:8, 30] = Label.ED
    labels[2, 3, 31] = Label.ED
    session.set_prediction(replace(prediction, labels=replace(prediction.labels, data=labels)))
    assert session.cursor == (3, 5, 30)


def test_a_result_for_another_case_is_dropped(
    qtbot: QtBot, session: Session, inline: InlineEngine, write_case: WriteCase
) -> None:
    open_case(qtbot, session, write_case())
    inline.gate.clear()
    session.segment()
    qtbot.waitUntil(lambda: bool(inline.asked))
    open_case_path = write_case("BraTS-GLI-00002-000")
    with qtbot.waitSignal(session.case_changed):
        session.open(open_case_path)
    inline.gate.set()
    settle(qtbot, session)
    assert session.case is not None
    assert session.case.id == "BraTS-GLI-00002-000"
    assert session.prediction is None
    assert session.comparison is None
    session.segment()
    settle(qtbot, session)
    assert session.prediction is not None


@pytest.fixture
def asked(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine's process is asked for, in order."""
    plain, asked = engine.run, []

    def run(function: str, /, *arguments: Any, **options: Any) -> Work[Any]:
        asked.append(function)
        return plain(function, *arguments, **options)

    monkeypatch.setattr(engine, "run", run)
    return asked


@pytest.fixture
def isolated(
    qapp: QApplication, qtbot: QtBot, engine: FakeEngine, asked: list[str], case_folder: Path
) -> Iterator[Session]:
    """A session with an open case and an engine in a process of its own, which has it ready."""
    session = Session(engine)
    session.files_found.connect(session.load)
    with qtbot.waitSignal(session.engine_surveyed, timeout=PATIENT_MS):
        session.survey()
    session.set_plan("quick", "cpu", "none")
    session.open(case_folder)
    qtbot.waitUntil(lambda: KEEP in asked and not session.readying.is_running, timeout=PATIENT_MS)
    yield session
    session.close()


def segment(qtbot: QtBot, session: Session) -> None:
    session.segment()
    qtbot.waitUntil(lambda: not session.segmenting.is_running, timeout=PATIENT_MS)
    assert session.segmenting.failure is None
    assert session.prediction is not None


def test_a_case_that_the_engine_keeps_is_not_sent_again(qtbot: QtBot, isolated: Session, asked: list[str]) -> None:
    assert asked.count(KEEP) == 1
    with qtbot.waitSignal(isolated.engine_surveyed, timeout=PATIENT_MS):
        isolated.survey()
    assert asked.count(KEEP) == 1
    for _ in range(2):
        asked.clear()
        segment(qtbot, isolated)
        assert asked == [SEGMENT_KEPT]


def test_an_engine_that_was_started_anew_is_sent_the_case(qtbot: QtBot, isolated: Session, asked: list[str]) -> None:
    isolated.free_engine()
    asked.clear()
    segment(qtbot, isolated)
    assert asked == [SEGMENT_KEPT, SEGMENT]


def test_another_model_is_made_ready(qtbot: QtBot, isolated: Session, asked: list[str]) -> None:
    asked.clear()
    isolated.set_plan("lenient", "cpu", "none")
    qtbot.waitUntil(lambda: asked == [KEEP] and not isolated.readying.is_running, timeout=PATIENT_MS)
    isolated.set_plan("lenient", "cpu", "flips")
    assert asked == [KEEP]


def test_a_folder_that_holds_no_case_does_not_stop_a_segmentation(
    qtbot: QtBot, session: Session, inline: InlineEngine, case_folder: Path, tmp_path: Path
) -> None:
    open_case(qtbot, session, case_folder)
    inline.gate.clear()
    session.segment()
    session.open(tmp_path / "nowhere")
    qtbot.waitUntil(lambda: session.opening.failure is not None)
    inline.gate.set()
    settle(qtbot, session)
    assert session.prediction is not None


def test_what_a_model_needs_decides_whether_it_may_run(qtbot: QtBot, session: Session, write_case: WriteCase) -> None:
    assert not session.can_segment
    open_case(qtbot, session, write_case(without=(Modality.T2F,)))
    assert not session.can_segment
    session.set_plan("lenient", "auto", "flips")
    assert session.can_segment


def test_the_mask_is_saved_as_the_case_names_its_labels(qtbot: QtBot, session: Session, case_folder: Path) -> None:
    open_case(qtbot, session, case_folder)
    session.segment()
    settle(qtbot, session)
    path = case_folder / "mask.nii.gz"
    session.save(path)
    settle(qtbot, session)
    assert not session.has_unsaved_prediction
    assert session.saved_path == path
    saved, image = nib.load(path), nib.load(case_folder / f"{case_folder.name}-t1c.nii.gz")
    assert np.array_equal(saved.affine, image.affine)
    integers = np.asarray(saved.dataobj)
    assert integers[fake_work.BOX].tolist() == np.full((6, 5, 4), 3).tolist()  # ET is 3 since BraTS 2023
    assert np.count_nonzero(integers) == 120


def test_a_mask_that_cannot_be_saved_stays_unsaved(qtbot: QtBot, session: Session, case_folder: Path) -> None:
    open_case(qtbot, session, case_folder)
    session.segment()
    settle(qtbot, session)
    session.save(case_folder / "no such folder" / "mask.nii.gz")
    settle(qtbot, session)
    assert session.saving.failure is not None
    assert "no such folder" in session.saving.failure.line
    assert session.has_unsaved_prediction


def test_work_waits_for_the_engine_which_does_one_thing_at_a_time(
    qtbot: QtBot, session: Session, inline: InlineEngine, case_folder: Path
) -> None:
    open_case(qtbot, session, case_folder)
    inline.gate.clear()
    session.segment()
    qtbot.waitUntil(lambda: bool(inline.asked))
    session.survey()
    qtbot.waitUntil(
        lambda: session.surveying.progress is not None and session.surveying.progress.stage == "waiting for the engine"
    )
    with qtbot.waitSignal(session.engine_surveyed):
        inline.gate.set()


# Several masks


def test_a_prediction_by_another_model_leaves_the_earlier_one_to_compare_with(session: Session) -> None:
    case = phantom_case(with_truth=False)
    made = phantom_segmentation(phantom_case())
    session.set_case(case)
    session.set_prediction(replace(made, model="first"))
    assert session.pair is None
    session.set_prediction(replace(made, model="second"))
    earlier = "first, none"
    assert [reading.title for reading in session.readings] == ["Prediction", "first, TTA none"]
    assert session.pair == (Overlay.PREDICTION, earlier)
    session.set_prediction(replace(made, model="first"))
    assert [reading.title for reading in session.readings] == ["Prediction", "second, TTA none"]
    session.set_prediction(replace(made, model="first"))  # as before: it takes that one's place
    assert len(session.readings) == 2


def test_any_two_masks_are_compared_anew(qtbot: QtBot, session: Session) -> None:
    case = phantom_case()
    assert case.truth is not None
    session.set_case(case)
    session.set_prediction(phantom_segmentation(case))
    assert session.comparison is None
    settle(qtbot, session)
    assert session.comparison is not None
    assert session.comparison.scores[Region.WT].dice < 1
    session.add_reading(Reading("copy", "copy", case.truth))
    assert session.pair == ("copy", Overlay.TRUTH)  # the newest is judged
    session.set_pair("copy", Overlay.PREDICTION)
    session.set_pair("copy", Overlay.TRUTH)  # before the other comparison has come
    assert session.comparison is None
    settle(qtbot, session)
    assert session.comparison is not None
    assert {region: score.dice for region, score in session.comparison.scores.items()} == dict.fromkeys(Region, 1.0)
    session.set_pair("copy", "copy")
    assert session.pair == ("copy", Overlay.TRUTH)


def test_labels_of_a_case_that_is_no_longer_open_are_dropped(qtbot: QtBot, session: Session, case_folder: Path) -> None:
    open_case(qtbot, session, case_folder)
    session.open_labels(case_folder / f"{case_folder.name}-seg.nii.gz")
    session.set_case(phantom_case())
    settle(qtbot, session)
    assert [reading.title for reading in session.readings] == ["Truth"]


# The case that is likely to be next


def test_a_case_that_was_read_ahead_opens_at_once(qtbot: QtBot, session: Session, case_folder: Path) -> None:
    files = find_case(case_folder)
    session.preload([files])
    qtbot.waitUntil(lambda: not session.preloading.is_running)
    assert session.case is None
    session.load(files)
    assert session.case is not None
    assert not session.opening.is_running


def test_another_case_than_the_one_read_ahead_is_read(
    qtbot: QtBot, session: Session, case_folder: Path, write_case: WriteCase
) -> None:
    session.preload([find_case(case_folder)])
    qtbot.waitUntil(lambda: not session.preloading.is_running)
    session.load(find_case(write_case("BraTS-GLI-00002-000")))
    settle(qtbot, session)
    assert session.case is not None
    assert session.case.id == "BraTS-GLI-00002-000"


def test_that_the_next_case_cannot_be_read_is_told_only_when_it_is_opened(
    qtbot: QtBot, session: Session, case_folder: Path
) -> None:
    files = find_case(case_folder)
    image = case_folder / f"{case_folder.name}-t2f.nii.gz"
    image.write_bytes(image.read_bytes()[:-200])
    session.preload([files])
    qtbot.waitUntil(lambda: not session.preloading.is_running)
    assert session.opening.failure is None
    session.load(files)
    settle(qtbot, session)
    assert session.opening.failure is not None


def test_closing_stops_everything(qtbot: QtBot, session: Session, inline: InlineEngine, case_folder: Path) -> None:
    open_case(qtbot, session, case_folder)
    session.set_plan("endless", "auto", "flips")
    session.segment()
    qtbot.waitUntil(lambda: bool(inline.asked))
    session.close()
    assert inline.closed
    assert [thread.name for thread in threading.enumerate() if thread.name == "segment"] == []


def test_a_folder_of_several_cases_is_told_from_a_case(
    qtbot: QtBot, session: Session, write_case: WriteCase, tmp_path: Path
) -> None:
    for name in ("BraTS-GLI-00001-000", "BraTS-GLI-00002-000"):
        write_case(name)
    with qtbot.waitSignal(session.cohort_found) as found:
        session.open(tmp_path)
    settle(qtbot, session)
    assert found.args == [tmp_path]
    assert session.case is None
    assert session.opening.failure is None


def test_cases_read_ahead_are_kept_while_they_are_wanted(qtbot: QtBot, session: Session, write_case: WriteCase) -> None:
    files = [find_case(write_case(f"BraTS-GLI-0000{number}-000")) for number in (1, 2, 3)]
    session.preload(files[:2])
    qtbot.waitUntil(lambda: not session.preloading.is_running)
    session.load(files[1])
    assert session.case is not None  # at once
    assert session.case.files == files[1]
    session.preload([files[2]])
    qtbot.waitUntil(lambda: not session.preloading.is_running)
    session.load(files[0])
    assert session.case.files == files[1]  # let go of, so it is read again
    settle(qtbot, session)
    assert session.case.files == files[0]


def test_what_the_voxels_tell_comes_after_the_case(qtbot: QtBot, session: Session) -> None:
    case = phantom_case()
    same = replace(case, images={**case.images, Modality.T2F: case.images[Modality.T2W]})
    with qtbot.waitSignal(session.warnings_changed):
        session.set_case(same)
        assert session.warnings == ()
    assert any("are the same image" in warning for warning in session.warnings)
    session.set_case(None)
    assert session.warnings == ()
