"""Meshes of masks whose shape is known: where they lie, which way they face, and that they are closed."""

import numpy as np
import pytest
from numpy.typing import NDArray

from brats_viewer.views.surfaces import (
    INNER,
    OUTER,
    Detail,
    Surface,
    Surfaces,
    brain_surface,
    build_surfaces,
    mask_surface,
    surface_net,
)
from engine.data import Grid, Label, Modality, orient
from engine.progress import finish
from tests.phantoms import phantom_case

FINE = Detail(step_mm=1.0, smoothing_mm=1.0, level=0.5)


def _ball(radius: float, size: int) -> NDArray[np.bool_]:
    """Voxels within `radius` of the middle of a cube of `size` voxels."""
    ijk = np.indices((size, size, size)) - (size - 1) / 2
    inside: NDArray[np.bool_] = (ijk**2).sum(axis=0) <= radius**2
    return inside


def _sides(surface: Surface) -> NDArray[np.intp]:
    """The directed sides (4 Q, 2) of all quads."""
    return np.concatenate([surface.quads[[corner, (corner + 1) % 4]].T for corner in range(4)])


def _volume_mm3(surface: Surface) -> float:
    """By the divergence theorem over two triangles a quad: positive only if the quads face outwards."""
    a, b, c, d = (surface.vertices[corner].astype(np.float64) for corner in surface.quads)
    triangles = (np.cross(a, b) * c).sum() + (np.cross(a, c) * d).sum()
    return float(triangles) / 6


def _labels(shape: tuple[int, int, int] = (30, 30, 30)) -> NDArray[np.uint8]:
    return np.zeros(shape, dtype=np.uint8)


def _build(labels: NDArray[np.uint8], affine: NDArray[np.float64] | None = None) -> Surfaces:
    image = np.zeros(labels.shape, dtype=np.float32)
    return finish(build_surfaces(image, labels, Grid(image.shape, np.eye(4) if affine is None else affine)))


def test_net_of_one_voxel_is_a_cube_around_it() -> None:
    field = np.zeros((3, 3, 3), dtype=np.float32)
    field[1, 1, 1] = 1.0
    vertices, slopes, quads = surface_net(field, 0.2)
    # Eight cells meet at the voxel, and six faces lie around it.
    assert len(vertices) == 8
    assert quads.shape == (4, 6)
    # In each cell one corner of eight is 1: the slope is 1/4 along each axis, towards the voxel.
    np.testing.assert_allclose(np.abs(slopes), 0.25)
    # From 1/8 in the cell's middle to 0.2, along (1, 1, 1) / 4: a step of 0.075 / (3 / 16) / 4 = 0.1.
    np.testing.assert_allclose(vertices, 1.0 - 0.4 * np.sign(slopes), atol=1e-6)


def test_flat_faces_lie_between_the_voxels() -> None:
    mask = np.zeros((24, 24, 24), dtype=bool)
    mask[6:18, 6:18, 6:18] = True
    surface = mask_surface(mask, np.eye(4), FINE)
    np.testing.assert_allclose(surface.vertices.min(axis=0), 5.5, atol=0.02)
    np.testing.assert_allclose(surface.vertices.max(axis=0), 17.5, atol=0.02)
    top = (np.abs(surface.vertices[:, :2] - 11.5) < 3).all(axis=1) & (surface.vertices[:, 2] > 11.5)
    np.testing.assert_allclose(surface.normals[top], np.tile([0.0, 0.0, 1.0], (top.sum(), 1)), atol=0.01)


def test_ball_is_round_closed_and_faces_outwards() -> None:
    surface = mask_surface(_ball(15.0, 40), np.eye(4), FINE)
    from_middle = surface.vertices - 19.5
    radius = np.linalg.norm(from_middle, axis=1)
    assert np.abs(radius - 15.0).max() < 0.6
    assert ((from_middle / radius[:, None]) * surface.normals).sum(axis=1).min() > 0.97
    sides = _sides(surface)
    # Each side is run along once in each direction, so two quads meet there and agree on which way is out.
    assert len(np.unique(sides, axis=0)) == len(sides)
    assert {tuple(side) for side in sides} == {(b, a) for a, b in sides}
    # Euler: a closed surface without a handle has V - E + F = 2.
    assert len(surface.vertices) - len(sides) // 2 + surface.quads.shape[1] == 2
    assert _volume_mm3(surface) == pytest.approx(4 / 3 * np.pi * 15.0**3, rel=0.03)


def test_vertices_and_normals_follow_the_grid_into_the_world() -> None:
    mask = np.zeros((20, 20, 12), dtype=bool)
    mask[5:15, 5:15, 3:9] = True
    turn = np.radians(30.0)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]) @ np.diag(
        [1.0, 1.0, 3.0]
    )
    affine[:3, 3] = (100.0, -50.0, 7.0)
    surface = mask_surface(mask, affine, FINE)
    middle = affine[:3, :3] @ (9.5, 9.5, 5.5) + affine[:3, 3]
    np.testing.assert_allclose(surface.vertices.mean(axis=0), middle, atol=0.1)
    # Voxels of 3 mm from 3 to 8: the faces are 9 mm from the middle.
    assert surface.vertices[:, 2].max() - middle[2] == pytest.approx(9.0, abs=0.1)
    along_first = surface.normals @ affine[:3, 0]
    assert along_first.max() == pytest.approx(1.0, abs=1e-3)
    assert _volume_mm3(surface) == pytest.approx(10 * 10 * 18, rel=0.15)  # the Gaussian rounds its edges


def test_mask_at_the_face_of_the_grid_is_closed() -> None:
    surface = mask_surface(np.ones((10, 10, 10), dtype=bool), np.eye(4), FINE)
    assert _volume_mm3(surface) == pytest.approx(1000.0, rel=0.15)  # the Gaussian rounds its edges
    assert surface.vertices.min() == pytest.approx(-0.5, abs=0.02)


