"""The short questions: each opens, returns at once, and calls what was chosen."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

Choice = Callable[[], None]


def ask_unsaved(parent: QWidget, case_id: str, *, save: Choice, discard: Choice) -> QMessageBox:
    """Ask what becomes of a mask that is not on disk; cancelling calls nothing."""
    box = _box(parent, "The mask is not saved", f"The predicted mask of {case_id} has not been saved. Save it first?")
    _offer(box, "Save", QMessageBox.ButtonRole.AcceptRole, save, default=True)
    _offer(box, "Discard", QMessageBox.ButtonRole.DestructiveRole, discard)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.open()
    return box


def ask_resample(parent: QWidget, line: str, *, resample: Choice) -> QMessageBox:
    """Ask whether images on different grids are to be brought to one; `line` says by how much they differ."""
    box = _box(parent, "The images lie on different grids", "Resample the images to one grid?")
    box.setInformativeText(f"{line}\n\nResampling interpolates the images; the files stay as they are.")
    _offer(box, "Resample", QMessageBox.ButtonRole.AcceptRole, resample, default=True)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.open()
    return box


def ask_overwrite(parent: QWidget, name: str, *, overwrite: Choice) -> QMessageBox:
    """Ask whether a file that exists is to be replaced."""
    box = _box(parent, "The file exists", f"{name} exists. Replace it?")
    _offer(box, "Replace", QMessageBox.ButtonRole.DestructiveRole, overwrite)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.open()
    return box


def ask_going_on(parent: QWidget, names: Sequence[str], *, go_on: Choice, stop: Choice) -> QMessageBox:
    """Ask whether trainings of these names go on without the window; cancelling calls nothing."""
    several = len(names) > 1
    what = f"{len(names)} trainings run" if several else f"The training “{names[0]}” runs"
    box = _box(parent, "A training runs", f"{what}. Should {'they' if several else 'it'} go on without the window?")
    box.setInformativeText("The viewer finds it again. Stopped, what it has learnt is kept, and it can be resumed.")
    _offer(box, "Go on", QMessageBox.ButtonRole.AcceptRole, go_on, default=True)
    _offer(box, "Stop and keep", QMessageBox.ButtonRole.DestructiveRole, stop)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.open()
    return box


def _box(parent: QWidget, title: str, text: str) -> QMessageBox:
    box = QMessageBox(QMessageBox.Icon.Question, title, text, parent=parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    return box


def _offer(box: QMessageBox, text: str, role: QMessageBox.ButtonRole, chosen: Choice, *, default: bool = False) -> None:
    button = box.addButton(text, role)
    button.setObjectName(text.lower())
    button.clicked.connect(chosen)
    if default:
        box.setDefaultButton(button)
