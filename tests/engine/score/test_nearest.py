"""Distances against numbers worked out by hand and against every distance there is."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.score.nearest import Directed, Distances, Spacing, furthest, voxels_of

Mask = NDArray[np.bool_]
ISOTROPIC = (1.0, 1.0, 1.0)


def ranked(distances: Distances, first: int, last: int) -> tuple[float, float, float]:
    least, greatest = np.sort(distances)[[first, last]].tolist()
    return least, greatest, greatest


def directed(source: Mask, target: Mask, spacing_mm: Spacing, first: int, last: int) -> Directed:
    return Directed(voxels_of(source), voxels_of(target), spacing_mm, partial(ranked, first=first, last=last))


def plane(shape: tuple[int, int, int], at: int | slice | tuple[int | slice, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[at] = True
    return mask


def every_distance(source: Mask, target: Mask, spacing_mm: Spacing) -> Distances:
    points, others = (np.argwhere(mask) * spacing_mm for mask in (source, target))
    exact: Distances = np.sqrt(np.square(points[:, None] - others[None]).sum(axis=2).min(axis=1))
    return exact


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each search was for."""
    counts: list[int] = []
    search = Directed._search

    def counting(self: Directed, block: int) -> None:
        before = self._low == self._high
        search(self, block)
        counts.append(int(((self._low == self._high) & ~before).sum()))

    monkeypatch.setattr(Directed, "_search", counting)
    return counts


def test_voxels_are_in_the_order_of_argwhere() -> None:
    mask = np.random.default_rng(0).random((5, 6, 7)) < 0.3
    np.testing.assert_array_equal(voxels_of(mask), np.argwhere(mask).T)


def test_parallel_planes_are_as_far_apart_everywhere() -> None:
    planes = directed(plane((60, 20, 20), 2), plane((60, 20, 20), 55), (0.5, 1.0, 1.0), 0, -1)
    assert furthest([planes]) is planes
    assert (planes.least, planes.greatest) == (26.5, 26.5)
    np.testing.assert_array_equal(planes.exact(), np.full(400, 26.5))


def test_a_line_from_a_point_by_hand() -> None:
    line = directed(plane((200, 1, 1), slice(None)), plane((200, 1, 1), 0), (1.5, 1.0, 1.0), 189, 190)
    furthest([line])
    assert (line.least, line.greatest) == (283.5, 285.0)
    np.testing.assert_array_equal(line.exact(), 1.5 * np.arange(200))


@pytest.mark.parametrize("seed", range(30))
def test_the_distances_of_the_ranks_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(20, 50, size=3))
    spacing_mm = tuple(rng.uniform(0.4, 5.0, size=3).tolist())
    source, target = (rng.random(shape) < share for share in (0.03, rng.choice([0.0001, 0.001, 0.01])))
    source[: shape[0] // 2] = False
    target[rng.integers(1, shape[0]) :] = False
    target.flat[rng.integers(target.size)] = True
    exact = every_distance(source, target, spacing_mm)
    first, last = np.sort(rng.integers(len(exact), size=2))
    found = directed(source, target, spacing_mm, first, last)
    furthest([found])
    np.testing.assert_allclose((found.least, found.greatest), np.sort(exact)[[first, last]], rtol=1e-12)
    np.testing.assert_allclose(found.exact(), exact, rtol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_the_furthest_is_that_with_the_greatest_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.random((30, 30, 30)) < share for share in (0.0005, rng.choice([0.0005, 0.05])))
    ranks = [int(0.95 * mask.sum()) for mask in (one, other)]
    pairs = ((one, other), (other, one))
    values = [np.sort(every_distance(*pair, (1.0, 2.0, 3.0)))[rank] for pair, rank in zip(pairs, ranks, strict=True)]
    directions = [directed(*pair, (1.0, 2.0, 3.0), rank, rank) for pair, rank in zip(pairs, ranks, strict=True)]
    assert furthest(directions).value == pytest.approx(max(values), rel=1e-12)


def test_of_what_is_far_only_a_few_points_are_measured(searched: list[int]) -> None:
    plate = plane((80, 64, 64), 40)  # 4096 points, of which those near the other's end are nearest
    furthest([directed(plate, plane((80, 64, 64), (0, 0, 0)), ISOTROPIC, 3890, 3891)])
    assert searched[0] == 64, "one in each block of 8 x 8"
    assert sum(searched) < 4096 / 5


def test_what_is_close_is_looked_up(searched: list[int]) -> None:
    furthest([directed(plane((80, 64, 64), 40), plane((80, 64, 64), 41), ISOTROPIC, 0, -1)])
    assert searched == []


def test_a_direction_that_cannot_be_the_furthest_is_not_settled() -> None:
    speck, ball = plane((90, 40, 40), (5, 20, 20)), plane((90, 40, 40), (slice(60, 90), slice(5, 35), slice(5, 35)))
    there, back = directed(speck, ball, ISOTROPIC, 0, 0), directed(ball, speck, ISOTROPIC, 25650, 25650)
    assert furthest([there, back]) is back
    assert back.settled
    assert there.value <= back.value
