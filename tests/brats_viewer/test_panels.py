"""What panels, pages and dialogs show of the session, and what their controls ask of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.actions import COMMANDS
from brats_viewer.app import MainWindow
from brats_viewer.dialogs.about_dialog import AboutDialog
from brats_viewer.dialogs.assign_dialog import candidates, complaint, corrected, needs_a_person
from brats_viewer.dialogs.keys_dialog import KeysDialog
from brats_viewer.panels.case_panel import CasePanel, file_rows
from brats_viewer.panels.cursor_bar import cursor_line
from brats_viewer.panels.overlay_panel import OverlayPanel
from brats_viewer.panels.result_panel import ResultPanel
from brats_viewer.panels.segment_panel import SegmentPanel
from brats_viewer.session import Overlay, Session
from brats_viewer.theme import DARK, LIGHT, Theme, app_icon, icon
from engine import __version__
from engine.data import CONVENTIONS, CaseFiles, ImageSource, Label, Modality
from engine.errors import ModelError
from tests.phantoms import phantom_case, phantom_segmentation


def visible_labels(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget) and label.text()]


# The table of commands


def test_no_key_is_given_twice() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert all(not QKeySequence(key).isEmpty() for key in keys)


def test_the_keys_are_those_that_people_know() -> None:
    keys = {command.id: command.keys for command in COMMANDS}
    assert keys["overlay"] == ("S",)
    assert keys["less_opacity"] + keys["more_opacity"] == ("A", "D")
    assert keys["crosshair"] + keys["reset"] + keys["swap"] == ("X", "R", "T")
    assert keys["show_t1n"] + keys["show_t1c"] + keys["show_t2w"] + keys["show_t2f"] == ("1", "2", "3", "4")
    assert keys["open"] + keys["save"] + keys["save_as"] + keys["keys"] == ("Ctrl+O", "Ctrl+S", "Ctrl+Shift+S", "F1")


def test_keys_steer_the_window(qtbot: QtBot, open_case: MainWindow) -> None:
    session = open_case.session
    open_case.activateWindow()
    qtbot.waitActive(open_case)
    qtbot.keyClick(open_case, Qt.Key.Key_4)
    assert session.modality is Modality.T2F
    qtbot.keyClick(open_case, Qt.Key.Key_A)
    assert session.opacity == pytest.approx(0.4)
    qtbot.keyClick(open_case, Qt.Key.Key_D)
    assert session.opacity == pytest.approx(0.5)
    qtbot.keyClick(open_case, Qt.Key.Key_S)
    assert not session.overlay_shown
    assert not open_case.actions_by_id["overlay"].isChecked()
    qtbot.keyClick(open_case, Qt.Key.Key_S)
    qtbot.keyClick(open_case, Qt.Key.Key_G)
    assert session.overlay_labels() is not None
    labels = session.overlay_labels()
    assert labels is not None
    assert labels[session.cursor] != Label.BACKGROUND


def test_t_changes_between_prediction_and_truth(open_case: MainWindow) -> None:
    session = open_case.session
    assert session.case is not None
    assert not open_case.actions_by_id["swap"].isEnabled()
    session.set_prediction(phantom_segmentation(session.case))
    open_case.actions_by_id["swap"].trigger()
    assert session.overlay is Overlay.TRUTH
    open_case.actions_by_id["swap"].trigger()
    assert session.overlay is Overlay.PREDICTION
    session.mark_prediction_saved(Path("mask.nii.gz"))


def test_the_help_of_keys_lists_every_command_that_has_one(qtbot: QtBot) -> None:
    dialog = KeysDialog()
    qtbot.addWidget(dialog)
    shown = visible_labels(dialog)
    for command in COMMANDS:
        if command.keys:
            assert command.text.rstrip("…") in shown


def test_about_says_version_and_research_use(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    text = "\n".join(visible_labels(dialog))
    assert f"Version {__version__}" in text
    assert "Not a medical device" in text
    assert "Apache License 2.0" in text


# Panels


def test_the_case_panel_offers_the_images_that_there_are(qtbot: QtBot, session: Session) -> None:
    panel = CasePanel(session)
    qtbot.addWidget(panel)
    session.set_case(phantom_case(modalities=(Modality.T1C, Modality.T2F)))
    enabled = {modality for modality, choice in panel._modalities.items() if choice.isEnabled()}
    assert enabled == {Modality.T1C, Modality.T2F}
    assert panel._modalities[Modality.T1C].isChecked()
    panel._modalities[Modality.T2F].click()
    assert session.modality is Modality.T2F
    session.set_modality(Modality.T1C)
    assert panel._modalities[Modality.T1C].isChecked()
    assert panel._folded.isVisibleTo(panel)  # something is missing, so the files are shown


def test_the_case_panel_shows_warnings(qtbot: QtBot, session: Session) -> None:
    panel = CasePanel(session)
    qtbot.addWidget(panel)
    session.set_case(replace(phantom_case(), warnings=("T2: looks like T1",)))
    assert "T2: looks like T1" in visible_labels(panel)
    assert "40×48×36 voxels, 1×1×1 mm, LPS" in visible_labels(panel)


def found_files(folder: Path) -> CaseFiles:
    def source(name: str) -> ImageSource:
        return ImageSource(folder / name)

    return CaseFiles(
        id="one",
        folder=folder,
        images={Modality.T1C: source("t1c.nii.gz"), Modality.T2W: ImageSource(folder / "four.nii.gz", 3)},
        truth=folder / "seg.nii.gz",
        missing=(Modality.T1N, Modality.T2F),
        ambiguous={"T2F": (source("flair_1.nii.gz"), source("flair_2.nii.gz"))},
        unused=(folder / "scan.nii.gz",),
        convention=CONVENTIONS["brats2023"],
    )


def test_which_file_became_what(tmp_path: Path) -> None:
    assert file_rows(found_files(tmp_path)) == [
        ("T1", "missing", False),
        ("T1CE", "t1c.nii.gz", True),
        ("T2", "four.nii.gz, volume 3", True),
        ("FLAIR", "not decided between 2 files", False),
        ("Truth", "seg.nii.gz", True),
    ]


def test_assigning_files(tmp_path: Path) -> None:
    files = found_files(tmp_path)
    assert needs_a_person(files)
    assert not needs_a_person(replace(files, ambiguous={}, unused=()))  # nothing to choose from
    names = [source.path.name for source in candidates(files)]
    assert names == ["t1c.nii.gz", "four.nii.gz", "seg.nii.gz", "flair_1.nii.gz", "flair_2.nii.gz", "scan.nii.gz"]
    t1c, four, seg, flair, other, scan = candidates(files)
    chosen = {"T1N": scan, "T1C": t1c, "T2F": flair, "truth": seg}
    made = corrected(files, chosen)
    assert dict(made.images) == {Modality.T1N: scan, Modality.T1C: t1c, Modality.T2F: flair}
    assert made.missing == (Modality.T2W,)
    assert made.unused == (four.path, other.path)
    assert (made.truth, made.convention) == (files.truth, files.convention)
    assert not needs_a_person(replace(made, unused=()))
    new_truth = corrected(files, {"T1C": t1c, "truth": scan})
    assert new_truth.truth == scan.path
    assert new_truth.convention is None  # what was known of the other file says nothing of this one
    assert complaint(chosen) == ""
    assert complaint({"T1C": t1c, "T2W": t1c}) == "t1c.nii.gz is chosen twice"
    assert complaint({"truth": seg}) == "Choose a file for at least one of the images"


def test_the_overlay_panel_steers_what_is_drawn(qtbot: QtBot, session: Session) -> None:
    panel = OverlayPanel(session)
    qtbot.addWidget(panel)
    session.set_case(phantom_case())
    assert panel._sources[Overlay.TRUTH].isChecked()
    assert not panel._sources[Overlay.PREDICTION].isEnabled()
    panel._labels[Label.ED].click()
    assert Label.ED not in session.visible_labels
    panel._opacity.setValue(80)
    assert session.opacity == 0.8
    session.set_opacity(0.3)
    assert panel._opacity.value() == 30
    assert not panel._rows[Label.RC].isVisibleTo(panel)
    assert session.case is not None
    assert session.case.truth is not None
    session.case.truth.data[0, 0, 0] = Label.RC
    session.set_case(session.case)
    assert panel._rows[Label.RC].isVisibleTo(panel)


def test_the_segment_panel_says_what_a_model_lacks(qtbot: QtBot, session: Session) -> None:
    panel = SegmentPanel(session)
    qtbot.addWidget(panel)
    with qtbot.waitSignal(session.engine_surveyed):
        session.survey()
    session.set_case(phantom_case(modalities=(Modality.T1C, Modality.T2W)))
    assert "This model needs T1, FLAIR, which this case does not have" in visible_labels(panel)
    assert not panel._segment.isEnabled()
    panel._model.setCurrentIndex(panel._model.findData("lenient"))
    panel._model.activated.emit(panel._model.currentIndex())
    assert session.plan.model == "lenient"
    assert "Without T1, FLAIR the mask may be worse" in visible_labels(panel)
    assert panel._segment.isEnabled()


def test_the_result_panel_shows_volumes_and_where_the_mask_was_saved(qtbot: QtBot, session: Session) -> None:
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    case = phantom_case(with_truth=False)
    session.set_case(case)
    prediction = phantom_segmentation(phantom_case())
    prediction.labels.data[:] = 0
    prediction.labels.data[0, 0, :10] = Label.ET
    prediction.labels.data[0, 1, :20] = Label.NCR
    prediction.labels.data[0, 2:5, :] = Label.ED  # 3 rows of 36
    session.set_prediction(replace(prediction, seconds=75.0, device="cuda:0", notes=("segmented without T1",)))
    shown = visible_labels(panel)
    assert "1 min 15 s on cuda:0\nby phantom-model" in shown
    assert [text for text in shown if text.endswith(" ml")] == ["0.01 ml", "0.03 ml", "0.14 ml"]
    assert "segmented without T1" in shown
    assert panel._save.isEnabled()
    session.mark_prediction_saved(Path("there/mask.nii.gz"))
    assert panel._save.text() == "Saved as mask.nii.gz"
    assert not panel._save.isEnabled()


def test_the_result_panel_compares_with_the_truth(qtbot: QtBot, session: Session) -> None:
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    session.set_case(phantom_case())
    assert panel.isHidden()
    assert session.case is not None
    assert session.case.truth is not None
    session.set_prediction(replace(phantom_segmentation(session.case), labels=session.case.truth))
    qtbot.waitUntil(lambda: session.scores is not None)
    assert visible_labels(panel).count("1.000") == 3
    assert visible_labels(panel).count("0.0 mm") == 3
    session.mark_prediction_saved(Path("mask.nii.gz"))
    session.set_case(None)
    assert panel.isHidden()


def test_the_cursor_line(session: Session) -> None:
    case = phantom_case("LPS", shape=(5, 7, 9), spacing_mm=(1.0, 2.0, 3.0))
    for number, modality in enumerate(Modality):
        case.images[modality].data[:] = number + 0.25
    assert case.truth is not None
    case.truth.data[:] = 0
    case.truth.data[1, 6, 4] = Label.ED  # L and P are stored first: R = 4 - 1, A = 6 - 6
    session.set_case(case)
    session.set_cursor((3, 0, 4))
    line = cursor_line(session)
    assert line.split("     ") == [
        "Voxel 1, 6, 4",
        "R 1.0 P 6.0 S 0.0 mm",
        "T1 0.25  T1CE 1.25  T2 2.25  FLAIR 3.25",
        "Truth: Oedema (ED)",
    ]
    session.set_prediction(replace(phantom_segmentation(case), labels=case.truth))
    session.set_cursor((0, 0, 0))
    assert cursor_line(session).split("     ")[3:] == ["Prediction: background", "Truth: background"]
    session.mark_prediction_saved(Path("mask.nii.gz"))
    session.set_case(None)
    assert cursor_line(session) == ""


# Theme


@pytest.mark.parametrize(("scheme", "colours"), [(Qt.ColorScheme.Dark, DARK), (Qt.ColorScheme.Light, LIGHT)])
def test_the_theme_follows_and_icons_take_its_colour(
    qapp: QApplication, scheme: Qt.ColorScheme, colours: object
) -> None:
    style, palette, sheet = qapp.style().name(), qapp.palette(), qapp.styleSheet()
    theme = Theme(qapp)
    picture_before = icon("brain").pixmap(32).toImage()
    theme.set_scheme(scheme)
    assert theme.colours is colours
    text = qapp.palette().color(QPalette.ColorRole.WindowText)
    picture = icon("brain").pixmap(32).toImage()
    inked = {
        picture.pixelColor(x, y).name() for x in range(32) for y in range(32) if picture.pixelColor(x, y).alpha() == 255
    }
    assert inked == {text.name()}
    assert not picture_before.isNull()
    theme.setParent(None)
    qapp.setStyleSheet(sheet)
    qapp.setPalette(palette)
    qapp.setStyle(style)


def test_the_program_has_an_icon(qapp: QApplication) -> None:
    assert not app_icon().pixmap(64).isNull()


def test_an_unexpected_error_is_shown(window: MainWindow) -> None:
    window.unexpected.emit("This should not have happened", str(ModelError("details")))
    assert window.notice.text() == "This should not have happened"
