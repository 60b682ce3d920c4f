"""The table of commands as Qt's actions: in menus, in the toolbar, and by their keys."""

from collections.abc import Mapping

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QWidget

from brats_viewer.commands import COMMANDS, Command, Group
from brats_viewer.theme import icon


def make_actions(window: QWidget) -> dict[str, QAction]:
    """An action of `window` for each command, by the command's id."""
    return {command.id: _action(command, window) for command in COMMANDS}


def fill_menus(bar: QMenuBar, actions: Mapping[str, QAction]) -> dict[Group, QMenu]:
    """Put every action into its group's menu."""
    menus = {group: bar.addMenu(group.value) for group in Group}
    inner: dict[str, QMenu] = {}
    for command in COMMANDS:
        menu = menus[command.group]
        if command.submenu and command.submenu not in inner:
            inner[command.submenu] = menu.addMenu(command.submenu)
        inner.get(command.submenu, menu).addAction(actions[command.id])
        if command.ends_section and not command.submenu:
            menu.addSeparator()
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
