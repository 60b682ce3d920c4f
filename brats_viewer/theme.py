"""How the viewer looks: dark or light as the system is, one accent, icons in the colour of the text beside them."""

from dataclasses import asdict, dataclass
from string import Template

import qtawesome
from PySide6.QtCore import QObject, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from brats_viewer.display import Look
from engine.resources import resource

Scheme = Qt.ColorScheme


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of one look, by what they are for."""

    window: str
    panel: str
    field: str
    hover: str
    border: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    success: str
    warning: str
    danger: str


DARK = Colours(
    window="#14161a",
    panel="#1c1f25",
    field="#262a32",
    hover="#2f343e",
    border="#343a45",
    text="#e7e9ee",
    muted="#9aa3b2",
    disabled="#5d6573",
    accent="#4c8dff",
    accent_hover="#6aa1ff",
    on_accent="#ffffff",
    success="#4cc38a",
    warning="#f0b429",
    danger="#ff6b6b",
)
LIGHT = Colours(
    window="#eef0f4",
    panel="#ffffff",
    field="#f4f5f8",
    hover="#e6e9ef",
    border="#d3d8e0",
    text="#1b1f27",
    muted="#5b6472",
    disabled="#a4abb7",
    accent="#2463eb",
    accent_hover="#1a52cc",
    on_accent="#ffffff",
    success="#15803d",
    warning="#9a6700",
    danger="#c62828",
)


class Theme(QObject):
    """Dresses the application, and again whenever the system changes between dark and light."""

    changed = Signal()

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._colours = DARK
        application.setStyle("Fusion")
        self._look = Look.SYSTEM
        self._hints = QGuiApplication.styleHints()
        self._hints.colorSchemeChanged.connect(self._follow_system)
        self.set_scheme(self._hints.colorScheme())

    @property
    def colours(self) -> Colours:
        """The colours in use."""
        return self._colours

    def set_look(self, look: Look) -> None:
        """Be dark, light, or as the system is."""
        if look is not self._look:
            self._look = look
            self._follow_system()

    def _follow_system(self) -> None:
        chosen = {Look.DARK: Scheme.Dark, Look.LIGHT: Scheme.Light}
        self.set_scheme(chosen.get(self._look, self._hints.colorScheme()))

    def set_scheme(self, scheme: Scheme) -> None:
        """Look dark or light; dark, as reading rooms are, where the system does not say."""
        self._colours = LIGHT if scheme is Scheme.Light else DARK
        self._application.setPalette(_palette(self._colours))
        style = Template(resource("style", "viewer.qss").read_text(encoding="utf-8"))
        self._application.setStyleSheet(style.substitute(asdict(self._colours)))
        self.changed.emit()


def icon(name: str, role: QPalette.ColorRole = QPalette.ColorRole.WindowText) -> QIcon:
    """The icon of that name (of Material Design Icons) in the colour that `role` has when it is painted."""
    return QIcon(_GlyphEngine(name, role))


def app_icon() -> QIcon:
    """The program's own icon."""
    return QIcon(str(resource("icons", "brats-viewer.svg")))


class _GlyphEngine(QIconEngine):
    """Paints a glyph of the icon font in the palette's colour of the moment, so that no icon knows of themes."""

    def __init__(self, name: str, role: QPalette.ColorRole) -> None:
        super().__init__()
        self._name, self._role = name, role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Draw the glyph, faint where the icon is disabled."""
        group = QPalette.ColorGroup.Disabled if mode is QIcon.Mode.Disabled else QPalette.ColorGroup.Active
        painter.save()
        font = qtawesome.font("mdi6", 12)
        font.setPixelSize(round(0.92 * min(rect.width(), rect.height())))
        painter.setFont(font)
        painter.setPen(QGuiApplication.palette().color(group, self._role))
        painter.drawText(QRectF(rect), Qt.AlignmentFlag.AlignCenter, qtawesome.charmap(f"mdi6.{self._name}"))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """The glyph on a transparent ground of `size` pixels."""
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        """A copy, as Qt asks for one."""
        return _GlyphEngine(self._name, self._role)


def _palette(colours: Colours) -> QPalette:
    palette = QPalette()
    role, disabled = QPalette.ColorRole, QPalette.ColorGroup.Disabled
    for roles, colour in (
        ((role.Window, role.AlternateBase), colours.window),
        ((role.Base, role.Button), colours.field),
        ((role.ToolTipBase,), colours.panel),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), colours.text),
        ((role.PlaceholderText,), colours.muted),
        ((role.Highlight, role.Link, role.Accent), colours.accent),
        ((role.HighlightedText, role.BrightText), colours.on_accent),
        ((role.Mid, role.Dark), colours.border),
        ((role.Light, role.Midlight), colours.hover),
    ):
        for one in roles:
            palette.setColor(one, QColor(colour))
    for one in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, one, QColor(colours.disabled))
    palette.setColor(disabled, role.Highlight, QColor(colours.hover))
    return palette
