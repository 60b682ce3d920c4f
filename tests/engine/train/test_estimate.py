"""What a training will cost, reckoned from two steps whose time and memory are known."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from engine.data import Modality
from engine.errors import CaseError, DeviceError
from engine.progress import finish
from engine.runs.estimate import Estimate
from engine.runs.settings import TrainConfig
from engine.train import estimate as module
from engine.train.estimate import PeakMemory, estimate
from tests.engine.train.runs import CPU

CONFIG = TrainConfig(
    steps=100, batch=2, shape=(16, 16, 16), patch=(16, 16, 16), spacing_mm=8.0, width=4, depth=2, precision="float32"
)


@contextmanager
def clocked(monkeypatch, batches: list[float], steps: list[float]) -> Iterator[None]:
    """Batches and steps that take so many seconds, by a clock that nothing else moves."""
    now = [0.0]
    taken = {"batch": iter(batches), "step": iter(steps)}

    def make_batch(config: TrainConfig, source: object, index: int) -> None:
        now[0] += next(taken["batch"])

    class Learner:
        def __init__(self, config: TrainConfig, device: torch.device) -> None:
            pass

        def train_on(self, batch: None) -> None:
            seconds = next(taken["step"])
            if seconds < 0:
                raise DeviceError("cpu: not enough memory for a step")
            now[0] += seconds

    with monkeypatch.context() as changed:
        changed.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
        changed.setattr(module, "make_batch", make_batch)
        changed.setattr(module, "Trainer", Learner)
        yield


def estimated(monkeypatch, config: TrainConfig, dataset: Path | None = None) -> Estimate:
    """A batch takes 2 s and a step 6 s, the first ones longer."""
    with clocked(monkeypatch, [50.0, 2.0, 3.0], [90.0, 7.0, 6.0]):
        return finish(estimate(config, dataset, "cpu"))


def test_a_step_is_the_quicker_one_of_two_with_its_batch(monkeypatch):
    found = estimated(monkeypatch, CONFIG)
    assert (found.seconds_per_step, found.steps, found.seconds_total) == (8.0, 100, 800.0)
    assert found.problem is None
    assert found.device_title.startswith("CPU")
    assert found.free_memory_bytes > 0


def test_validations_are_reckoned_by_their_windows(monkeypatch):
    config = replace(CONFIG, validate_every=30, validation_cases=5)
    # A synthetic case is one window; to go forward takes a third of a step of 6 s, which has two samples.
    assert estimated(monkeypatch, config).seconds_total == 800 + 3 * 5 * 1 * (6 / 3 / 2)
    larger = replace(config, shape=(32, 16, 16))  # three windows that overlap by half
    assert estimated(monkeypatch, larger).seconds_total == 800 + 3 * 5 * 3 * (6 / 3 / 2)


def test_epochs_are_of_the_training_cases(monkeypatch, cases: Path):
    config = replace(CONFIG, epochs=10, samples_per_case=2)
    found = estimated(monkeypatch, config, cases)
    assert (found.steps, found.seconds_total) == (30, 240.0)  # of five cases three train
    every = replace(config, validate_every=10, validation_cases=16)  # of which there is one, of more than one window
    windows = (estimated(monkeypatch, every, cases).seconds_total - 240) / (3 * 6 / 3 / 2)
    assert windows == 2 * 2 * 2


def test_hours_give_as_many_steps_as_they_hold(monkeypatch):
    assert estimated(monkeypatch, replace(CONFIG, hours=1.0)).steps == 450
    config = replace(CONFIG, hours=1.0, validate_every=10, validation_cases=40)  # 40 s each 10 steps of 8 s
    found = estimated(monkeypatch, config)
    assert found.steps == 300
    assert found.seconds_total == 3600


def test_on_a_gpu_batches_are_made_meanwhile(monkeypatch):
    monkeypatch.setattr(module, "workers", lambda: 4)
    gpu = torch.device("cuda")
    assert module._per_step(2.0, 6.0, gpu) == 6.0
    assert module._per_step(32.0, 6.0, gpu) == 8.0
    assert module._per_step(2.0, 6.0, CPU) == 8.0


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"batch": 0}, "batch 0 must be a number"),
        ({"shape": (16, 16, 18), "patch": None}, "must be multiples of 4"),
    ],
)
def test_settings_that_cannot_run_are_told_without_a_step(monkeypatch, changes: dict[str, object], problem: str):
    found = estimated(monkeypatch, replace(CONFIG, **changes))
    assert problem in found.problem
    assert (found.steps, found.peak_memory_bytes) == (0, 0)


def test_data_without_the_modalities_is_told(monkeypatch, tmp_path: Path, cases: Path):
    for case in cases.glob("BraTS*"):
        (tmp_path / case.name).mkdir()
        for path in case.iterdir():
            if not path.name.endswith("_t2.nii.gz"):
                (tmp_path / case.name / path.name).symlink_to(path)
    assert "no case has a truth and all of the modalities" in estimated(monkeypatch, CONFIG, tmp_path).problem
    some = replace(CONFIG, modalities=(Modality.T1C, Modality.T2F))
    assert estimated(monkeypatch, some, tmp_path).problem is None


def test_memory_that_does_not_suffice_is_told(monkeypatch):
    with clocked(monkeypatch, [1.0, 1.0], [1.0, -1.0]):
        found = finish(estimate(CONFIG, None, "cpu"))
    assert found.problem == "cpu: not enough memory for a step"
    assert found.steps == 100


def test_no_data_set_or_device_is_an_error(tmp_path: Path):
    with pytest.raises(CaseError, match="nowhere"):
        finish(estimate(CONFIG, tmp_path / "nowhere", "cpu"))
    with pytest.raises(DeviceError, match="tpu"):
        finish(estimate(CONFIG, None, "tpu"))


def test_real_steps_are_measured():
    reports = []
    work = estimate(replace(CONFIG, batch=1), None, "cpu")
    while True:
        try:
            reports.append(next(work))
        except StopIteration as stop:
            found = stop.value
            break
    assert [(report.done, report.total) for report in reports] == [(number, 3) for number in range(4)]
    assert found.problem is None
    assert found.seconds_per_step > 0
    assert found.seconds_total == pytest.approx(100 * found.seconds_per_step)


def test_the_memory_that_is_held_is_seen():
    with PeakMemory(CPU) as peak:
        held = torch.ones(64 << 18)  # float32
        assert len(held)
    assert 0.9 * (64 << 20) < peak.bytes < 2 * (64 << 20)
