"""What the dialogs say, what becomes of the answers, and how the case panel shows them."""

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from brats_viewer.dialogs.about_dialog import AboutDialog
from brats_viewer.dialogs.assign_dialog import candidates, complaint, corrected, needs_a_person
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
