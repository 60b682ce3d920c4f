"""The curve over slices is drawn once and kept while the marker moves, but never longer than it holds."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from brats_viewer.display import Plane
from brats_viewer.session import Session
from brats_viewer.views.slice_strip import SliceStrip
from engine.data import Label, LabelMap
from tests.phantoms import phantom_case

Grab = Callable[[SliceStrip], NDArray[np.uint8]]


@pytest.fixture
def session(qapp: QApplication) -> Iterator[Session]:
    session = Session()
    yield session
    session.close()


@pytest.fixture
def strip(qtbot: QtBot, session: Session) -> SliceStrip:
    """The curve of a case with one labelled voxel, at 4, 20, 10 of the display grid; the cursor is at 30, 30, 30."""
    strip = SliceStrip(session)
    qtbot.addWidget(strip)
    strip.resize(600, 96)
    case = phantom_case("RAS")
    labels = np.zeros(case.native.shape, dtype=np.uint8)
    labels[4, 20, 10] = Label.ET
    session.set_case(replace(case, truth=LabelMap(labels, case.native)))
    session.set_cursor((30, 30, 30))
    return strip


@pytest.fixture
def colour_at(strip: SliceStrip, grab: Grab) -> Callable[[int], list[int]]:
    """Red, green and blue of the plot's middle at a slice."""

    def colour(number: int) -> list[int]:
        at = strip.position(number, 0.5).toPoint()
        found: list[int] = grab(strip)[at.y(), at.x()].tolist()
        return found

    return colour


def test_the_amount_is_that_of_the_active_plane(session: Session, colour_at: Callable[[int], list[int]]) -> None:
    assert colour_at(10) != colour_at(20) == colour_at(4)
    session.set_plane(Plane.SAGITTAL)
    assert colour_at(4) != colour_at(20) == colour_at(10)
    session.set_plane(Plane.CORONAL)
    assert colour_at(20) != colour_at(4) == colour_at(10)


def test_the_marker_leaves_the_plot_as_it_was(session: Session, colour_at: Callable[[int], list[int]]) -> None:
    amount, empty = colour_at(10), colour_at(20)
    for number, before in ((10, amount), (20, empty)):
        session.go_to_slice(number)
        assert colour_at(number) != before
        session.go_to_slice(30)
        assert colour_at(number) == before


def test_another_theme_and_another_size_are_drawn_anew(
    strip: SliceStrip, colour_at: Callable[[int], list[int]]
) -> None:
    before = colour_at(10)
    palette = strip.palette()
    palette.setColor(QPalette.ColorRole.PlaceholderText, QColor(255, 0, 0))
    strip.setPalette(palette)
    red, green, blue = colour_at(10)
    assert [red, green, blue] != before
    assert red > max(green, blue)
    strip.resize(900, 96)
    assert colour_at(10) == [red, green, blue] != colour_at(20)
