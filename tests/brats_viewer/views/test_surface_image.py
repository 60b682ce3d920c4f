"""Surfaces as pixels: where they fall, which of them is in front, and how much shows through."""

import numpy as np
import pytest
from numpy.typing import NDArray

from brats_viewer.views.surface_image import Layer, Material, Orbit, Projection, axis_ends, draw_surfaces
from brats_viewer.views.surfaces import Detail, Surface, mask_surface

RED, BLUE = (255, 0, 0), (0, 0, 255)
NOWHERE = (
    Surface(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), np.zeros((4, 0), np.intp), 0.0),
    Material(RED, 1.0, 1.0),
)
SHAPE = (60, 80)
FRONT = Projection(Orbit().rotation, np.zeros(3, dtype=np.float32), 2.0, (40.0, 30.0))
"""From the front: the patient's left is to the right, and 2 pixels are a millimetre."""


def _square(
    anterior_mm: float, half_mm: float = 5.0, centre_mm: tuple[float, float] = (0.0, 0.0), *, behind: bool = False
) -> Surface:
    """A square that faces the front (or the back), around a place to the patient's left and up."""
    left, up = centre_mm
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]  # to the viewer's right and up, counter-clockwise for the viewer
    if behind:
        corners.reverse()
    vertices = [(-(left + half_mm * a), anterior_mm, up + half_mm * b) for a, b in corners]
    return Surface(
        np.array(vertices, dtype=np.float32),
        np.tile(np.array([0.0, -1.0 if behind else 1.0, 0.0], dtype=np.float32), (4, 1)),
        np.arange(4, dtype=np.intp)[:, None],
        3.0 * half_mm,
    )


def _solid(colour: tuple[int, int, int], lift_mm: float = 0.0) -> Material:
    return Material(colour, 1.0, 1.0, lift_mm=lift_mm)


def _draw(*inner: Layer, shell: Layer = NOWHERE, projection: Projection = FRONT) -> NDArray[np.uint8]:
    """Red, green, blue and alpha, premultiplied (H, W, 4)."""
    pixels = draw_surfaces(inner, shell, projection, SHAPE)
    return np.stack([pixels >> shift & 255 for shift in (16, 8, 0, 24)], axis=-1).astype(np.uint8)


