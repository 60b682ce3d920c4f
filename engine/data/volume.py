"""Images and label maps on a voxel grid, and the geometry between grids that differ in axis order only.

World coordinates are RAS+ millimetres, as in NIfTI: `xyz = affine @ (i, j, k, 1)`.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from numpy.typing import NDArray

ScalarT = TypeVar("ScalarT", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the voxels of an image lie: `shape` (X, Y, Z) and `affine` (4, 4) float64 from voxel index to world mm.

    `sform_code` and `qform_code` are the NIfTI header's, kept so that a mask is saved as its input was. So is
    `qform_affine`, which a file has beside the sform that became `affine`: some programs prefer the one, some the
    other, and a mask with both lies on its image in either.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    sform_code: int = 1
    qform_code: int = 0
    qform_affine: NDArray[np.float64] | None = None

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along each axis, in mm.

        >>> Grid((2, 2, 2), np.diag([-1.0, 2.0, 3.0, 1.0])).spacing_mm
        (1.0, 2.0, 3.0)
        """
        lengths = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def axis_codes(self) -> str:
        """For each voxel axis the nearest anatomical direction in which its index grows, e.g. "LPS".

        >>> Grid((2, 2, 2), np.diag([-1.0, -1.0, 1.0, 1.0])).axis_codes
        'LPS'
        """
        ends = (("L", "R"), ("P", "A"), ("I", "S"))
        return "".join(ends[int(axis)][int(sign > 0)] for axis, sign in io_orientation(self.affine))

    def to_world(self, ijk: NDArray[np.float64]) -> NDArray[np.float64]:
        """World positions (..., 3) in mm of voxel indices (..., 3); an integer index is a voxel's centre."""
        world: NDArray[np.float64] = np.asarray(ijk, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return world

    def to_index(self, xyz: NDArray[np.float64]) -> NDArray[np.float64]:
        """Voxel indices (..., 3), not rounded, of world positions (..., 3) in mm.

        >>> grid = Grid((9, 9, 9), np.array([[-1.0, 0, 0, 5], [0, 2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
        >>> grid.to_index(grid.to_world(np.array([1.0, 2.0, 3.0]))).tolist()
        [1.0, 2.0, 3.0]
        """
        inverse = np.linalg.inv(self.affine)
        index: NDArray[np.float64] = np.asarray(xyz, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return index

    def matches(self, other: "Grid", tolerance_mm: float = 0.01) -> bool:
        """Whether both grids have one shape and no voxel of one lies further than `tolerance_mm` from the other's."""
        return self.shape == other.shape and grid_distance_mm(self, other) <= tolerance_mm


def grid_distance_mm(one: Grid, other: Grid) -> float:
    """The largest distance in mm between the world positions that two grids give to the first one's corner voxels."""
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in one.shape])).reshape(3, -1).T.astype(np.float64)
    return float(np.linalg.norm(one.to_world(corners) - other.to_world(corners), axis=1).max())


def grid_rotation_deg(one: Grid, other: Grid) -> float:
    """The largest angle in degrees between corresponding axes of two grids.

    >>> round(grid_rotation_deg(Grid((1, 1, 1), np.eye(4)), Grid((1, 1, 1), np.diag([-1.0, 1, 1, 1]))), 1)
    180.0
    """
    axes = [grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0) for grid in (one, other)]
    cosines = np.clip((axes[0] * axes[1]).sum(axis=0), -1.0, 1.0)
    return float(np.degrees(np.arccos(cosines)).max())


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """An image: `data` (X, Y, Z) float32 in the scanner's arbitrary unit, every value finite, on `grid`."""

    data: NDArray[np.float32]
    grid: Grid

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index to world mm, (4, 4)."""
        return self.grid.affine


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """A segmentation: `data` (X, Y, Z) uint8 holding values of `Label`, on `grid`."""

    data: NDArray[np.uint8]
    grid: Grid

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index to world mm, (4, 4)."""
        return self.grid.affine


@dataclass(frozen=True, slots=True, eq=False)
class Orientation:
    """The axis permutation and flips between a native grid and one whose axes point in the directions asked for.

    No voxel is interpolated: an oblique grid keeps its obliqueness, only its axes are put in order by the anatomical
    direction that each is nearest to. So there and back is exact.
    """

    native: Grid
    canonical: Grid

    def forward(self, data: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """A view of native `data` (X, Y, Z) in canonical axis order."""
        return _reorient(data, self.native, self.canonical)

    def inverse(self, data: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """A view of canonical `data` in native axis order."""
        return _reorient(data, self.canonical, self.native)


def orient(native: Grid, axis_codes: str = "RAS") -> Orientation:
    """The `Orientation` from `native` to axes that grow in the directions `axis_codes`.

    >>> there = orient(Grid((4, 5, 6), np.diag([-1.0, -1.0, 2.0, 1.0])), "SAR")
    >>> there.canonical.shape, there.canonical.axis_codes, there.canonical.spacing_mm
    ((6, 5, 4), 'SAR', (2.0, 1.0, 1.0))
    """
    transform = ornt_transform(io_orientation(native.affine), axcodes2ornt(tuple(axis_codes)))
    shape = [0, 0, 0]
    for axis, size in zip(transform[:, 0], native.shape, strict=True):
        shape[int(axis)] = size
    affine = native.affine @ inv_ornt_aff(transform, native.shape)
    return Orientation(native, replace(native, shape=(shape[0], shape[1], shape[2]), affine=affine, qform_affine=None))


def _reorient(data: NDArray[ScalarT], source: Grid, target: Grid) -> NDArray[ScalarT]:
    if data.shape != source.shape:
        raise ValueError(f"data of shape {data.shape} does not lie on the grid {source.shape}")
    oriented: NDArray[ScalarT] = apply_orientation(data, _axis_order(source, target))
    return oriented


@lru_cache(maxsize=16)
def _axis_order(source: Grid, target: Grid) -> NDArray[np.float64]:
    """Remembered, since a view of slices asks at every paint."""
    order: NDArray[np.float64] = ornt_transform(io_orientation(source.affine), io_orientation(target.affine))
    return order
