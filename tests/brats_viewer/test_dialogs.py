"""What the dialogs say, what becomes of the answers, and how the case panel shows them."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QLabel, QScrollArea
from pytestqt.qtbot import QtBot

from brats_viewer.dialogs.about_dialog import AboutDialog
from brats_viewer.dialogs.assign_dialog import candidates, complaint, corrected, needs_a_person
from brats_viewer.dialogs.keys_dialog import KeysDialog
from brats_viewer.display import Mouse
from brats_viewer.panels.case_panel import file_rows
from engine import __version__
from engine.data import CONVENTIONS, CaseFiles, ImageSource, Modality
from tests.brats_viewer.words import visible_words


def test_about_says_version_and_research_use(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    text = "\n".join(visible_words(dialog))
    assert f"Version {__version__}" in text
    assert "Not a medical device" in text
    assert "Apache License 2.0" in text


@pytest.mark.parametrize(
    ("mouse", "alone", "with_ctrl"),
    [
        (Mouse.LEVELS, "Contrast sideways, brightness up and down", "Zoom up and down"),
        (Mouse.ZOOM, "Zoom up and down", "Contrast sideways, brightness up and down"),
    ],
)
def test_keys_and_mouse_stand_under_their_groups(qtbot: QtBot, mouse: Mouse, alone: str, with_ctrl: str) -> None:
    dialog = KeysDialog(mouse=mouse)
    qtbot.addWidget(dialog)
    words = visible_words(dialog)
    headings = [label.text() for label in dialog.findChildren(QLabel, "card-title")]
    groups = ["File", "Cases", "View", "Labels", "Compare", "Segment", "Train", "Help"]
    assert headings == [*groups, "In the slice views", "In the 3D view"]
    assert words[words.index("Segment") + 1 :][:2] == ["Ctrl+Return, Ctrl+Enter", "Segment the case"]
    assert words[words.index("Right button") + 1] == alone
    assert words[words.index("Ctrl+Right button") + 1] == with_ctrl


def test_the_help_of_keys_fits_the_smallest_window(qtbot: QtBot) -> None:
    dialog = KeysDialog()
    qtbot.addWidget(dialog)
    dialog.resize(720, 480)
    dialog.show()
    assert dialog.size() == QSize(720, 480)
    (area,) = dialog.findChildren(QScrollArea)
    assert area.widget().width() == area.viewport().width()
    assert area.verticalScrollBar().maximum() > 0
    for label in dialog.findChildren(QLabel):
        assert label.width() >= label.minimumSizeHint().width(), label.text()


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
