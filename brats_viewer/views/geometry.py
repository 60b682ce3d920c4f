"""Where the voxels of a slice appear: from the display grid to a picture in millimetres, and back.

The display grid is the case's own voxels with the axes in the order R, A, S; nothing is interpolated. So a view of an
oblique grid shows the voxel plane nearest to the anatomical one, and says by how many degrees it is off; voxels are
drawn as rectangles, and a view of a grid whose axes do not meet at right angles says that too.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from brats_viewer.display import Plane
from brats_viewer.readings import Index
from engine.data import Grid

ScalarT = TypeVar("ScalarT", bound=np.generic)
Point = tuple[float, float, float]
"""A place on the display grid in voxels; whole numbers are voxel centres."""

SECOND_LETTER_DEG = 10.0
"""From this angle on, a direction is named by two letters."""


@dataclass(frozen=True, slots=True)
class EdgeLetters:
    """What lies beyond each edge of a picture."""

    left: str
    right: str
    top: str
    bottom: str


@dataclass(frozen=True, eq=False)  # without slots, since what is derived from the grid is kept
class SliceGeometry:
    """How one plane of a display grid (axes in the order R, A, S) lies on the screen.

    The patient's left is on the right of axial and coronal pictures where `radiological`, else on the left; anterior
    is up in axial pictures and on the left in sagittal ones; superior is up in the others. A picture's coordinates
    are (x, y) in mm from its top left corner, x to the right and y down.
    """

    grid: Grid
    plane: Plane
    radiological: bool = True

    @cached_property
    def spacing_mm(self) -> tuple[float, float]:
        """Width and height of a voxel in the picture."""
        spacing = self.grid.spacing_mm
        return spacing[self.plane.right], spacing[self.plane.down]

    @cached_property
    def size_mm(self) -> tuple[float, float]:
        """Width and height of the picture.

        >>> SliceGeometry(Grid((4, 5, 6), np.diag([1.0, 2.0, 3.0, 1.0])), Plane.SAGITTAL).size_mm
        (10.0, 18.0)
        """
        width, height = self.spacing_mm
        return self.grid.shape[self.plane.right] * width, self.grid.shape[self.plane.down] * height

    @property
    def slices(self) -> int:
        """How many slices the plane has."""
        return self.grid.shape[self.plane.normal]

    @property
    def _right_falls(self) -> bool:
        return self.radiological or self.plane is Plane.SAGITTAL

    def take(self, data: NDArray[ScalarT], index: int) -> NDArray[ScalarT]:
        """Slice `index` of `data` (X, Y, Z) on the display grid as rows from the top (H, W): a view, not a copy.

        >>> data = np.arange(8).reshape(2, 2, 2)  # 4 for right, 2 for anterior, 1 for superior
        >>> SliceGeometry(Grid((2, 2, 2), np.eye(4)), Plane.AXIAL).take(data, 0).tolist()
        [[6, 2], [4, 0]]
        >>> SliceGeometry(Grid((2, 2, 2), np.eye(4)), Plane.CORONAL, radiological=False).take(data, 0).tolist()
        [[1, 5], [0, 4]]
        >>> SliceGeometry(Grid((2, 2, 2), np.eye(4)), Plane.SAGITTAL).take(data, 1).tolist()
        [[7, 5], [6, 4]]
        """
        across = slice(None, None, -1 if self._right_falls else 1)
        at: list[int | slice] = [slice(None)] * 3
        at[self.plane.normal] = index
        cut: NDArray[ScalarT] = data[tuple(at)].T[::-1, across]
        return cut

    def to_picture(self, point: Point) -> tuple[float, float]:
        """Where a place on the display grid appears, in mm; a voxel's centre is half a voxel inside of its edges.

        >>> SliceGeometry(Grid((4, 4, 4), np.diag([1.0, 1.0, 2.0, 1.0])), Plane.CORONAL).to_picture((3, 0, 3))
        (0.5, 1.0)
        """
        across, up = point[self.plane.right], point[self.plane.down]
        if self._right_falls:
            across = self.grid.shape[self.plane.right] - 1 - across
        (width, height), rows = self.spacing_mm, self.grid.shape[self.plane.down]
        return (across + 0.5) * width, (rows - 0.5 - up) * height

    def to_grid(self, x_mm: float, y_mm: float, at: Point) -> Point:
        """The place on the display grid that appears at (x, y) in the slice through `at`; inverse of `to_picture`.

        >>> SliceGeometry(Grid((4, 4, 4), np.diag([1.0, 1.0, 2.0, 1.0])), Plane.CORONAL).to_grid(0.5, 1.0, (0, 2, 0))
        (3.0, 2.0, 3.0)
        """
        width, height = self.spacing_mm
        across = x_mm / width - 0.5
        if self._right_falls:
            across = self.grid.shape[self.plane.right] - 1 - across
        point = [float(value) for value in at]
        point[self.plane.right] = across
        point[self.plane.down] = self.grid.shape[self.plane.down] - 0.5 - y_mm / height
        return point[0], point[1], point[2]

    def moved(self, index: Index, right: int, down: int) -> Index:
        """The voxel that many to the right and down in the picture; it may lie outside of the grid.

        >>> SliceGeometry(Grid((4, 4, 4), np.eye(4)), Plane.AXIAL).moved((2, 2, 2), 1, 3)
        (1, -1, 2)
        """
        voxel = list(index)
        voxel[self.plane.right] += -right if self._right_falls else right
        voxel[self.plane.down] -= down
        return voxel[0], voxel[1], voxel[2]

    @cached_property
    def letters(self) -> EdgeLetters:
        """The anatomical directions of the picture's edges, from the affine.

        >>> SliceGeometry(Grid((2, 2, 2), np.eye(4)), Plane.AXIAL).letters
        EdgeLetters(left='R', right='L', top='A', bottom='P')
        """
        right = self.grid.affine[:3, self.plane.right] * (-1 if self._right_falls else 1)
        top = self.grid.affine[:3, self.plane.down]
        return EdgeLetters(
            left=direction_letters(-right),
            right=direction_letters(right),
            top=direction_letters(top),
            bottom=direction_letters(-top),
        )

    @cached_property
    def oblique_deg(self) -> float:
        """The angle between the voxel plane shown and the anatomical plane that it is named after.

        >>> tilt = np.array([[1, 0, 0, 0], [0, 0.8, -0.6, 0], [0, 0.6, 0.8, 0], [0, 0, 0, 1]])
        >>> [round(SliceGeometry(Grid((2, 2, 2), tilt), plane).oblique_deg, 1) for plane in Plane]
        [36.9, 36.9, 0.0]
        """
        axes = self.grid.affine[:3, :3]
        normal = np.cross(axes[:, self.plane.right], axes[:, self.plane.down])
        cosine = abs(normal[self.plane.normal]) / np.linalg.norm(normal)
        return float(np.degrees(np.arccos(min(cosine, 1.0))))

    @cached_property
    def shear_deg(self) -> float:
        """By how much the angle between the picture's rows and columns in the world differs from the drawn 90°.

        >>> slanted = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        >>> [round(SliceGeometry(Grid((2, 2, 2), slanted), plane).shear_deg, 1) for plane in Plane]
        [0.0, 0.0, 45.0]
        """
        axes = self.grid.affine[:3, :3] / self.grid.spacing_mm
        cosine = abs(float(axes[:, self.plane.right] @ axes[:, self.plane.down]))
        return float(np.degrees(np.arcsin(min(cosine, 1.0))))


@lru_cache(maxsize=12)
def slice_geometry(grid: Grid, plane: Plane, radiological: bool) -> SliceGeometry:
    """The geometry of a grid's plane; remembered, as a view asks at every paint."""
    return SliceGeometry(grid, plane, radiological)