def _box(shown: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, right, top and bottom of what is true (H, W)."""
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    return int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1


def test_projection_from_the_front_by_hand() -> None:
    # 10 mm to the patient's left: 20 px right of the middle. 12 mm up: 24 px up. 5 mm in front: nearer.
    point = np.array([[-10.0, 5.0, 12.0]], dtype=np.float32)
    np.testing.assert_allclose(FRONT.to_screen(point)[:, 0], (60.0, 6.0, 5.0), atol=1e-5)


def test_projection_from_the_patients_right_by_hand() -> None:
    seen = Projection(Orbit(90.0).rotation, np.array([1.0, 2.0, 3.0], np.float32), 2.0, (40.0, 30.0))
    # From the centre, 4 mm to the patient's right is nearer; 6 mm to the front is right on the screen.
    point = np.array([[5.0, 8.0, 3.0]], dtype=np.float32)
    np.testing.assert_allclose(seen.to_screen(point)[:, 0], (52.0, 30.0, 4.0), atol=1e-5)


@pytest.mark.parametrize(
    ("orbit", "nearest", "furthest"),
    [
        (Orbit(), "A", "P"),
        (Orbit(90.0), "R", "L"),
        (Orbit(-90.0), "L", "R"),
        (Orbit(180.0), "P", "A"),
        (Orbit(0.0, 90.0), "S", "I"),
        (Orbit(0.0, -90.0), "I", "S"),
        (Orbit(60.0), "R", "L"),
    ],
)
def test_turning_brings_the_side_to_the_front(orbit: Orbit, nearest: str, furthest: str) -> None:
    ends = axis_ends(orbit)
    assert (ends[-1].letter, ends[0].letter) == (nearest, furthest)


def test_patient_faces_the_viewer_as_in_a_mirror() -> None:
    ends = {end.letter: end for end in axis_ends(Orbit())}
    assert (ends["R"].right, ends["L"].right, ends["S"].up) == (-1.0, 1.0, 1.0)


def test_from_above_the_nose_points_down_and_right_stays_left() -> None:
    ends = {end.letter: end for end in axis_ends(Orbit(0.0, 90.0))}
    assert ends["A"].up == pytest.approx(-1.0)
    assert ends["R"].right == pytest.approx(-1.0)


def test_square_covers_the_pixels_it_should_and_no_other() -> None:
    pixels = _draw((_square(0.0, centre_mm=(4.0, 3.0)), _solid(RED)))
    shown = pixels[:, :, 3] > 0
    # 10 mm are 20 px, around (40 + 8, 30 - 6).
    assert _box(shown) == (38, 58, 14, 34)
    assert shown.sum() == 400


def test_what_faces_away_is_not_drawn() -> None:
    assert not _draw((_square(0.0, behind=True), _solid(RED))).any()


def test_nearest_surface_wins_whatever_the_order() -> None:
    near, far = (_square(5.0, 3.0), _solid(RED)), (_square(-5.0, 6.0), _solid(BLUE))
    for layers in ((near, far), (far, near)):
        pixels = _draw(*layers)
        assert pixels[30, 40, 0] > 150 > 90 > pixels[30, 40, 2]
        assert pixels[30, 50, 2] > 150 > 90 > pixels[30, 50, 0]


def test_nearest_part_of_one_surface_wins() -> None:
    near, far = _square(5.0, 3.0), _square(-5.0, 6.0)
    both = Surface(
        np.concatenate([near.vertices, far.vertices]),
        np.concatenate([near.normals, np.tile(np.array([-1.0, 0.0, 0.0], np.float32), (4, 1))]),
        np.stack([np.arange(4), np.arange(4, 8)], axis=1).astype(np.intp),
        far.quad_mm,
    )
    pixels = _draw((both, Material(RED, 0.5, 1.0)))
    # The near part faces the viewer; the normals of the far one point aside, where the material is opaque.
    assert 127 <= pixels[30, 40, 3] < 160
    assert pixels[30, 50, 3] == 255


def test_where_surfaces_coincide_the_lifted_one_is_in_front() -> None:
    here = _square(0.0)
    assert _draw((here, _solid(RED, 1.0)), (here, _solid(BLUE)))[30, 40, 0] > 150
    assert _draw((here, _solid(RED)), (here, _solid(BLUE, 1.0)))[30, 40, 2] > 150


def test_shell_lies_over_everything_and_lets_it_shine_through() -> None:
    inner = (_square(0.0), _solid(RED))
    alone = _draw(inner)[30, 40].astype(float)
    glass = (_square(-20.0, 12.0), Material(BLUE, 0.25, 0.25))
    shell = _draw(shell=glass)[30, 40].astype(float)
    both = _draw(inner, shell=glass)[30, 40].astype(float)
    np.testing.assert_allclose(both, shell + alone * (1 - shell[3] / 255), atol=1.5)
    assert 0.25 <= shell[3] / 255 < 0.33


def test_premultiplied_colours_never_exceed_their_alpha() -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[4:16, 4:16, 4:16] = True
    ball = mask_surface(mask, np.eye(4), Detail(1.0, 2.0, 0.5))
    seen = Projection(Orbit(20.0, 30.0).rotation, np.full(3, 9.5, np.float32), 3.0, (40.0, 30.0))
    pixels = _draw((ball, Material((255, 255, 255), 0.1, 0.9)), projection=seen).astype(int)
    assert (pixels[:, :, :3] <= pixels[:, :, 3:]).all()


@pytest.mark.parametrize("pixels_per_mm", [0.7, 1.3, 2.6])
@pytest.mark.parametrize("orbit", [Orbit(), Orbit(17.0, 33.0), Orbit(-120.0, -71.0)])
def test_ball_is_a_disc_without_holes(orbit: Orbit, pixels_per_mm: float) -> None:
    ijk = np.indices((30, 30, 30)) - 14.5
    ball = mask_surface((ijk**2).sum(axis=0) <= 11.0**2, np.eye(4), Detail(1.0, 1.0, 0.5))
    seen = Projection(orbit.rotation, np.full(3, 14.5, np.float32), pixels_per_mm, (40.0, 30.0))
    shown = _draw((ball, _solid(RED)), projection=seen)[:, :, 3] > 0
    rows, columns = np.indices(SHAPE) + 0.5
    from_middle_mm = np.hypot(rows - 30.0, columns - 40.0) / pixels_per_mm
    assert shown[from_middle_mm < 10.4].all()
    assert not shown[from_middle_mm > 11.6 + 1.0 / pixels_per_mm].any()


def test_surface_that_leaves_the_picture_is_cut_at_its_edge() -> None:
    ijk = np.indices((30, 30, 30)) - 14.5
    ball = mask_surface((ijk**2).sum(axis=0) <= 11.0**2, np.eye(4), Detail(1.0, 1.0, 0.5))
    seen = Projection(Orbit().rotation, np.full(3, 14.5, np.float32), 6.0, (40.0, 30.0))
    # 11 mm are 66 px, more than from the middle to any corner but these.
    assert (_draw((ball, _solid(RED)), projection=seen)[:, :, 3] == 255).all()


def test_quads_of_thick_slices_are_cut_at_the_edge_too() -> None:
    mask = np.zeros((30, 30, 6), dtype=bool)
    mask[5:25, 5:25, 1:5] = True
    block = mask_surface(mask, np.diag([1.0, 1.0, 10.0, 1.0]), Detail(1.0, 1.0, 0.5))
    seen = Projection(Orbit().rotation, np.array([14.5, 14.5, 25.0], np.float32), 5.0, (40.0, 30.0))
    assert (_draw((block, _solid(RED)), projection=seen)[:, :, 3] == 255).all()


def test_light_comes_from_above() -> None:
    ijk = np.indices((30, 30, 30)) - 14.5
    ball = mask_surface((ijk**2).sum(axis=0) <= 11.0**2, np.eye(4), Detail(1.0, 1.0, 0.5))
    seen = Projection(Orbit().rotation, np.full(3, 14.5, np.float32), 2.0, (40.0, 30.0))
    red = _draw((ball, _solid(RED)), projection=seen)[:, :, 0].astype(int)
    assert red[16, 40] > red[44, 40] + 60
