"""What lies under the crosshair: where it is, every image's value, every mask's label, and how sure the network is."""

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QWidget

from brats_viewer.controls import Elided
from brats_viewer.names import LABEL_NAMES
from brats_viewer.session import Session
from engine.data import Label, Modality


class CursorBar(QWidget):
    """One line of text for the status bar."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._text = Elided()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.addWidget(self._text)
        for changed in (session.case_changed, session.cursor_changed, session.readings_changed):
            changed.connect(self._show)
        self._show()

    def text(self) -> str:
        """The line, whole."""
        return cursor_line(self._session)

    def _show(self) -> None:
        self._text.setText(self.text())


def cursor_line(session: Session) -> str:
    """Voxel, position, values, labels and uncertainty at the crosshair; empty where no case is open."""
    case, orientation = session.case, session.orientation
    if case is None or orientation is None:
        return ""
    x, y, z = session.cursor_mm
    native = orientation.native.to_index(np.array(session.cursor_mm))
    voxel = ", ".join(str(round(float(index))) for index in native)
    parts = [f"Voxel {voxel}", f"{_side(x, 'R', 'L')} {_side(y, 'A', 'P')} {_side(z, 'S', 'I')} mm"]
    values = [
        f"{modality.display_name} {float(image[session.cursor]):.5g}"
        for modality in Modality
        if (image := session.volume(modality)) is not None
    ]
    parts.append("  ".join(values))
    for reading in session.readings:
        labels = session.labels_of(reading.key)
        if labels is not None:
            parts.append(f"{reading.title}: {LABEL_NAMES[Label(int(labels[session.cursor]))]}")
    entropy = session.entropy()
    if entropy is not None:
        parts.append(f"Uncertainty {float(entropy[session.cursor]):.2f} bit")
    return "     ".join(parts)


def _side(millimetres: float, positive: str, negative: str) -> str:
    """A coordinate with the side of the patient that it lies on, as one says it at the light box.

    >>> _side(-12.34, "R", "L")
    'L 12.3'
    """
    return f"{positive if millimetres >= 0 else negative} {abs(millimetres):.1f}"
