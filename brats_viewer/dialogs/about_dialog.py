"""What this program is, which version, whose work it stands on, and what it must not be used for."""

from importlib.metadata import PackageNotFoundError, version

from PySide6.QtCore import Qt, qVersion
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from brats_viewer.controls import Line
from engine import __version__
from engine.log import log_file

_SYNTHETIC = (
    "The sample case and the training data of the default model are synthetic, made from the ICBM 2009a template of "
    "the McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University."
)
_WIDTH = 460
_PACKAGES = ("torch", "nibabel", "numpy", "scipy", "pyqtgraph", "qtawesome", "safetensors")


class AboutDialog(QDialog):
    """Version, research use, licences, and where the log is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About BraTS Viewer")
        heading = QLabel("BraTS Viewer")
        heading.setObjectName("heading")
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(heading)
        layout.addWidget(QLabel(f"Version {__version__}"))
        for text, tone in (
            ("Research use only. Not a medical device: no decision about a patient may rest on it.", "warning"),
            ("Licensed under the Apache License 2.0.", ""),
            (_SYNTHETIC, ""),
            (f"Built with {built_with()}. Icons: Material Design Icons.", "muted"),
            (f"Log file: {log_file('brats-viewer')}", "muted"),
        ):
            layout.addWidget(Line(text, tone, least_width=_WIDTH))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout.addWidget(buttons)


def built_with() -> str:
    """The libraries and their versions, without importing any."""
    found = [f"Qt {qVersion()}"]
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # a frozen build may carry a library without its metadata
            found.append(package)
    return ", ".join(found)
