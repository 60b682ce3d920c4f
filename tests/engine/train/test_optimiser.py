"""Ranger21: the package's own steps and schedule, without its noise, and resumed as if it had never stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from engine.errors import TrainingError
from engine.runs.settings import TrainConfig
from engine.train import checkpoint
from engine.train.feed import Batch
from engine.train.optimiser import Ranger21, make_optimiser
from engine.train.trainer import Trainer
from tests.engine.train.runs import CPU, cut_off, log_of, trained

TINY = TrainConfig(
    optimiser="ranger21",
    steps=12,
    shape=(16, 16, 16),
    spacing_mm=10.0,
    width=4,
    depth=2,
    learning_rate=3e-3,
    weight_decay=1e-4,
    checkpoint_every=7,
)


def batch(number: int) -> Batch:
    chance = torch.Generator().manual_seed(number)
    labels = torch.randint(0, 4, (1, 16, 16, 16), generator=chance, dtype=torch.uint8)
    return Batch(torch.rand((1, 4, 16, 16, 16), generator=chance), labels)


def rates(optimiser: Ranger21, weights: Parameter, steps: int) -> Iterator[float]:
    for _ in range(steps):
        weights.grad = torch.ones_like(weights)
        optimiser.step()
        yield optimiser.param_groups[0]["lr"]


def test_the_rate_rises_stays_and_falls_over_the_steps_given():
    weights = Parameter(torch.ones(3))
    seen = list(rates(Ranger21([weights], learning_rate=1.0, weight_decay=0.0, steps=100), weights, 100))
    assert seen[:21] == [step / 22 for step in range(1, 22)]  # a warm-up of 22 %
    assert seen[21:71] == [1.0] * 50
    assert seen[71:] == pytest.approx([1 - 0.99 * step / 29 for step in range(1, 30)])
    assert seen[-1] == pytest.approx(0.01)


def test_a_long_training_warms_up_for_2000_steps():
    weights = Parameter(torch.ones(1))
    seen = list(rates(Ranger21([weights], learning_rate=3e-3, weight_decay=0.0, steps=5000), weights, 2))
    assert seen == pytest.approx([3e-3 / 2000, 6e-3 / 2000])


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_training_of_a_few_steps_ends_with_the_final_rate(steps: int):
    weights = Parameter(torch.ones(3))
    assert list(rates(Ranger21([weights], 1e-6, 0.0, steps), weights, steps))[-1] == pytest.approx(1e-8)


def test_the_settings_reach_the_package():
    optimiser = make_optimiser(replace(TINY, weight_decay=0.02), [Parameter(torch.ones(3))], 6000)
    assert isinstance(optimiser, Ranger21)
    package = optimiser._package
    assert package.starting_lr == 3e-3
    assert package.min_lr == 3e-5
    assert package.param_groups[0]["weight_decay"] == 0.02
    assert package.total_iterations == 6000
    assert package.num_warmup_iters == 2000
    assert package.start_warm_down == 4320  # 72 % of 6000
    assert package.lookahead_mergetime == 5


def test_a_trainer_gives_it_the_steps_of_the_training():
    assert Trainer(TINY, CPU).optimiser._package.total_iterations == 12


def test_it_finds_the_bottom_of_a_bowl():
    bottom = torch.tensor([1.0, -2.0, 3.0])
    weights = Parameter(torch.zeros(3))
    optimiser = Ranger21([weights], learning_rate=0.1, weight_decay=0.0, steps=300)
    heights = []
    for _ in range(300):
        optimiser.zero_grad()
        rise = (weights - bottom).square().sum()
        rise.backward()
        optimiser.step()
        heights.append(rise.item())
    assert heights[0] == 14.0
    assert heights[1] < heights[0]
    assert heights[-1] < 1e-4


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]):
    weights = Parameter(torch.ones(3))
    optimiser = Ranger21([weights], learning_rate=1e-6, weight_decay=1e-4, steps=20)
    list(rates(optimiser, weights, 25))  # through warm-up and warm-down, and past their end
    assert capfd.readouterr() == ("", "")
    sys.stdout.write("heard again\n")
    assert capfd.readouterr().out == "heard again\n"


def test_a_training_that_goes_on_from_a_checkpoint_ends_like_one_that_was_not_stopped(tmp_path: Path):
    whole = Trainer(TINY, CPU)
    for number in range(12):
        whole.train_on(batch(number))
    for stop in (1, 3, 7, 10, 12):  # in warm-up and warm-down, between merges of five steps, at one, at the end
        first = Trainer(TINY, CPU)
        for number in range(stop):
            first.train_on(batch(number))
        checkpoint.save(tmp_path, first.state())
        resumed = Trainer(replace(TINY, seed=1), CPU)
        resumed.resume(checkpoint.load(tmp_path)[0])
        assert counters(resumed) == counters(first)
        for number in range(stop, 12):
            resumed.train_on(batch(number))
        same(whole.network.state_dict(), resumed.network.state_dict())
        same(whole.average, resumed.average)


def counters(trainer: Trainer) -> dict[str, object]:
    """All of the package's numbers, known to the adapter or not."""
    plain = (bool, int, float, str, list, type(None))
    found = vars(trainer.optimiser._package).items()
    return {name: value for name, value in found if isinstance(value, plain) and name != "param_groups"}


