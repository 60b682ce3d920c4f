"""The table of commands, its keys, and their help."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from brats_viewer.app import MainWindow
from brats_viewer.commands import COMMANDS
from brats_viewer.dialogs.keys_dialog import KeysDialog
from brats_viewer.session import Overlay
from engine.data import Label, Modality
from tests.brats_viewer.words import visible_words
from tests.phantoms import phantom_segmentation


def test_no_key_is_given_twice() -> None:
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))
    assert all(not QKeySequence(key).isEmpty() for key in keys)


def test_the_keys_are_those_that_people_know() -> None:
    keys = {command.id: command.keys for command in COMMANDS}
    assert keys["overlay"] == ("S",)
    assert keys["less_opacity"] + keys["more_opacity"] == ("A", "D")
    assert keys["crosshair"] + keys["reset"] + keys["swap"] == ("X", "R", "T")
    assert keys["show_t1n"] + keys["show_t1c"] + keys["show_t2w"] + keys["show_t2f"] == ("1", "2", "3", "4")
    assert keys["open"] + keys["save"] + keys["save_as"] + keys["keys"] == ("Ctrl+O", "Ctrl+S", "Ctrl+Shift+S", "F1")


def test_keys_steer_the_window(qtbot: QtBot, open_case: MainWindow) -> None:
    session = open_case.session
    open_case.activateWindow()
    qtbot.waitActive(open_case)
    qtbot.keyClick(open_case, Qt.Key.Key_4)
    assert session.modality is Modality.T2F
    qtbot.keyClick(open_case, Qt.Key.Key_A)
    assert session.opacity == pytest.approx(0.25)
    qtbot.keyClick(open_case, Qt.Key.Key_D)
    assert session.opacity == pytest.approx(0.35)
    qtbot.keyClick(open_case, Qt.Key.Key_S)
    assert not session.overlay_shown
    assert not open_case.actions_by_id["overlay"].isChecked()
    qtbot.keyClick(open_case, Qt.Key.Key_S)
    qtbot.keyClick(open_case, Qt.Key.Key_G)
    assert session.overlay_labels() is not None
    labels = session.overlay_labels()
    assert labels is not None
    assert labels[session.cursor] != Label.BACKGROUND


def test_t_changes_between_prediction_and_truth(open_case: MainWindow) -> None:
    session = open_case.session
    assert session.case is not None
    assert not open_case.actions_by_id["swap"].isEnabled()
    session.set_prediction(phantom_segmentation(session.case))
    open_case.actions_by_id["swap"].trigger()
    assert session.overlay is Overlay.TRUTH
    open_case.actions_by_id["swap"].trigger()
    assert session.overlay is Overlay.PREDICTION
    session.mark_prediction_saved(Path("mask.nii.gz"))


def test_the_help_of_keys_lists_every_command_that_has_one(qtbot: QtBot) -> None:
    dialog = KeysDialog()
    qtbot.addWidget(dialog)
    shown = visible_words(dialog)
    for command in COMMANDS:
        if command.keys:
            assert command.text.rstrip("…") in shown


def test_an_unexpected_error_is_shown(window: MainWindow) -> None:
    window.unexpected.emit("This should not have happened", "details")
    assert window.notice.text() == "This should not have happened"
