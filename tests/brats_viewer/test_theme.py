"""Dark and light, and the icons that follow."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from brats_viewer.theme import DARK, LIGHT, Theme, app_icon, icon


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
