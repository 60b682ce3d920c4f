"""Where a voxel appears, by hand."""

import numpy as np
import pytest

from brats_viewer.views.geometry import Camera, EdgeLetters, Plane, SliceGeometry, direction_letters
from engine.data import Grid

# 4 voxels of 1 mm to the right, 5 of 2 mm to the front, 6 of 3 mm to the top
GRID = Grid((4, 5, 6), np.diag([1.0, 2.0, 3.0, 1.0]))


def _turned_about_the_top(degrees: float) -> Grid:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    affine[:2, :2] = [[cosine, -sine], [sine, cosine]]
    return Grid((4, 4, 4), affine)


@pytest.mark.parametrize(
    ("plane", "radiological", "x_mm", "y_mm"),
    [
        # the voxel furthest left, in front and on top is (0, 4, 5)
        (Plane.AXIAL, True, 3.5, 1.0),
        (Plane.AXIAL, False, 0.5, 1.0),
        (Plane.CORONAL, True, 3.5, 1.5),
        (Plane.CORONAL, False, 0.5, 1.5),
        (Plane.SAGITTAL, True, 1.0, 1.5),
        (Plane.SAGITTAL, False, 1.0, 1.5),
    ],
)
def test_left_front_top_voxel_appears_in_its_corner(plane: Plane, radiological: bool, x_mm: float, y_mm: float) -> None:
    geometry = SliceGeometry(GRID, plane, radiological)
    data = np.zeros(GRID.shape)
    data[0, 4, 5] = 1.0
    ((row, column),) = np.argwhere(geometry.take(data, (0, 4, 5)[plane.normal]))

    assert geometry.to_picture((0, 4, 5)) == (x_mm, y_mm)
    width, height = geometry.spacing_mm
    assert ((column + 0.5) * width, (row + 0.5) * height) == (x_mm, y_mm)
    assert geometry.to_grid(x_mm, y_mm, (0, 4, 5)) == (0, 4, 5)


def test_size_and_spacing_are_millimetres_of_each_plane() -> None:
    sizes = {plane: SliceGeometry(GRID, plane).size_mm for plane in Plane}
    assert sizes == {Plane.AXIAL: (4, 10), Plane.CORONAL: (4, 18), Plane.SAGITTAL: (10, 18)}
    assert SliceGeometry(GRID, Plane.SAGITTAL).spacing_mm == (2, 3)
    assert [SliceGeometry(GRID, plane).slices for plane in Plane] == [6, 5, 4]


def test_letters_of_every_plane_in_both_conventions() -> None:
    letters = {plane: SliceGeometry(GRID, plane).letters for plane in Plane}
    assert letters == {
        Plane.AXIAL: EdgeLetters("R", "L", "A", "P"),
        Plane.CORONAL: EdgeLetters("R", "L", "S", "I"),
        Plane.SAGITTAL: EdgeLetters("A", "P", "S", "I"),
    }
    neurological = {plane: SliceGeometry(GRID, plane, radiological=False).letters for plane in Plane}
    assert neurological == {
        Plane.AXIAL: EdgeLetters("L", "R", "A", "P"),
        Plane.CORONAL: EdgeLetters("L", "R", "S", "I"),
        Plane.SAGITTAL: EdgeLetters("A", "P", "S", "I"),
    }


def test_letters_of_a_turned_grid_name_both_directions() -> None:
    # Its first axis points to the right and, by 20 degrees, to the front.
    grid = _turned_about_the_top(20.0)
    assert SliceGeometry(grid, Plane.AXIAL).letters == EdgeLetters("RA", "LP", "AL", "PR")
    assert SliceGeometry(_turned_about_the_top(9.0), Plane.AXIAL).letters == EdgeLetters("R", "L", "A", "P")


def test_a_turn_about_the_top_leaves_axial_planes_axial() -> None:
    grid = _turned_about_the_top(20.0)
    assert [round(SliceGeometry(grid, plane).oblique_deg, 6) for plane in Plane] == [0.0, 20.0, 20.0]


def test_sheared_grid_is_judged_by_its_plane_and_not_by_its_third_axis() -> None:
    affine = np.eye(4)
    affine[1, 2] = 1.0  # slices stacked upwards and to the front, each of them axial
    grid = Grid((4, 4, 4), affine)
    assert [round(SliceGeometry(grid, plane).oblique_deg, 6) for plane in Plane] == [0.0, 45.0, 0.0]
    assert [round(SliceGeometry(grid, plane).shear_deg, 6) for plane in Plane] == [0.0, 0.0, 45.0]


def test_direction_letters_list_the_nearest_side_first() -> None:
    assert direction_letters(np.array([0.5, -1.0, 0.7])) == "PSR"


def test_zoom_keeps_the_place_pointed_at() -> None:
    camera = Camera((10.0, 20.0, 30.0), 2.0).zoomed(4.0, (6.0, 20.0, 34.0))
    assert camera == Camera((7.0, 20.0, 33.0), 8.0)
    # 4 voxels left of the centre at 2 px were 8 px; 1 voxel at 8 px still is
    assert (6.0 - camera.centre[0]) * 8.0 == (6.0 - 10.0) * 2.0
