import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import Region
from engine.errors import DeviceError
from engine.model.bundle import load_network
from engine.model.unet import UNet, UNetConfig
from engine.predict import segment
from engine.predict.backends import OPENVINO, OPENVINO_BF16, TORCH, TORCH_BF16, choice, openvino_backend
from engine.predict.backends.choice import candidates, distance, ready_backend, remembered, resolve, smooth_noise
from engine.predict.backends.openvino_backend import OpenVINOBackend
from engine.predict.backends.torch_backend import TorchBackend
from engine.predict.device import AUTO
from engine.progress import finish
from tests.engine.bundles import threshold_bundle
from tests.phantoms import phantom_case

CPU = torch.device("cpu")
needs_openvino = pytest.mark.skipif(not openvino_backend.is_installed(), reason="OpenVINO is not installed")


class Fake:
    """A backend whose logits are those of torch, changed; it takes as many ticks of `clock` as it is told."""

    def __init__(self, name, network, change, ticks, clock):
        self.name, self.device = name, CPU
        self._torch, self._change, self._ticks, self._clock = (
            TorchBackend(network, CPU, bfloat16=False),
            change,
            ticks,
            clock,
        )

    def logits(self, windows):
        found = self._change(finish(self._torch.logits(windows)))
        self._clock[0] += self._ticks
        yield
        return found


@pytest.fixture
def card(tmp_path):
    return threshold_bundle(tmp_path / "tiny")


@pytest.fixture
def compete(monkeypatch, tmp_path, card):
    """Let made-up backends compete: name -> (change of the logits, ticks); what was tried is listed in `made`."""
    clock = [0]

    def choose(fakes):
        made = []

        def make(card, device, name):
            made.append(name)
            return Fake(name, load_network(card), *fakes[name], clock)

        monkeypatch.setattr(choice, "make_backend", make)
        monkeypatch.setattr(choice, "candidates", lambda device: list(fakes))
        return finish(resolve(card, CPU, AUTO, 1e9)), made

    monkeypatch.setattr(choice, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(choice, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(openvino_backend, "is_installed", lambda: True)
    return choose


def same(logits):
    return logits


def fail(logits):
    raise RuntimeError("the plugin\nis broken")


def test_the_fastest_that_agrees_is_taken_and_remembered(compete, card):
    found, made = compete({TORCH: (same, 30), OPENVINO: (lambda logits: logits * 1.001, 10)})
    assert found.backend == OPENVINO
    assert found.seconds_per_voxel == 10 / 16**3, "the trial's window is the model's, where that is smaller"
    assert made == [TORCH, OPENVINO]
    assert finish(resolve(card, CPU, AUTO, 1e9)).backend == OPENVINO
    assert finish(resolve(card, CPU, AUTO, 1)).backend == OPENVINO
    assert made == [TORCH, OPENVINO], "no second trial"
    assert remembered(replace(card, sha256="0" * 64), CPU) is None, "other weights are another question"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda logits: logits * 1.05, "gave another result than torch in float32"),
        (fail, "failed (the plugin is broken)"),
    ],
)
def test_one_that_fails_or_gives_something_else_is_refused_and_this_is_told(compete, change, why):
    found, _ = compete({TORCH: (same, 30), OPENVINO: (change, 1)})
    assert found.backend == TORCH
    assert found.remarks == (f"computed by torch; openvino was tried and {why}",)


def test_a_trial_is_not_worth_its_time_for_little_work(compete, card):
    assert finish(resolve(card, CPU, AUTO, 1e6)).backend == TORCH
    assert remembered(card, CPU) is None


def test_what_is_asked_for_by_name_is_taken_untried(compete, card):
    assert finish(resolve(card, CPU, TORCH_BF16, 1e9)).backend == TORCH_BF16


