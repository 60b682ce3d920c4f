"""Pictures of the window in each of its states, made with the sample case and the shipped model.

    python tests/screenshots.py FOLDER [--light] [--scale 2] [--size 1400x880] [--cohort CASES]

Those named `finished`, `comparison` and `cohort` are the README's; the last is made with `--cohort`, a folder of cases
with an evaluation's results in it.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from brats_viewer.app import MainWindow

sys.path.insert(0, str(Path(__file__).parents[1]))


VIEWS = {
    "difference": ("layer_difference",),
    "uncertainty": ("layer_uncertainty",),
    "images": ("layout_modalities", "layer_outlined"),
    "comparison": ("layout_comparison",),
    "two": ("layout_side_by_side",),
    "colour_blind": ("layout_planes", "layer_labels", "palette_colour_blind", "by_region"),
    "planes": ("palette_standard", "by_region"),
}
"""Pictures of one finished segmentation, and the commands that lead from each to the next."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--size", default="1400x880")
    parser.add_argument("--case", type=Path, help="another case than the sample")
    parser.add_argument("--cohort", type=Path, help="a folder of cases with an evaluation's results in it")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = options.scale
    with tempfile.TemporaryDirectory() as private:
        os.environ["XDG_DATA_HOME"] = private  # the runs of whoever takes the pictures are none of theirs
        take_all(options, Path(private))


def take_all(options: argparse.Namespace, private: Path) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    from brats_viewer.app import MainWindow, sample_case
    from brats_viewer.dialogs.about_dialog import AboutDialog
    from brats_viewer.dialogs.assign_dialog import AssignDialog
    from brats_viewer.dialogs.convention_dialog import ConventionDialog
    from brats_viewer.dialogs.keys_dialog import KeysDialog
    from brats_viewer.job import as_work
    from brats_viewer.session import Session
    from brats_viewer.settings import Settings
    from brats_viewer.theme import Theme
    from engine.isolate import Worker

    application = QApplication([])
    Theme(application).set_scheme(Qt.ColorScheme.Light if options.light else Qt.ColorScheme.Dark)
    worker = Worker()
    session, settings = Session(worker), Settings(private / "settings.ini")
    for name in ("BraTS-GLI-00031-000", "UCSF-PDGM-0004"):
        (private / "cases" / name).mkdir(parents=True)
        settings.add_recent_case(private / "cases" / name)
    window = MainWindow(session, settings)
    window.resize(*map(int, options.size.split("x")))

    def until(done: Callable[[], object], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            application.processEvents()
            time.sleep(0.01)

    def take(name: str) -> None:
        until(lambda: False, 0.2)
        options.folder.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(options.folder / f"{name}.png"))

    window.show()
    take("empty")
    session.opening.start(as_work("reading images", time.sleep, 1), lambda _: None)
    take("loading")
    until(lambda: not session.opening.is_running)
    session.open(private / "cases" / "UCSF-PDGM-0004")
    until(lambda: session.opening.failure)
    take("refused")
    session.open(options.case or sample_case())
    until(lambda: session.case is not None and session.devices)
    take("loaded")
    session.segment()
    until(lambda: session.segmenting.progress and session.segmenting.progress.done >= 3)
    take("running")
    psutil.Process(worker.pid).send_signal(signal.SIGTERM)
    until(lambda: session.segmenting.failure)
    take("failed")
    session.segment()
    until(lambda: not session.segmenting.is_running and (session.comparison or not session.case.truth))
    take("finished")
    for name, commands in VIEWS.items():
        for command in commands:
            window.actions_by_id[command].trigger()
        take(name)
    if options.cohort:
        session.mark_prediction_saved(private / "mask.nii.gz")  # so that nothing is asked when another case is opened
        window.open_cohort(options.cohort)
        until(lambda: window.cohort.scored)
        middling = window.cohort.shown[len(window.cohort.shown) // 2]
        window.cohort.ask(middling.id)
        until(lambda: window.cohort.current == middling and session.comparison)
        take("cohort")
    for dialog in (
        KeysDialog(window),
        AboutDialog(window),
        AssignDialog(session.case.files, window),
        ConventionDialog("seg.nii.gz: which integer means which label is not known", window),
    ):
        dialog.show()
        until(lambda: False, 0.1)
        dialog.grab().save(str(options.folder / f"{type(dialog).__name__}.png"))
        dialog.close()
    take_training(window, options.folder, take, until)
    window.training.close()
    session.close()


def take_training(window: "MainWindow", out: Path, take: Callable[[str], None], until: Callable[..., None]) -> None:
    """The page of trainings with runs that nobody trains, and the dialog."""
    from dataclasses import replace

    import numpy as np

    from brats_viewer.dialogs.train_dialog import TrainDialog
    from brats_viewer.training import runs_folder
    from engine.data import Region
    from engine.runs.log import Point, Validation
    from engine.runs.preview import Preview, write_preview
    from engine.runs.state import Stage
    from tests.brats_viewer.runs import STATE, hold, write_run

    noise = np.random.default_rng(0)
    points = [
        Point(n, n / 2, 0.3 + 1.4 * 0.985**n + 0.08 * noise.normal(), 1e-3 * (1 - n / 300)) for n in range(1, 241)
    ]
    levels = {Region.ET: 0.72, Region.TC: 0.79, Region.WT: 0.88}
    validations = [
        Validation(n, n / 2, {region: level * (1 - 0.982**n) for region, level in levels.items()}, best=n == 240)
        for n in range(20, 241, 20)
    ]
    state = replace(STATE, step=240, steps=300, seconds=120.0, seconds_left=30.0)
    states = {
        "running": state,
        "paused": replace(state, stage=Stage.PAUSED),
        "stopped": replace(state, stage=Stage.STOPPED),
        "finished": replace(state, stage=Stage.FINISHED, step=300),
        "failed": replace(state, stage=Stage.FAILED, message="the loss is not a number at step 240"),
        "interrupted": state,
    }
    columns, rows = np.meshgrid(np.arange(80), np.arange(96))
    grey = np.where(((rows - 48) / 44) ** 2 + ((columns - 40) / 34) ** 2 < 1, 110, 0).astype(np.uint8)
    distance = ((rows - 40) / 18) ** 2 + ((columns - 52) / 14) ** 2
    truth = np.select([distance < 0.1, distance < 0.4, distance < 1], [1, 3, 2], 0).astype(np.uint8)
    for name, said in states.items():
        folder = write_run(runs_folder() / name, said, [*points, *validations])
        write_preview(folder, Preview(grey, truth, np.roll(truth, 2, axis=1), "BraTS20_Training_007", said.step, 0.71))
    hold(runs_folder() / "interrupted", held=False)
    window.training.look()
    until(lambda: len(window.training.runs) == len(states))
    take("training_notice")
    for name in states:
        window.watch_training(runs_folder() / name)
        until(lambda: len(window.training.curves.step) and window.training.preview)
        take(f"training_{name}")
    window.training.compare(runs_folder() / "stopped", beside=True)
    take("training_compared")
    for name in states:
        hold(runs_folder() / name, held=False)
    window.training_conversation.train()
    dialog = window.findChild(TrainDialog)
    ways = {
        "empty": lambda: None,
        "synthetic": lambda: dialog.choose_dataset(None),
        "advanced": dialog.advanced.unfold,
    }
    for picture, act in ways.items():
        act()
        until(lambda: False, 0.3)
        dialog.grab().save(str(out / f"TrainDialog_{picture}.png"))
    dialog.reject()


if __name__ == "__main__":
    main()
