"""Whatever numbers a file has for an image, the program sees the same brain and the same contrasts."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import Case, find_case, foreground, load_case
from engine.predict.normalise import zscore
from engine.progress import finish
from engine.synth.anatomy import FieldOfView
from engine.synth.atlas import load_atlas
from engine.synth.case import SyntheticCase, make_case
from engine.synth.folder import write_case
from engine.synth.layout import LAYOUTS
from engine.synth.scaling import SCALINGS, WHITE, Kind, Scaling, draw_scalings

COARSE = FieldOfView((20, 24, 19), 8.0)
ROUNDING = 1e-5
"""In deviations. float32 holds a value, and the mean, to within 6e-8 of it. The largest intercept with the smallest
white puts the brain about 45 deviations away from 0, so each is off by up to 3e-6, and in the other kinds by less."""
BRAIN = np.array([False, True, True, True, False]).reshape(5, 1, 1)
IMAGE = np.array([0.0, 1.0, 2.0, 3.0, 0.0], dtype=np.float32).reshape(5, 1, 1)


@pytest.mark.parametrize(
    ("scaling", "expected", "background"),
    [
        (Scaling(Kind.INTEGER, 100), [100, 200, 300], 0),
        (Scaling(Kind.SLOPE, 100, 0.5, -7), [100, 200, 300], 0),
        (Scaling(Kind.ZSCORE, 100), [-(1.5**0.5), 2**-23, 1.5**0.5], 0),
        (Scaling(Kind.UNIT, 100), [1 / 3, 2 / 3, 1], 0),
        (Scaling(Kind.SYMMETRIC, 100), [-1 / 3, 1 / 3, 1], -1),
    ],
)
def test_the_numbers_of_each_kind(scaling: Scaling, expected: list[float], background: int):
    stored = scaling.store(IMAGE, BRAIN)
    assert stored.voxels.dtype == (np.int16 if scaling.kind in (Kind.INTEGER, Kind.SLOPE) else np.float32)
    assert stored.voxels[BRAIN].tolist() == pytest.approx(expected, rel=1e-6)
    assert stored.voxels[~BRAIN].tolist() == [background] * 2
    assert stored.background == background
    assert (stored.slope, stored.intercept) == (scaling.slope, scaling.intercept)


@pytest.mark.parametrize("kind", Kind)
def test_no_voxel_of_the_brain_takes_the_backgrounds_value(kind: Kind):
    faint = np.where(BRAIN, np.array([0, 1e-9, 2.0, 1e9, 0]).reshape(5, 1, 1), 0).astype(np.float32)
    for image in (IMAGE, faint):  # the middle of IMAGE is its mean
        stored = Scaling(kind, 100).store(image, BRAIN)
        assert ((stored.voxels != stored.background) == BRAIN).all()


def test_a_case_has_one_kind_and_each_image_numbers_of_its_own():
    drawn = [draw_scalings("any", 4, random.Random(seed)) for seed in range(60)]
    assert {scalings[0].kind for scalings in drawn} == set(Kind)
    for scalings in drawn:
        assert len({scaling.kind for scaling in scalings}) == 1
        assert len({scaling.white for scaling in scalings}) == 4
        assert all(WHITE[0] <= scaling.white <= WHITE[1] for scaling in scalings)
        sloped = {(scaling.slope, scaling.intercept) for scaling in scalings}
        assert len(sloped) == 4 if scalings[0].kind is Kind.SLOPE else sloped == {(1, 0)}
    assert draw_scalings("any", 4, random.Random(7)) == drawn[7]
    assert SCALINGS["brats"] == (Kind.INTEGER,)


@pytest.fixture(scope="module")
def made() -> SyntheticCase:
    return make_case(load_atlas(), COARSE, 11)


def written(made: SyntheticCase, folder: Path, kind: Kind) -> Case:
    """The case, written in a kind and read back as a person's case is."""
    intercepts = (-1000, 10, 1000, 400) if kind is Kind.SLOPE else (0,) * 4
    slope = 0.37 if kind is Kind.SLOPE else 1.0
    scalings = [
        Scaling(kind, white, slope, slope * intercept)
        for white, intercept in zip((100, 300, 900, 2000), intercepts, strict=True)
    ]
    write_case(made, folder / "BraTS20_Synthetic_001", LAYOUTS["brats2020"], COARSE, scalings, "")
    return finish(load_case(find_case(folder / "BraTS20_Synthetic_001")))


@pytest.mark.parametrize("kind", Kind)
def test_a_case_of_each_kind_is_the_plain_one_to_the_program(made: SyntheticCase, tmp_path: Path, kind: Kind):
    plain, other = written(made, tmp_path / "plain", Kind.INTEGER), written(made, tmp_path / "other", kind)
    assert other.warnings == ()
    assert np.array_equal(plain.truth.data, other.truth.data)
    for modality, volume in other.images.items():
        brain = foreground(volume.data)
        assert np.array_equal(brain, foreground(plain.images[modality].data))
        assert np.count_nonzero(brain) == int(made.brain.sum())
        assert np.unique(volume.data[~brain]).size == 1
        mask = torch.from_numpy(brain)
        found = zscore(torch.from_numpy(volume.data), mask)
        assert (found - zscore(torch.from_numpy(plain.images[modality].data), mask)).abs().max() < ROUNDING
