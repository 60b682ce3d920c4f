"""HD95 and Dice against numbers worked out by hand and against MONAI."""

import math
import warnings
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from engine.score.overlap import Overlap
from engine.score.surface import hd95_mm

Mask = NDArray[np.bool_]
ISOTROPIC = (1.0, 1.0, 1.0)


def boxes(shape: tuple[int, int, int], *where: tuple[slice | int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for box in where:
        mask[box] = True
    return mask


@pytest.mark.parametrize(
    ("length", "expected"), [(2, 0.95), (11, 9.5), (21, 19.0), (22, 19.95), (23, 20.9), (41, 38.0)]
)
def test_the_percentile_is_of_each_direction_and_linear_between_ranks(length: int, expected: float) -> None:
    line = boxes((length, 1, 1), (slice(None), 0, 0))
    end = boxes((length, 1, 1), (0, 0, 0))  # the line's voxels are 0, 1, 2... mm from it; it is on the line
    assert hd95_mm(line, end, ISOTROPIC) == pytest.approx(expected)
    assert hd95_mm(end, line, ISOTROPIC) == pytest.approx(expected)


def test_spacing_counts() -> None:
    one, other = boxes((5, 5, 5), (0, 0, 0)), boxes((5, 5, 5), (4, 3, 0))
    assert hd95_mm(one, other, (1.0, 1.0, 7.0)) == 5.0
    assert hd95_mm(one, other, (3.0, 3.0, 7.0)) == 15.0
    assert hd95_mm(one, other, (0.5, 4.0, 7.0)) == pytest.approx(math.hypot(2.0, 12.0))


def test_only_surfaces_count() -> None:
    inner, outer = boxes((9, 9, 9), (slice(2, 7),) * 3), boxes((9, 9, 9), (slice(1, 8),) * 3)
    # Of the 218 surface voxels of the outer cube 150 are 1 mm from the inner's, 60 on edges sqrt 2, 8 corners sqrt 3.
    assert hd95_mm(inner, outer, ISOTROPIC) == pytest.approx(math.sqrt(2))


def test_the_image_border_is_surface() -> None:
    full, centre = boxes((3, 3, 3), (slice(None),) * 3), boxes((3, 3, 3), (1, 1, 1))
    assert hd95_mm(centre, full, ISOTROPIC) == pytest.approx(math.sqrt(3))
    assert hd95_mm(full, full, ISOTROPIC) == 0.0


def test_empty_masks_have_the_challenges_distances() -> None:
    empty, full = boxes((4, 4, 4)), boxes((4, 4, 4), (slice(None),) * 3)
    assert hd95_mm(empty, empty, ISOTROPIC) == 0.0
    assert hd95_mm(empty, full, ISOTROPIC) == hd95_mm(full, empty, ISOTROPIC) == 373.12866
    assert math.hypot(240, 240, 155) == pytest.approx(373.12866)


@pytest.fixture(scope="module")
def monai_metrics() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("monai.metrics", exc_type=ImportError)


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    return rng.random(shape) < rng.uniform(0.01, 0.6)


def blob(rng: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    field = gaussian_filter(rng.standard_normal(shape), sigma=rng.uniform(1, 3))
    smooth: Mask = field > np.quantile(field, rng.uniform(0.5, 0.98))
    return smooth


def voxel(rng: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(rng.integers(shape))] = True
    return mask


def corner(rng: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(0, int(rng.integers(1, size + 1))) for size in shape)] = True
    return mask


def full(rng: np.random.Generator, shape: tuple[int, ...]) -> Mask:
    return np.ones(shape, dtype=bool)


MAKERS: list[Callable[[np.random.Generator, tuple[int, ...]], Mask]] = [noise, blob, voxel, corner, full]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("predict", MAKERS)
@pytest.mark.parametrize("draw_truth", MAKERS)
def test_equal_to_monai(
    predict: Callable[..., Mask], draw_truth: Callable[..., Mask], monai_metrics: ModuleType
) -> None:
    rng = np.random.default_rng(MAKERS.index(predict) * 10 + MAKERS.index(draw_truth))
    for _ in range(4):
        shape = tuple(int(size) for size in rng.integers(3, 20, size=3))
        spacing = rng.uniform(0.4, 6.0, size=3)
        prediction, truth = predict(rng, shape), draw_truth(rng, shape)
        for mask in (prediction, truth):
            mask.flat[0] |= not mask.any()  # of empty masks MONAI says other things
        batch = (prediction[None, None].astype(np.float32), truth[None, None].astype(np.float32))
        distance = monai_metrics.compute_hausdorff_distance(
            *batch, include_background=True, percentile=95, spacing=spacing.tolist()
        )
        assert hd95_mm(prediction, truth, tuple(spacing)) == pytest.approx(float(distance), rel=1e-5)
        assert Overlap.of(prediction, truth).dice == pytest.approx(dice_of_monai(monai_metrics, *batch), rel=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_empty_against_empty_is_monais_dice_when_it_counts_empty_masks(monai_metrics: ModuleType) -> None:
    empty = np.zeros((1, 1, 3, 3, 3), dtype=np.float32)
    for prediction, expected in ((empty, 1.0), (empty + 1, 0.0)):
        assert dice_of_monai(monai_metrics, prediction, empty) == expected
        assert Overlap.of(prediction[0, 0] > 0, empty[0, 0] > 0).dice == expected


def dice_of_monai(metrics: ModuleType, prediction: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    import torch

    masks = torch.from_numpy(prediction), torch.from_numpy(truth)
    return float(metrics.compute_dice(*masks, include_background=True, ignore_empty=False))
