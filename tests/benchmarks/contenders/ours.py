"""The project's own contenders: the preset "default" from random weights, and the preset "reference".

Both train without validation, so what they keep is their last state, as the others do, and no time goes into choosing.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from engine.data import CaseFiles, LabelMap, load_case
from engine.model.unet import UNet, parameter_count
from engine.predict import segment
from engine.progress import finish
from engine.runs.folder import MODEL_FOLDER, Source, create
from engine.runs.journal import Journal
from engine.runs.log import Point
from engine.runs.presets import PRESETS, PresetName, settings_of
from engine.runs.settings import TrainConfig
from engine.runs.state import Command, Stage, tell
from engine.train.feed import batches
from engine.train.loop import train
from engine.train.network import network_config
from engine.train.optimiser import Ranger21
from engine.train.publish import publish
from engine.train.sources import prepare_dataset
from engine.train.trainer import Trainer
from tests.benchmarks.contenders.contest import Start, Tally, Trained
from tests.benchmarks.contenders.settings import BATCH, PATCH, SPACING_MM, Setup

PACKAGES = ("brats-viewer", "torch", "numpy", "ranger21")
_WARM_UP = 0.22
_WARM_DOWN = 0.72
"""Shares of the schedule that the package ranger21 takes for short trainings."""


def settings(preset: PresetName, setup: Setup) -> TrainConfig:
    """A preset on the common window, as long as the clock runs."""
    return replace(
        settings_of(preset, None),
        patch=PATCH,
        batch=BATCH,
        spacing_mm=SPACING_MM,
        seed=setup.seed,
        epochs=None,
        hours=setup.minutes / 60,
        validate_every=0,
        tune_et=False,
    )


class Default:
    """The preset "default" from random weights, by the training loop that people use."""

    def train(self, setup: Setup, folder: Path, start: Start) -> Trained:
        """The run waits, paused, until all is prepared; checkpoints and log are within its time."""
        config = settings("default", setup)
        run = folder / "run"
        create(run, config, Source(dataset=setup.dataset, device="cpu", split=setup.split_file))
        tell(run, Command.PAUSE)
        parameters = parameter_count(UNet(network_config(config)))
        tally: Tally | None = None
        trained: Trained | None = None
        for report in train(run):
            if tally is None and report.stage == Stage.PAUSED:
                tally = Tally(start())
                tell(run, Command.GO)
            elif tally is not None and report.stage == Stage.TRAINING:
                tally.steps = report.done
                trained = tally.trained("default", setup, parameters, PACKAGES)
        if trained is None:
            raise RuntimeError("the run ended before it had begun")
        points = [record for record in Journal(run).records() if isinstance(record, Point)]
        return replace(trained, losses=[(point.step, point.seconds, point.loss) for point in points])

    def predict(self, setup: Setup, folder: Path, files: CaseFiles) -> LabelMap:
        """By windows of the training's size in all eight mirrorings."""
        return _segmented(folder / "run" / MODEL_FOLDER, files, PRESETS["default"].tta)


class Reference:
    """The preset "reference", whose optimiser's schedule is laid out over the clock in place of a number of steps."""

    def train(self, setup: Setup, folder: Path, start: Start) -> Trained:
        """The loop without a run's folder, as the settings of a run do not let Ranger21 go by the clock."""
        config = settings("reference", setup)
        device = torch.device("cpu")
        cache = folder / "prepared"
        source = finish(prepare_dataset(setup.dataset, setup.split().training, config, device, cache=cache))
        trainer = Trainer(config, device)
        tally = Tally(start())
        with closing(batches(config, source, 0)) as feed:
            while not tally.clock.over:
                lay_out(trainer.optimiser, tally.steps, tally.clock.fraction)
                tally.step(trainer.train_on(next(feed)))
        parameters = parameter_count(trainer.network)
        trained = tally.trained("reference", setup, parameters, PACKAGES)
        facts = {"steps": trained.steps}
        publish(folder / MODEL_FOLDER, config, trainer.average, title="reference", description="", training=facts)
        return trained

    def predict(self, setup: Setup, folder: Path, files: CaseFiles) -> LabelMap:
        """Eight corner chunks, each in one mirroring drawn at random."""
        return _segmented(folder / MODEL_FOLDER, files, PRESETS["reference"].tta)


def lay_out(optimiser: object, steps: int, fraction: float) -> None:
    """Let Ranger21's next step have the rate of this share of its schedule.

    The package counts steps, so it is told the length that the training has if it goes on at its pace so far.
    """
    if not isinstance(optimiser, Ranger21):
        raise TypeError("the preset trains with another optimiser")
    length = planned_steps(steps, fraction)
    package = optimiser._package
    package.num_warmup_iters = max(1, int(_WARM_UP * length))
    package.start_warm_down = int(_WARM_DOWN * length)
    package.warmdown_total_iterations = length - package.start_warm_down


def planned_steps(done: int, fraction: float, at_least: int = 100) -> int:
    """How many steps a training will have, of which `done` took this share of its time.

    >>> planned_steps(50, 0.25), planned_steps(0, 0.0), planned_steps(300, 1.0)
    (200, 100, 301)
    """
    if fraction <= 0:
        return max(at_least, done + 1)
    return max(round(done / fraction), done + 1)


def _segmented(model: Path, files: CaseFiles, tta: str) -> LabelMap:
    return finish(segment(finish(load_case(files)), model=str(model), device="cpu", tta=tta)).labels
