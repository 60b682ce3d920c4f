"""Bringing an image or a label map onto another grid, where a person asked for it."""

import numpy as np
from numpy.typing import NDArray

from engine.data.foreground import background_value
from engine.data.volume import Grid, LabelMap, Volume


def regrid_volume(volume: Volume, grid: Grid) -> Volume:
    """The image on `grid`, interpolated linearly; what lies outside of it becomes its background, exactly."""
    from scipy.ndimage import affine_transform  # takes long to load

    background = np.float32(background_value(volume.data))
    turn, shift = _index_map(volume.grid, grid)
    data = affine_transform(volume.data - background, turn, shift, grid.shape, order=1, prefilter=False)
    return Volume(data + background, grid)


def regrid_labels(labels: LabelMap, grid: Grid) -> LabelMap:
    """The label map on `grid`, each voxel taking the label of the nearest one.

    >>> coarse = LabelMap(np.array([1, 3], dtype=np.uint8).reshape(2, 1, 1), Grid((2, 1, 1), np.diag([2.0, 1, 1, 1])))
    >>> regrid_labels(coarse, Grid((4, 1, 1), np.eye(4))).data.ravel().tolist()
    [1, 3, 3, 0]
    """
    from scipy.ndimage import affine_transform  # takes long to load

    turn, shift = _index_map(labels.grid, grid)
    return LabelMap(affine_transform(labels.data, turn, shift, grid.shape, order=0, prefilter=False), grid)


def _index_map(source: Grid, target: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The matrix (3, 3) and the shift (3,) from a voxel index of `target` to one of `source`."""
    to_source = np.linalg.inv(source.affine) @ target.affine
    return to_source[:3, :3], to_source[:3, 3]
