import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from engine.errors import DeviceError
from engine.predict import compute, pipeline, segment
from engine.predict.backends import OPENVINO, TORCH, openvino_backend
from engine.predict.backends.openvino_backend import OpenVINOBackend
from engine.predict.backends.torch_backend import TorchBackend
from engine.predict.compute import Plan, first_window, needed, plans, smaller_windows
from engine.predict.memory import free_memory, memory_error
from engine.progress import finish
from tests.engine.bundles import card as tiny_card
from tests.engine.bundles import threshold_bundle
from tests.engine.cli.test_segment import write_case
from tests.engine.predict.test_pipeline import expected_labels
from tests.phantoms import phantom_case

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
SHORT = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes"
needs_openvino = pytest.mark.skipif(not openvino_backend.is_installed(), reason="OpenVINO is not installed")


def run(case, card, **options):
    return finish(segment(case, model=str(card.folder), device="cpu", **{"backend": TORCH, "tta": "none"} | options))


def test_plans_need_less_and_less():
    first = Plan(GPU, TORCH, (96, 48, 50), 4)
    assert [(plan.device, plan.window, plan.batch) for plan in plans(first, tiny_card(any_window=True))] == [
        (GPU, (96, 48, 50), 4),
        (GPU, (96, 48, 50), 2),
        (GPU, (96, 48, 50), 1),
        (GPU, (48, 48, 50), 1),
        (CPU, (96, 48, 50), 1),
        (CPU, (48, 48, 50), 1),
    ]


def test_a_model_that_wants_its_window_gets_no_other():
    remark = "OpenVINO had too little memory, so torch computed this, more slowly"
    assert list(plans(Plan(CPU, OPENVINO, (96, 48, 50)), tiny_card())) == [
        Plan(CPU, OPENVINO, (96, 48, 50)),
        Plan(CPU, TORCH, (96, 48, 50), remark=remark),
    ]


def test_windows_are_halved_along_their_longest_axis_in_steps_of_the_stride():
    found = smaller_windows((160, 176, 140), tiny_card(any_window=True))
    assert list(found) == [(160, 88, 140), (80, 88, 140), (80, 88, 72)], "the next would be 44 long"


@pytest.mark.parametrize("any_window", [False, True])
def test_the_whole_brain_is_one_window_where_the_model_may_see_it_so(tmp_path, any_window):
    card = threshold_bundle(tmp_path / "tiny", any_window=any_window)
    assert first_window(card, (33, 16, 21)) == ((36, 16, 24) if any_window else (16, 16, 16))
    case = phantom_case()
    reports = list(segment(case, model=str(card.folder), device="cpu", backend=TORCH, tta="none"))
    windows = max(report.total for report in reports)
    assert windows == 1 if any_window else windows > 8
    np.testing.assert_array_equal(run(case, card).labels.data, expected_labels(case))


def test_what_is_needed_by_hand():
    card = tiny_card()  # 4 channels wide, 4 modalities, 3 regions
    per_voxel = 4 * (7 * 4 + 4 + 3 * 3 + 1)
    assert needed(Plan(CPU, TORCH, (16, 16, 16)), card, (16, 16, 16)) == (250 << 20) + 16**3 * per_voxel
    two = needed(Plan(GPU, TORCH, (16, 16, 16), 2), card, (16, 16, 32))
    assert two == (250 << 20) + 2 * 16**3 * per_voxel


class Short:
    """Runs out of memory at its pass number `at`, once, and at each after it if told so."""

    def __init__(self, monkeypatch, backends, at, *, for_good=False):
        self.passes, self.error = 0, RuntimeError(SHORT)
        for backend in backends:
            monkeypatch.setattr(backend, "logits", self._in_place_of(backend.logits, at, for_good))

    def _in_place_of(self, plain, at, for_good):
        def logits(backend, windows):
            self.passes += 1
            if self.passes - 1 == at or (for_good and self.passes > at):
                raise MemoryError(SHORT)
            return (yield from plain(backend, windows))

        return logits


@pytest.mark.parametrize("at", range(8))
def test_memory_that_ends_at_any_window_ends_in_the_same_mask_by_smaller_ones(tmp_path, monkeypatch, at):
    monkeypatch.setattr(compute, "SMALLEST_WINDOW", 8)
    card = threshold_bundle(tmp_path / "tiny", any_window=True)
    Short(monkeypatch, [TorchBackend], at)
    case = phantom_case(shape=(17, 20, 18))
    result = run(case, card, tta="flips")
    np.testing.assert_array_equal(result.labels.data, expected_labels(case))
    assert result.notes == ("cpu: memory was short, so the brain went through in windows of 16 x 12 x 16",)