@pytest.mark.parametrize("thickness_mm", [1.0, 6.0])
def test_no_quad_is_longer_than_it_is_said(thickness_mm: float) -> None:
    surface = mask_surface(_ball(9.0, 24), np.diag([1.0, 1.0, thickness_mm, 1.0]), FINE)
    corners = surface.vertices[surface.quads]
    diagonals = np.linalg.norm(corners[:2] - corners[2:], axis=2)
    assert 0.3 * surface.quad_mm < diagonals.max() <= surface.quad_mm


def test_no_mask_no_surface() -> None:
    surface = mask_surface(np.zeros((8, 8, 8), dtype=bool), np.eye(4), FINE)
    assert surface.vertices.shape == surface.normals.shape == (0, 3)
    assert surface.quads.shape == (4, 0)


def test_thin_rim_and_small_spot_are_seen() -> None:
    labels = _labels()
    labels[4:26, 4:26, 4:26] = Label.ET
    labels[5:25, 5:25, 5:25] = Label.BACKGROUND
    labels[14:16, 13:16, 13:16] = Label.NCR
    found = _build(labels).labels
    assert set(found) == {Label.ET, Label.NCR}
    # The rim has an outer and an inner side, each closed: 2 + 2.
    sides = _sides(found[Label.ET])
    assert len(found[Label.ET].vertices) - len(sides) // 2 + found[Label.ET].quads.shape[1] == 4


def test_oedema_is_the_whole_tumour_from_outside() -> None:
    labels = _labels()
    labels[8:22, 8:22, 8:22] = Label.ED
    labels[8:22, 8:22, 16:25] = Label.ET
    found = _build(labels).labels
    assert found[Label.ED].vertices[:, 2].max() == pytest.approx(24.5, abs=1.0)
    assert found[Label.ET].vertices[:, 2].min() == pytest.approx(15.5, abs=0.4)


def test_without_oedema_there_is_no_outer_surface() -> None:
    labels = _labels()
    labels[8:22, 8:22, 8:22] = Label.RC
    assert set(_build(labels).labels) == {Label.RC}


def test_labels_lie_where_the_grid_puts_them() -> None:
    labels = _labels((20, 24, 28))
    labels[4:10, 12:18, 20:26] = Label.ET
    affine = np.diag([1.0, 2.0, 1.0, 1.0])
    affine[:3, 3] = (-10.0, 5.0, 3.0)
    vertices = _build(labels, affine).labels[Label.ET].vertices
    np.testing.assert_allclose((vertices.min(axis=0) + vertices.max(axis=0)) / 2, (-3.5, 34.0, 25.5), atol=0.1)


@pytest.mark.parametrize("storage", ["RAS", "LPS", "SAL"])
def test_brain_and_tumour_of_a_phantom(storage: str) -> None:
    case = phantom_case(storage, shape=(80, 96, 72))
    orientation = orient(case.native, "RAS")
    assert case.truth is not None
    image = orientation.forward(case.images[Modality.T1C].data)
    surfaces = finish(build_surfaces(image, orientation.forward(case.truth.data), orientation.canonical))
    # Half axes of 0.42, 0.45 and 0.42 of the grid's extent, around the world's origin; the Gaussian takes a little.
    np.testing.assert_allclose(surfaces.brain.vertices.max(axis=0), (33.6, 43.2, 30.2), atol=1.0)
    np.testing.assert_allclose(surfaces.brain.vertices.min(axis=0), (-33.6, -43.2, -30.2), atol=1.0)
    assert surfaces.ball is not None
    np.testing.assert_allclose(surfaces.ball.centre_mm, 0.0, atol=1.0)
    assert surfaces.ball.radius_mm == pytest.approx(43.2, abs=1.0)
    middle = surfaces.labels[Label.ET].vertices.mean(axis=0)
    np.testing.assert_allclose(middle, (-0.2 * 80, 0.18 * 96, 0.15 * 72), atol=0.5)


def test_known_brain_is_taken_as_it_is() -> None:
    labels = _labels()
    brain = mask_surface(_ball(10.0, 30), np.eye(4), OUTER)
    surfaces = finish(build_surfaces(np.zeros(labels.shape, np.float32), labels, Grid(labels.shape, np.eye(4)), brain))
    assert surfaces.brain is brain


def test_empty_image_has_nothing_to_look_at_but_its_labels() -> None:
    labels = _labels()
    assert _build(labels).ball is None
    labels[10:20, 10:20, 10:20] = Label.ET
    ball = _build(labels).ball
    assert ball is not None
    np.testing.assert_allclose(ball.centre_mm, 14.5, atol=0.05)


def test_image_with_its_skull_shows_the_head() -> None:
    noise = np.random.default_rng(0).uniform(1.0, 5.0, (40, 40, 40)).astype(np.float32)
    image = np.where(_ball(14.0, 40), np.float32(300.0), noise)
    head = brain_surface(image, Grid(image.shape, np.eye(4)))
    np.testing.assert_allclose(np.abs(head.vertices - 19.5).max(axis=0), 14.0, atol=1.2)


def test_work_can_be_stopped_between_surfaces() -> None:
    labels = _labels()
    labels[10:20, 10:20, 10:20] = Label.ET
    work = build_surfaces(np.zeros(labels.shape, np.float32), labels, Grid(labels.shape, np.eye(4)))
    stages = [next(work).stage for _ in range(3)]
    work.close()
    assert stages == ["brain surface", "tumour surface", "NCR surface"]


def test_detail_of_labels_keeps_every_millimetre() -> None:
    assert INNER.step_mm <= 1.0
