"""Distances against numbers worked out by hand and against every distance there is."""

import numpy as np
import pytest

from engine.score.nearest import distances_around


def every(distances):
    return 0.0, float(distances.max())


def ranks(first, last):
    return lambda distances: tuple(np.sort(distances)[[first, last]].tolist())


def plane(shape, at):
    mask = np.zeros(shape, dtype=bool)
    mask[at] = True
    return mask


def test_parallel_planes_are_as_far_apart_everywhere():
    source, target = plane((60, 20, 20), 2), plane((60, 20, 20), 55)
    found = distances_around(source, target, (0.5, 1.0, 1.0), ranks(0, -1))
    np.testing.assert_array_equal(found, np.full(400, 26.5))


def test_a_line_from_a_point_by_hand():
    line, point = plane((200, 1, 1), slice(None)), plane((200, 1, 1), 0)
    found = distances_around(line, point, (1.5, 1.0, 1.0), ranks(189, 190))
    assert found[189:191].tolist() == [283.5, 285.0]
    assert (found[:189] < 283.5).all()
    assert (found[191:] > 285.0).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_distances_of_the_ranks_are_exact_and_no_other_passes_them(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(20, 50, size=3))
    spacing_mm = tuple(rng.uniform(0.4, 5.0, size=3).tolist())
    source, target = (rng.random(shape) < share for share in (0.03, rng.choice([0.0001, 0.001, 0.01])))
    target.flat[rng.integers(target.size)] = True
    source[: shape[0] // 2] = False
    target[rng.integers(1, shape[0]) :] &= False
    target.flat[0] |= not target.any()
    points, others = (np.argwhere(mask) * spacing_mm for mask in (source, target))
    exact = np.sqrt(np.square(points[:, None] - others[None]).sum(axis=2).min(axis=1))
    np.testing.assert_allclose(distances_around(source, target, spacing_mm, every), exact, rtol=1e-12)
    first, last = np.sort(rng.integers(len(points), size=2))
    found = distances_around(source, target, spacing_mm, ranks(first, last))
    np.testing.assert_allclose(np.sort(found)[first : last + 1], np.sort(exact)[first : last + 1], rtol=1e-12)


def test_only_what_the_ranks_need_is_searched_for(monkeypatch):
    searched = []
    search = distances_around.__globals__["_search"]

    def counting(target, spacing_mm):
        nearest = search(target, spacing_mm)
        return lambda places: searched.append(len(places)) or nearest(places)

    monkeypatch.setattr("engine.score.nearest._search", counting)
    plate = plane((80, 64, 64), 40)  # 4096 points, of which those near the other's end are nearest
    distances_around(plate, plane((80, 64, 64), (0, slice(0, 1), slice(0, 1))), (1.0, 1.0, 1.0), ranks(3890, 3891))
    assert searched[0] == 64, "one in each block of 8 x 8"
    assert sum(searched) < 4096 / 2
    searched.clear()
    distances_around(plate, plane((80, 64, 64), 41), (1.0, 1.0, 1.0), ranks(0, -1))
    assert searched == [], "what is close is looked up"