@needs_openvino
@pytest.mark.parametrize("at", range(8))
def test_memory_that_ends_in_openvino_at_any_window_ends_in_the_same_mask_by_torch(tmp_path, monkeypatch, at):
    card = threshold_bundle(tmp_path / "tiny")
    Short(monkeypatch, [OpenVINOBackend], at)
    case = phantom_case(shape=(17, 20, 18))
    result = run(case, card, backend=OPENVINO, tta="flips")
    np.testing.assert_array_equal(result.labels.data, expected_labels(case))
    assert result.backend == TORCH
    assert result.notes == ("OpenVINO had too little memory, so torch computed this, more slowly",)


@needs_openvino
def test_a_failure_of_openvino_ends_in_the_mask_of_torch_and_one_line(tmp_path, monkeypatch):
    def fail(backend, windows):
        yield
        raise RuntimeError("Exception from src/plugin.cpp:1\nbroken")

    monkeypatch.setattr(OpenVINOBackend, "logits", fail)
    case = phantom_case()
    result = run(case, threshold_bundle(tmp_path / "tiny"), backend=OPENVINO)
    np.testing.assert_array_equal(result.labels.data, expected_labels(case))
    assert (result.backend, *result.notes) == (
        TORCH,
        "OpenVINO failed (Exception from src/plugin.cpp:1 broken), so torch computed this, more slowly",
    )


@pytest.mark.parametrize("at", range(3))
def test_memory_that_never_suffices_is_one_line(tmp_path, monkeypatch, at):
    monkeypatch.setattr(compute, "SMALLEST_WINDOW", 8)
    card = threshold_bundle(tmp_path / "tiny", any_window=True)
    short = Short(monkeypatch, [TorchBackend], at, for_good=True)
    with pytest.raises(
        DeviceError, match=r"^cpu: the memory does not suffice to segment this case \(Default"
    ) as caught:
        run(phantom_case(shape=(17, 20, 18)), card, tta="flips")
    assert "\n" not in str(caught.value)
    assert short.passes > at + 1, "it was tried with less"


def test_what_would_not_fit_is_not_begun(tmp_path, monkeypatch):
    card = threshold_bundle(tmp_path / "tiny")
    monkeypatch.setattr(compute, "free_memory", lambda device: 100 << 20)
    short = Short(monkeypatch, [TorchBackend], at=-1)
    with pytest.raises(DeviceError, match=r"0\.2 GB are needed, 0\.1 GB are free\); close other programs$"):
        run(phantom_case(), card)
    assert short.passes == 0


@pytest.mark.parametrize("step", ["prepare", "labels_of"])
@pytest.mark.parametrize("error", [MemoryError("Unable to allocate"), RuntimeError(SHORT)])
def test_memory_that_ends_beside_the_network_is_one_line_too(tmp_path, monkeypatch, step, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(pipeline, step, fail)
    with pytest.raises(
        DeviceError, match=r"^phantom: the memory does not suffice to segment it; close other programs$"
    ):
        run(phantom_case(), threshold_bundle(tmp_path / "tiny"))


def test_a_bug_is_no_want_of_memory(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(pipeline, "labels_of", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        run(phantom_case(), threshold_bundle(tmp_path / "tiny"))


def test_libraries_say_it_in_their_own_words():
    assert isinstance(memory_error(MemoryError("Unable to allocate 7 GiB")), MemoryError)
    assert memory_error(RuntimeError("bad allocation")) is not None
    assert memory_error(RuntimeError("shapes do not match")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="a process's address space is limited on Linux only")
def test_a_limit_of_the_process_counts(tmp_path):
    code = (
        "import resource, psutil, torch; from engine.predict.memory import free_memory;"
        "taken = psutil.Process().memory_info().vms; resource.setrlimit(resource.RLIMIT_AS, (taken + 2**29,) * 2);"
        "assert 2**28 < free_memory(torch.device('cpu')) <= 2**29"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)
    assert free_memory(CPU) > 2**29


@pytest.mark.skipif(sys.platform != "linux", reason="a process's address space is limited on Linux only")
@pytest.mark.parametrize("limit_gb", [3, 4, 6])
def test_a_limited_process_ends_in_the_right_mask_or_in_one_line(tmp_path, limit_gb):
    case = write_case(tmp_path / "BraTS20_Training_001", shape=(60, 64, 50))
    threshold_bundle(tmp_path / "large", window=(160, 160, 160))  # some 0.5 GB a pass
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_AS, ({limit_gb << 30},) * 2);"
        "from engine.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    options = ["--model", str(tmp_path / "large"), "--tta", "none", "--labels", "brats2023", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", code, "segment", str(case), *options],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        mask = np.asarray(nib.load(case / "BraTS20_Training_001_prediction.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, expected_labels(phantom_case(shape=(60, 64, 50))))
    else:
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
