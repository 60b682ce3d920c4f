"""The logic of the comparison of contenders, against numbers worked out by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import CONVENTIONS, Label, Region
from engine.errors import TrainingError
from engine.runs.presets import settings_of
from engine.train.optimiser import Ranger21
from tests.benchmarks.contenders.contest import Clock, Tally, Trained
from tests.benchmarks.contenders.nnunet import INTEGERS, REGIONS
from tests.benchmarks.contenders.ours import lay_out, planned_steps, settings
from tests.benchmarks.contenders.settings import Setup
from tests.benchmarks.contenders.table import Row, to_markdown


def trained(name: str, steps: int) -> Trained:
    return Trained(name, 1000, steps, 120.0, 60.0, 0, {"torch": "2.0"}, [(10, 5.0, 0.5)])


def test_a_clock_runs_from_its_start_to_its_end() -> None:
    times = iter([100.0, 100.0, 130.0, 160.0, 170.0])
    clock = Clock(60, now=lambda: next(times))
    assert clock.seconds == 0
    assert clock.fraction == 0.5
    assert clock.over
    assert clock.fraction == 1.0


def test_a_tally_keeps_the_mean_loss_of_some_steps() -> None:
    tally = Tally(Clock(60, now=lambda: 0.0))
    for loss in (1.0, 3.0, 5.0):
        tally.step(loss, every=2)
    kept = tally.trained("some", Setup(Path()), 7, ("numpy",))
    assert (kept.steps, kept.losses, kept.parameters) == (3, [(2, 0.0, 2.0)], 7)
    assert kept.versions == {"numpy": np.__version__}


def test_what_a_training_came_to_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert Trained.read(tmp_path) is None
    trained("some", 30).write(tmp_path)
    assert Trained.read(tmp_path) == trained("some", 30)


def test_the_schedule_of_ranger21_reaches_its_end_with_the_clock_whatever_the_pace() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 3))
    optimiser = Ranger21([weight], 1.0, 0.0, 3000)
    rates = []
    for done in range(40):
        # The first half of the time does 30 steps, the second 10: the machine became slower.
        fraction = done / 60 if done < 30 else 0.5 + (done - 30) / 20
        lay_out(optimiser, done, fraction)
        (weight.sum() ** 2).backward()
        optimiser.step()
        rates.append(optimiser.param_groups[0]["lr"])
    assert rates[5] == pytest.approx(5 / 60 / 0.22, rel=0.25)  # within the warm-up
    assert rates[25] == 1.0  # 42 % of the time
    assert rates[-1] == pytest.approx(0.05 / 0.28, abs=0.1)  # 95 % of the time
    assert planned_steps(30, 0.5) == 60


def test_both_presets_train_on_the_common_window_by_the_clock() -> None:
    setup = Setup(Path(), minutes=30, seed=3)
    for preset in ("default", "reference"):
        config = settings(preset, setup)
        assert (config.window, config.batch, config.spacing_mm) == ((64, 64, 64), 2, 2.0)
        assert (config.hours, config.epochs, config.seed, config.validate_every) == (0.5, None, 3, 0)
        assert config.learning_rate == settings_of(preset, None).learning_rate
    settings("default", setup).check()


def test_labels_go_to_nnunet_and_back_unchanged() -> None:
    labels = np.array([[[Label.BACKGROUND, Label.NCR, Label.ED, Label.ET]]], dtype=np.uint8)
    integers = INTEGERS.encode(labels)
    assert integers.ravel().tolist() == [0, 2, 1, 3]
    assert INTEGERS.decode(integers, "mask").tolist() == labels.tolist()
    assert CONVENTIONS["brats2020"].encode(labels).ravel().tolist() == [0, 1, 2, 4]
    assert REGIONS == {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": [3]}


def test_labels_become_the_channels_of_segresnet() -> None:
    pytest.importorskip("monai")
    from tests.benchmarks.contenders.segresnet import region_channels

    channels = region_channels(torch.tensor([0, 1, 2, 4]).reshape(1, 1, 1, 4))
    assert channels.reshape(3, 4).tolist() == [[0, 1, 0, 1], [0, 1, 1, 1], [0, 0, 0, 1]]  # TC, WT, ET


def test_a_folder_takes_no_other_settings(tmp_path: Path) -> None:
    Setup(tmp_path, minutes=2).keep()
    assert Setup.read(tmp_path) == Setup(tmp_path, minutes=2)
    Setup(tmp_path, minutes=2, test_cases=3).keep()
    with pytest.raises(TrainingError, match="another minutes"):
        Setup(tmp_path, minutes=3).keep()


def test_the_table_has_a_line_for_each_and_counts_what_the_first_wins(tmp_path: Path) -> None:
    high = {Region.ET: 0.6, Region.TC: 0.7, Region.WT: 0.8}
    low = {Region.ET: 0.5, Region.TC: 0.6, Region.WT: 0.7}
    first = Row("ours", trained("ours", 30), {"a": high, "b": low})
    other = Row("theirs", trained("theirs", 10), {"a": low, "b": low})
    lines = to_markdown([first, other], Setup(tmp_path, minutes=2)).splitlines()
    assert "2 minutes each" in lines[0]
    assert "36 of 60 cases train" in lines[0]
    assert lines[4] == "| ours | 1,000 | 30 | 60 | 2.0 | 0.550 | 0.650 | 0.750 | 0.650 |  |"
    assert lines[5] == "| theirs | 1,000 | 10 | 60 | 6.0 | 0.500 | 0.600 | 0.700 | 0.600 | 1 of 2 |"
    assert lines[-1] == "Versions: torch 2.0."
