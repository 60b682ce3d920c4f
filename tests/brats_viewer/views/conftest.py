"""Views of a fixed size on a document, drawn without a screen."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from brats_viewer.document import Document
from brats_viewer.views import SliceGrid

Pixels = NDArray[np.uint8]


@pytest.fixture
def document(qtbot: QtBot) -> Document:
    return Document()


@pytest.fixture
def planes(qtbot: QtBot, document: Document) -> SliceGrid:
    """Three planes, shown at 800 x 600, without a case."""
    view = SliceGrid(document)
    qtbot.addWidget(view)
    view.resize(800, 600)
    with qtbot.waitExposed(view):
        view.show()
    return view


@pytest.fixture
def grab() -> Callable[[QWidget], Pixels]:
    """What a widget shows, as red, green and blue (H, W, 3)."""

    def grabbed(widget: QWidget) -> Pixels:
        image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        pixels = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4)
        return pixels[:, :, 2::-1].copy()

    return grabbed
