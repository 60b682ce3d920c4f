"""What a person does with the window and sees of it: commands, places of the patient under the mouse, colours there."""

from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.display import Colour
from brats_viewer.views.geometry import Point
from brats_viewer.views.slice_view import SliceView
from engine.data import CONVENTIONS

PATIENT_MS = 30_000
"""How long to wait for work on a machine that has other work to do."""


def trigger(window: MainWindow, command: str) -> None:
    """Give a command that can be given now."""
    assert window.actions_by_id[command].isEnabled(), command
    window.actions_by_id[command].trigger()


def answer(window: MainWindow, button: str) -> None:
    """Press a button of the question that is open."""
    box = window.findChild(QMessageBox)
    assert box is not None
    choices = {choice.text().replace("&", ""): choice for choice in box.buttons()}
    choices[button].click()


def place(view: SliceView, point: Point) -> QPoint:
    """Where in a view a place of the display grid appears."""
    position = view.position_of(point)
    assert position is not None
    return position.toPoint()


def colour_at(qtbot: QtBot, view: SliceView, point: Point) -> Colour:
    """What a view shows at a place of the display grid, once it has got its room."""
    qtbot.waitUntil(lambda: view.width() > view.minimumSizeHint().width())
    red, green, blue, _ = view.grab().toImage().pixelColor(place(view, point)).getRgb()
    return red, green, blue


def compared(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until the two masks have been compared."""
    session = window.session
    qtbot.waitUntil(lambda: session.comparison is not None and not session.scoring.is_running, timeout=PATIENT_MS)


def write_mask(path: Path, beside: Path, labels: NDArray[np.uint8]) -> Path:
    """Write labels (X, Y, Z), whose axes are R, A, S, on the grid of the image `beside`, whose axes are L, P, S."""
    integers = CONVENTIONS["brats2023"].encode(labels[::-1, ::-1]).astype(np.uint8)
    nib.save(nib.Nifti1Image(integers, nib.load(beside).affine), path)
    return path
