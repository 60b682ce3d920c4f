"""The small pictures of recent cases on disk."""

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from brats_viewer.display import LABEL_COLOURS, Palette
from brats_viewer.document import Document
from brats_viewer.thumbnails import SIZE, forget_thumbnails, keep_thumbnail, thumbnail_path
from engine.data import Label
from tests.phantoms import phantom_case

CASE, OTHER = Path("cases/one"), Path("cases/two")


@pytest.fixture
def document(qapp: QApplication) -> Document:
    """A phantom of 40 x 48 x 36 mm with its truth opaque, and the crosshair in the tumour."""
    document = Document()
    document.set_case(phantom_case())
    document.set_opacity(1.0)
    document.set_cursor((12, 32, 23))
    return document


def test_the_picture_is_of_the_axial_slice_under_the_crosshair(document: Document) -> None:
    keep_thumbnail(document, CASE)
    picture = QImage(str(thumbnail_path(CASE)))
    assert picture.size() == SIZE
    # 112 pixels for 48 mm: 7/3 of a pixel for a mm; across, 40 mm are in the middle, the patient's left at the right
    x, y = round(112 / 2 + (19.5 - 12) * 7 / 3), round((47 - 32 + 0.5) * 7 / 3)
    assert picture.pixelColor(x, y).getRgb()[:3] == LABEL_COLOURS[Palette.STANDARD][Label.NCR]
    assert picture.pixelColor(2, 56).getRgb()[:3] == (0, 0, 0)
    assert picture.pixelColor(56, 80).getRgb()[:3] != (0, 0, 0)


def test_each_case_has_a_picture_of_its_own(document: Document) -> None:
    assert thumbnail_path(CASE) == thumbnail_path(CASE)
    assert thumbnail_path(CASE) != thumbnail_path(OTHER)
    assert not thumbnail_path(CASE).exists()
    assert "one" not in thumbnail_path(CASE).name  # a name may say whose head it is


def test_pictures_are_forgotten(document: Document) -> None:
    forget_thumbnails()
    for case in (CASE, OTHER):
        keep_thumbnail(document, case)
    forget_thumbnails(but=[OTHER])
    assert not thumbnail_path(CASE).exists()
    assert thumbnail_path(OTHER).exists()
    forget_thumbnails()
    assert not thumbnail_path(OTHER).exists()


def test_without_a_case_there_is_no_picture(qapp: QApplication) -> None:
    keep_thumbnail(Document(), CASE)
    assert not thumbnail_path(CASE).exists()


def test_a_cache_that_cannot_be_written_does_without(document: Document) -> None:
    folder = thumbnail_path(CASE).parent
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    keep_thumbnail(document, CASE)
    assert not thumbnail_path(CASE).exists()
