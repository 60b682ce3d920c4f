"""Everything a person can tell the window to do, in one table that menus, toolbar, keys and their help come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QWidget

from brats_viewer.theme import icon
from engine.data import Modality


class Group(StrEnum):
    """A menu, and a heading in the help of keys."""

    FILE = "File"
    VIEW = "View"
    SEGMENT = "Segment"
    HELP = "Help"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do. Keys are Qt's portable names; the first is the one a menu shows."""

    id: str
    group: Group
    text: str
    tip: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    short: str = ""
    """The word under which it stands in the toolbar; empty where it is not there."""
    checkable: bool = False
    ends_section: bool = False


def modality_command(modality: Modality) -> str:
    """The id of the command that shows `modality`."""
    return f"show_{modality.lower()}"


_SHOW_MODALITY = tuple(
    Command(
        modality_command(modality),
        Group.VIEW,
        f"Show {modality.display_name}",
        f"Show the {modality.display_name} images",
        keys=(str(number),),
        checkable=True,
        ends_section=number == len(Modality),
    )
    for number, modality in enumerate(Modality, start=1)
)

COMMANDS: tuple[Command, ...] = (
    Command(
        "open", Group.FILE, "Open case folder…", "Open the folder of a case", ("Ctrl+O",), "folder-open-outline", "Open"
    ),
    Command("open_file", Group.FILE, "Open case by a file…", "Open the case that an image file belongs to"),
    Command("open_sample", Group.FILE, "Open the sample case", "Open the synthetic case that comes with the viewer"),
    Command(
        "assign",
        Group.FILE,
        "Which file is what…",
        "Correct which of the case's files is taken for which image",
        ends_section=True,
    ),
    Command(
        "save", Group.FILE, "Save mask", "Save the predicted mask", ("Ctrl+S",), "content-save-outline", "Save mask"
    ),
    Command(
        "save_as",
        Group.FILE,
        "Save mask as…",
        "Save the predicted mask under another name",
        ("Ctrl+Shift+S",),
        ends_section=True,
    ),
    Command("quit", Group.FILE, "Quit", "Close the viewer", ("Ctrl+Q",)),
    *_SHOW_MODALITY,
    Command(
        "overlay",
        Group.VIEW,
        "Show labels",
        "Lay the labels over the images, or hide them",
        ("S",),
        "layers-outline",
        "Labels",
        checkable=True,
    ),
    Command(
        "swap", Group.VIEW, "Prediction or truth", "Change between the labels of the prediction and the truth", ("T",)
    ),
    Command("less_opacity", Group.VIEW, "Fainter labels", "Make the labels more transparent", ("A",)),
    Command(
        "more_opacity", Group.VIEW, "Stronger labels", "Make the labels less transparent", ("D",), ends_section=True
    ),
    Command(
        "crosshair",
        Group.VIEW,
        "Crosshair",
        "Show the crosshair, or hide it",
        ("X",),
        "crosshairs",
        "Crosshair",
        checkable=True,
    ),
    Command(
        "radiological",
        Group.VIEW,
        "Radiological sides",
        "Show the patient's right at the left of the screen, as if seen from the feet",
        checkable=True,
    ),
    Command("tumour", Group.VIEW, "Go to the tumour", "Move the crosshair to the largest slice of the labels", ("G",)),
    Command(
        "reset",
        Group.VIEW,
        "Reset views",
        "Fit the images into the views and go back to their own brightness and contrast",
        ("R",),
        "fit-to-screen-outline",
        "Reset",
    ),
    Command(
        "segment",
        Group.SEGMENT,
        "Segment the case",
        "Predict the tumour's labels",
        ("Ctrl+Return", "Ctrl+Enter"),
        "brain",
        "Segment",
    ),
    Command(
        "cancel", Group.SEGMENT, "Stop segmenting", "Stop the running segmentation", ("Ctrl+.",), "stop-circle-outline"
    ),
    Command("keys", Group.HELP, "Keys and mouse", "Every key and what the mouse does", ("F1",), "keyboard-outline"),
    Command("about", Group.HELP, "About BraTS Viewer", "Version, licences, and what it is not for"),
)


def make_actions(window: QWidget) -> dict[str, QAction]:
    """An action of `window` for each command, by the command's id."""
    return {command.id: _action(command, window) for command in COMMANDS}


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> dict[Group, QMenu]:
    """Put every action into its group's menu."""
    menus = {group: bar.addMenu(group.value) for group in Group}
    for command in COMMANDS:
        menus[command.group].addAction(actions[command.id])
        if command.ends_section:
            menus[command.group].addSeparator()
    return menus


def fill_toolbar(bar: QToolBar, actions: Mapping[str, QAction]) -> None:
    """Put the actions that have a short name into the toolbar, with a line between groups."""
    group = Group.FILE
    for command in COMMANDS:
        if command.short:
            if command.group is not group:
                bar.addSeparator()
            group = command.group
            bar.addAction(actions[command.id])


def _action(command: Command, window: QWidget) -> QAction:
    action = QAction(command.text, window)
    action.setObjectName(command.id)
    action.setShortcuts([QKeySequence(key) for key in command.keys])
    action.setCheckable(command.checkable)
    if command.icon:
        action.setIcon(icon(command.icon))
        action.setIconVisibleInMenu(False)
    if command.short:
        action.setIconText(command.short)
    keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{command.tip} ({keys})" if keys else command.tip)
    window.addAction(action)
    return action