def direction_letters(direction: NDArray[np.float64]) -> str:
    """The patient's sides towards which a world vector (3,) points, the nearest first.

    >>> direction_letters(np.array([0.0, -1.0, 0.1])), direction_letters(np.array([0.3, 0.0, 2.0]))
    ('P', 'S')
    >>> direction_letters(np.array([-0.5, 0.8, 0.0]))
    'AL'
    """
    unit = direction / np.linalg.norm(direction)
    order = np.argsort(-np.abs(unit), kind="stable")
    named = [axis for axis in order if abs(unit[axis]) >= np.sin(np.radians(SECOND_LETTER_DEG))]
    return "".join("LPI"[axis] if unit[axis] < 0 else "RAS"[axis] for axis in named)


@dataclass(frozen=True, slots=True)
class Camera:
    """Which place of the display grid is in the middle of the views, and how large a millimetre is there."""

    centre: Point
    pixels_per_mm: float

    def zoomed(self, factor: float, about: Point) -> "Camera":
        """Enlarged by `factor` so that the place `about` stays where it is on the screen.

        >>> Camera((4.0, 0.0, 8.0), 1.0).zoomed(2.0, (0.0, 0.0, 4.0))
        Camera(centre=(2.0, 0.0, 6.0), pixels_per_mm=2.0)
        """
        i, j, k = (there + (here - there) / factor for here, there in zip(self.centre, about, strict=True))
        return Camera((i, j, k), self.pixels_per_mm * factor)