@pytest.mark.parametrize("content", ["", "[]", "{", '{"KEY": 1}', '{"KEY": {"backend": "torch", "future": 1}}'])
def test_a_damaged_memory_costs_one_more_trial_and_no_more(compete, card, tmp_path, content):
    file = tmp_path / "cache" / "backends.json"
    file.parent.mkdir()
    file.write_text(content.replace("KEY", choice._key(card, CPU)))
    found, made = compete({TORCH: (same, 30), OPENVINO: (same, 10)})
    assert (found.backend, made) == (OPENVINO, [TORCH, OPENVINO])
    assert json.loads(file.read_text())[choice._key(card, CPU)]["backend"] == OPENVINO


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(compete, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert compete({TORCH: (same, 30), OPENVINO: (same, 10)})[0].backend == OPENVINO


def test_without_openvino_torch_computes_and_whoever_asks_for_it_is_told(monkeypatch, card):
    monkeypatch.setattr(openvino_backend, "is_installed", lambda: False)
    monkeypatch.setattr(openvino_backend, "version", lambda: None)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    assert OPENVINO not in candidates(CPU)
    result = finish(segment(phantom_case(), model=str(card.folder), device="cpu", tta="none"))
    assert result.backend == TORCH
    assert result.notes == ()
    with pytest.raises(DeviceError, match=r"OpenVINO is not installed: pip install 'brats-viewer\[cpu\]'"):
        finish(segment(phantom_case(), model=str(card.folder), device="cpu", backend=OPENVINO))


def test_a_backend_is_kept_for_the_next_case_and_another_takes_its_place(card, tmp_path):
    first = ready_backend(card, CPU, TORCH)
    assert ready_backend(card, CPU, TORCH) is first
    other = threshold_bundle(tmp_path / "other", thresholds=(0.4, 0.4, 0.4))
    assert ready_backend(other, CPU, TORCH) is first, "the same weights"
    assert ready_backend(card, CPU, TORCH_BF16) is not first
    assert ready_backend(card, CPU, TORCH) is not first


def test_noise_is_the_same_each_time_and_has_a_rim_of_zeros():
    noise = smooth_noise(2, (16, 24, 32))
    assert torch.equal(noise, smooth_noise(2, (16, 24, 32)))
    assert noise[0, 0, 5, 6, 7] != 0
    assert not noise[:, :, :2].any()
    assert not noise[:, :, :, :, -4:].any()


def test_distance_of_what_is_no_number():
    assert distance(torch.tensor([1.0, float("nan")]), torch.ones(2)) == float("inf")


@needs_openvino
@pytest.mark.parametrize("norm", ["group", "instance", "batch", "none"])
@pytest.mark.parametrize("batch", [1, 2])
def test_openvino_gives_what_torch_gives(norm, batch):
    torch.manual_seed(1)
    network = UNet(UNetConfig(in_channels=4, width=8, depth=2, norm=norm)).eval().requires_grad_(False)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm3d | torch.nn.GroupNorm | torch.nn.InstanceNorm3d):
            torch.nn.init.normal_(part.weight)
            torch.nn.init.normal_(part.bias)
    windows = torch.randn(batch, 4, 24, 16, 20) + 3.0
    with torch.inference_mode():
        expected = network(windows)
    found = finish(OpenVINOBackend(network, bfloat16=False).logits(windows))
    assert found.shape == expected.shape
    assert distance(found, expected) < 1e-5
    rough = finish(OpenVINOBackend(network, bfloat16=True).logits(windows))
    assert distance(rough, expected) < 0.03


@needs_openvino
@pytest.mark.parametrize("backend", [OPENVINO, OPENVINO_BF16, TORCH_BF16])
def test_each_backend_gives_the_labels_of_torch_and_is_named(card, backend):
    case = phantom_case()
    plain = finish(segment(case, model=str(card.folder), device="cpu", tta="none", backend=TORCH))
    other = finish(segment(case, model=str(card.folder), device="cpu", tta="none", backend=backend))
    assert (plain.backend, other.backend, other.device) == (TORCH, backend, "cpu")
    assert (plain.labels.data != other.labels.data).mean() < (1e-3 if "bf16" in backend else 1e-12)


@needs_openvino
def test_openvino_is_of_the_cpu(card):
    with pytest.raises(DeviceError, match="openvino runs on the CPU only, not on cuda"):
        choice.make_backend(card, torch.device("cuda:0"), OPENVINO)


@pytest.mark.parametrize("name", [TORCH, pytest.param(OPENVINO, marks=needs_openvino)])
def test_a_pass_that_is_closed_stops_and_the_next_one_is_right(name):
    torch.manual_seed(0)
    network = UNet(UNetConfig(in_channels=1, width=16, depth=2)).eval().requires_grad_(False)
    backend = (
        OpenVINOBackend(network, bfloat16=False) if name == OPENVINO else TorchBackend(network, CPU, bfloat16=False)
    )
    windows = torch.randn(1, 1, 96, 96, 96)
    running = backend.logits(windows)
    next(running)  # it takes longer than it is silent
    running.close()
    small = windows[:, :, :8, :8, :8]
    with torch.inference_mode():
        assert distance(finish(backend.logits(small)), network(small)) < 1e-5


@pytest.mark.parametrize("said", ["DefaultCPUAllocator: can't allocate memory", "could not create a primitive"])
def test_no_memory_is_told_from_a_bug(said):
    class Greedy(torch.nn.Module):
        def forward(self, windows):
            raise RuntimeError(said if windows.numel() > 1 else "a bug")

    backend = TorchBackend(Greedy(), CPU, bfloat16=False)
    with pytest.raises(MemoryError, match=said):
        finish(backend.logits(torch.zeros(2)))
    with pytest.raises(RuntimeError, match="a bug"):
        finish(backend.logits(torch.zeros(1)))


def test_real_cases_have_the_labels_of_torch(real_data: Path):
    """The rule: at most 0.1 % of the brain's voxels, here of one case by the backend that "auto" takes."""
    if not openvino_backend.is_installed():
        pytest.skip("OpenVINO is not installed")
    from engine.data import find_case, foreground, load_case
    from engine.score import score

    case = finish(load_case(find_case(real_data / "validation" / "BraTS2021_00006")))
    brain = np.logical_or.reduce([foreground(volume.data) for volume in case.images.values()])
    one, other = (finish(segment(case, device="cpu", tta="none", backend=name)) for name in (TORCH, OPENVINO))
    assert ((one.labels.data != other.labels.data) & brain).sum() <= 1e-3 * brain.sum()
    scores = [score(made.labels, case.truth) for made in (one, other)]
    assert all(abs(scores[0][region].dice - scores[1][region].dice) <= 0.002 for region in Region)
