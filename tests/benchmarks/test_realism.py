"""The statistics of the realism benchmark, against numbers worked out by hand."""

import numpy as np
import pytest

from engine.data import Label
from tests.benchmarks.realism.compare import compare
from tests.benchmarks.realism.measure import Measured, View, measure, step_between_neighbours
from tests.benchmarks.realism.tables import to_markdown

RAMP = np.arange(1.0, 102.0, dtype=np.float32)  # 1 to 101: median 51, quartiles 26 and 76


def view() -> View:
    """A brain of 101 healthy voxels at 1 to 101, 20 of ET at 151 in T1CE and 76 in the others, one of NCR; 2 mm."""
    images = np.zeros((4, 150, 1, 1), dtype=np.float32)
    labels = np.zeros((150, 1, 1), dtype=np.uint8)
    images[:, :101, 0, 0] = RAMP
    images[:, 101:121] = 76.0
    images[1, 101:121] = 151.0
    images[:, 121] = 1.0
    labels[101:121] = Label.ET
    labels[121] = Label.NCR
    return View(images, labels, 2.0)


def test_a_case_is_measured_in_units_of_its_healthy_brain() -> None:
    values = measure(view())
    assert values["intensity/T1/ET"] == pytest.approx(0.5)
    assert values["intensity/T1CE/ET"] == pytest.approx(2.0)
    assert values["intensity/T1CE - T1/ET"] == pytest.approx(1.5)
    assert values["texture/T1CE/ET"] == 0.0
    assert values["texture/steps/T2"] == pytest.approx(0.02)
    assert values["healthy/FLAIR/5 %"] == pytest.approx(-0.9)
    assert values["healthy/FLAIR/IQR"] == pytest.approx(50.0)


def test_volumes_are_of_what_is_there_and_few_voxels_have_no_intensity() -> None:
    values = measure(view())
    volumes = {name.removeprefix("volume/"): value for name, value in values.items() if name.startswith("volume/")}
    assert volumes == pytest.approx({"ET": 0.16, "TC": 0.168, "WT": 0.168, "NCR": 0.008, "brain": 0.976})
    assert not any(name.endswith(("/NCR", "/ED")) for name in values.keys() - {"volume/NCR"})


def test_the_step_is_between_voxels_of_the_mask_that_share_a_face() -> None:
    image = np.zeros((2, 20, 1), dtype=np.float32)
    image[1] = 3.0
    mask = np.ones(image.shape, dtype=bool)
    assert step_between_neighbours(image, mask) == 0.0  # 38 steps of 0 along the rows, 20 of 3 between them
    image[:, ::2] += 10.0
    mask[1] = False
    assert np.isnan(step_between_neighbours(image, mask))  # 19 are too few
    mask[1, :2] = True
    assert step_between_neighbours(image, mask) == 10.0


def test_real_cases_outside_of_the_synthetic_ones_are_named_the_furthest_first() -> None:
    synthetic = [float(value) for value in range(101)]  # 5 % and 95 % are 5 and 95
    row = compare({"a": 50.0, "b": 96.0, "c": -85.0, "d": 5.0}, synthetic)
    assert row.real == (-85.0, 27.5, 96.0)
    assert row.synthetic == (5.0, 50.0, 95.0)
    assert [(one.case, one.value) for one in row.outside] == [("c", -85.0), ("b", 96.0)]
    assert [one.reached for one in row.outside] == pytest.approx([0.0, 5 / 101])
    assert [one.distance for one in row.outside] == pytest.approx([1.0, 1 / 90])


@pytest.mark.parametrize(
    ("real", "expected"), [([49.0, 90.0], ""), ([50.0], ""), ([51.0, 90.0], "low"), ([1.0, 49.0], "high"), ([], "")]
)
def test_half_of_the_synthetic_cases_beyond_every_real_one_are_apart(real: list[float], expected: str) -> None:
    values = {f"{number}": value for number, value in enumerate(real)}
    assert compare(values, [float(value) for value in range(101)]).apart == expected


def test_the_tables_say_on_top_which_cases_they_are_of() -> None:
    cases = [Measured("made 1", measure(view()), ())] * 3
    assert to_markdown({}, cases[:1], cases, 7).startswith("# 3 synthetic cases of seed 7 beside 1 real ones\n")
