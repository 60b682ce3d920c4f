import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.benchmark import Passes, Report, Step, to_json
from engine.benchmark.flops import convolution_flops
from engine.benchmark.machine import this_machine
from engine.benchmark.report import Peak
from engine.benchmark.run import share_that_differs
from engine.benchmark.segmenting import _timed
from engine.cli.benchmark import _table
from engine.data import LabelMap
from engine.model.unet import UNet, UNetConfig
from engine.progress import Progress, finish
from tests.phantoms import phantom_case, phantom_segmentation

ROOT = Path(__file__).parents[3]
PASSES = Passes("torch", "none", "cpu", "float32", 2.0, (0.5, 0.25, 0.75), 3 * 10**9, 50e9, 0.5, None)


def report() -> Report:
    return Report(
        machine=this_machine(),
        case="one",
        shape=(4, 5, 6),
        model="a model",
        runs=3,
        threads=2,
        steps=(Step("saving the mask", (0.003, 0.001, 0.002)),),
        passes=(PASSES, Passes("openvino", "none", problem="OpenVINO is not installed")),
        peaks={"float32": Peak("torch", 100e9)},
    )


def test_the_numbers_of_a_report_have_their_medians_beside_them():
    plain = to_json(report())
    assert plain["steps"][0]["median_s"] == 0.002
    assert plain["passes"][0]["median_s"] == 0.5
    assert plain["passes"][1]["median_s"] is None
    assert plain["peaks"]["float32"]["flops_per_s"] == 100e9


def test_the_table_says_what_was_measured_and_why_something_was_not():
    lines = _table(report()).splitlines()
    assert "saving the mask                               2 ms" in lines
    row = next(line for line in lines if line.startswith("torch on cpu"))
    assert row.split() == ["torch", "on", "cpu", "none", "2.0", "s", "500", "ms", "3.0", "GB", "50", "GFLOP/s", "50%"]
    assert any(line.startswith("openvino") and line.endswith("OpenVINO is not installed") for line in lines)


def test_arithmetic_of_a_network_by_hand():
    network = UNet(UNetConfig(in_channels=1, out_channels=3, width=4, depth=1))
    voxels = 8**3
    finest = 27 * (1 * 4 + 4 * 4) + 27 * (8 * 4 + 4 * 4) + 4 * 3
    coarse = 27 * (4 * 8 + 8 * 8) + 8 * 8 * 4
    assert convolution_flops(network, 1, (8, 8, 8)) == 2 * (voxels * finest + voxels // 8 * coarse)


def test_the_share_of_the_brain_that_differs():
    case = phantom_case()
    one = phantom_segmentation(case)
    brain = np.zeros(case.native.shape, dtype=bool)
    brain[:10, :10, :10] = True
    other = phantom_segmentation(case)
    changed = other.labels.data.copy()
    changed[0, 0, :5] = 4
    changed[-1] = 4  # outside of the brain
    object.__setattr__(other, "labels", LabelMap(changed, case.native))
    assert share_that_differs(one, other, brain) == pytest.approx(0.005)
    assert share_that_differs(one, other, np.zeros_like(brain)) == 0.0


def test_passes_a_second_are_counted_from_the_first_to_the_last(monkeypatch):
    now = iter([10.0, 12.0, 14.0])
    monkeypatch.setattr("engine.benchmark.segmenting.perf_counter", lambda: next(now))

    def work():
        yield Progress(0, 0, "loading")
        yield Progress(0, 2, "segmenting")
        yield Progress(0, 2, "segmenting", 1.0, 0.5)
        yield Progress(1, 2, "segmenting")
        yield Progress(2, 2, "segmenting")
        return "labels"

    assert finish(_timed(work(), Progress(0, 1, "all"))) == ("labels", 2 / 4.0)


def test_peak_memory_counts_what_was_held_for_a_moment():
    code = (
        "from engine.benchmark.machine import peak_memory_bytes; import numpy;"
        "print(peak_memory_bytes()); held = numpy.ones(256 << 20, numpy.uint8); del held; print(peak_memory_bytes())"
    )  # in a new process, as this one may have held more before
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    before, after = map(int, told.split())
    assert before + (200 << 20) < after < before + (512 << 20)