def test_a_run_that_was_cut_off_ends_and_logs_like_one_that_was_not(tmp_path: Path):
    whole = trained(tmp_path / "whole", TINY)
    resumed = trained(cut_off(tmp_path / "cut", TINY, 9), TINY)  # the last checkpoint is that of step 7
    same(whole.average, resumed.average)
    whole_log = log_of(tmp_path / "whole")
    assert whole_log == log_of(tmp_path / "cut")
    assert whole_log[-1]["step"] == 10
    assert whole_log[-1]["lr"] == pytest.approx(3e-3 - 2.97e-3 * 3 / 5)  # in a warm-down from 8 to 12


def test_a_step_whose_gradient_is_not_finite_leaves_weights_and_moments_alone():
    trainer = Trainer(TINY, CPU)
    trainer.train_on(batch(0))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    labels = torch.ones((1, 16, 16, 16), dtype=torch.uint8)
    trainer.train_on(Batch(torch.full((1, 4, 16, 16, 16), torch.nan), labels))
    assert trainer.step == 2
    same(before, trainer.network.state_dict())
    trainer.train_on(batch(1))
    assert not torch.equal(before["head.weight"], trainer.network.head.weight)
    assert all(bool(value.isfinite().all()) for value in trainer.network.state_dict().values())


def test_decay_and_norm_loss_reach_the_last_parameter_only():
    still, moved, last = (Parameter(torch.tensor([3.0, 4.0, 0.0])) for _ in range(3))
    optimiser = Ranger21([still, moved, last], learning_rate=100.0, weight_decay=0.5, steps=1)
    still.grad, moved.grad, last.grad = torch.zeros(3), torch.tensor([1.0, 2.0, 3.0]), torch.zeros(3)
    optimiser.step()
    assert still.tolist() == [3.0, 4.0, 0.0]
    # The rate is the final one, 1. Divided by its deviation, which is 1 before any clipping, the gradient is (1, 2, 3):
    # over the nine weights, its mean square is 14 / 9. Norm loss finds the norm, which was 5, decayed.
    decay = 1 - 0.5 / (14 / 9) ** 0.5
    both = decay * (1 - 2e-4 * (1 - 1 / (5 * decay)))
    assert last.tolist() == pytest.approx([3 * both, 4 * both, 0.0])


def test_settings_survive_their_file_and_those_of_old_mean_adamw(tmp_path: Path):
    path = tmp_path / "config.json"
    path.write_text(TINY.to_json(), encoding="utf-8")
    assert TrainConfig.read(path) == TINY
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["optimiser"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert isinstance(Trainer(TrainConfig.read(path), CPU).optimiser, torch.optim.AdamW)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"optimiser": "ranger21", "hours": 2.0}, "hours 2.0 cannot be given with ranger21.*give steps"),
        ({"optimiser": "ranger"}, "'ranger' is none of adamw, ranger21"),
    ],
)
def test_what_it_cannot_do_is_said(tmp_path: Path, settings: dict[str, object], what: str):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(TrainingError, match=what):
        TrainConfig.read(path)


def test_a_training_with_adamw_does_not_load_the_package():
    code = "import sys, engine.train.loop; assert not {'ranger21', 'matplotlib'} & set(sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
