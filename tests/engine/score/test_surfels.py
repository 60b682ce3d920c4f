"""Areas and distances worked out by hand; `test_lesions` holds what the reference implementation says of many pairs."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.score.surfels import _areas_mm2, _codes, _ranked, surfel_hd95_mm

ISOTROPIC = (1.0, 1.0, 1.0)


def boxes(shape: tuple[int, int, int], *where: tuple[slice | int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    for box in where:
        mask[box] = True
    return mask


def test_a_box_has_the_area_of_its_faces_and_of_cut_edges_and_corners() -> None:
    areas = _areas_mm2((1.0, 2.0, 3.0))[_codes(boxes((3, 3, 3), (slice(None),) * 3))]
    # Two sides across each axis of 4 inner corners, 4 edges along each axis of 2 corners, 8 corners; the faces of a
    # voxel are 6, 3 and 2 mm^2, an edge is cut aslant over half of two of them and a corner over an eighth of all.
    inner, edges, corners = 8 * (6 + 3 + 2), 8 * (math.hypot(1.5, 1) + math.hypot(3, 1) + math.hypot(3, 1.5)), 7.0
    assert areas.sum() == pytest.approx(inner + edges + corners)


def test_what_is_in_and_what_is_out_have_the_same_surface() -> None:
    areas = _areas_mm2((1.0, 2.0, 3.0))
    assert areas[0] == 0.0
    assert (areas[1:255] > 0).all()
    np.testing.assert_array_equal(areas, areas[::-1])


def test_two_voxels_are_as_far_apart_as_their_far_corners_from_the_other() -> None:
    one, other = boxes((5, 6, 3), (0, 0, 0)), boxes((5, 6, 3), (3, 4, 0))
    assert surfel_hd95_mm(one, other, ISOTROPIC) == 5.0
    assert surfel_hd95_mm(one, other, (3.0, 3.0, 7.0)) == 15.0
    assert surfel_hd95_mm(one, one, ISOTROPIC) == 0.0


@pytest.mark.parametrize(("length", "expected"), [(2, 1.0), (21, 19.0), (22, 20.0), (41, 38.0)])
def test_the_percentile_is_of_the_area(length: int, expected: float) -> None:
    """Along a line the four surfels at an inner corner have 2 sqrt 2 mm^2 together, at an end half of sqrt 3.

    So 22 voxels have 61.1 mm^2, and 95 percent of it, 58.1, are reached between the corners 20 (57.4) and 21 (60.3).
    The other mask is the first voxel, with the corners 0 and 1, so corner 21 is 20 mm from it.
    """
    line, end = boxes((length, 1, 1), (slice(None), 0, 0)), boxes((length, 1, 1), (0, 0, 0))
    assert surfel_hd95_mm(line, end, ISOTROPIC) == expected
    assert surfel_hd95_mm(end, line, ISOTROPIC) == expected


def test_where_95_percent_of_the_area_end_at_a_surfel_both_it_and_the_next_may_be_the_percentile() -> None:
    distances = np.random.default_rng(0).permutation(20).astype(np.float64)
    assert _ranked(distances, areas=np.ones(20)) == (18.0, 19.0, 19.0)
    assert _ranked(distances, areas=np.where(distances < 19, 1.01, 1.0)) == (18.0, 18.0, 18.0)
    assert _ranked(np.zeros(20), areas=np.ones(20)) == (0.0, 0.0, 0.0)
