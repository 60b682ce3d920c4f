"""How far apart the surfaces of two masks are."""

import numpy as np
from numpy.typing import NDArray

ABSENT_HD95_MM = 373.12866
"""What BraTS gives where one of two masks is empty: the diagonal of its image of 240 x 240 x 155 mm."""

NEAR_MM = 20.0
"""How far `near_distances_mm` looks."""

_CLOSE_VOXELS = 3
"""How far `_close_mm` looks, in voxels of the finest axis: at no more than 123 neighbours of a point."""


def hd95_mm(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """The 95th percentile Hausdorff distance in mm of two masks (X, Y, Z) of one grid, from 0.

    A mask's surface is the centres of its voxels that have one of their six neighbours outside the mask or the image.
    Both directed distances are taken, from each surface voxel of one mask to the nearest of the other; of each the
    95th percentile (linear between ranks), and of the two the larger. This is MONAI's
    `compute_hausdorff_distance(percentile=95)`. It is neither the percentile of both directions pooled, nor the
    distance between the marching-cubes surfaces weighted by their area (DeepMind's `surface-distance`, which the
    lesion-wise scores of BraTS 2023 use).

    spacing_mm: between voxels along each axis; the axes are taken as perpendicular.
    Both masks empty: 0. One empty: `ABSENT_HD95_MM`.
    """
    from scipy.ndimage import binary_erosion  # takes long to load

    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else ABSENT_HD95_MM
    predicted, true = prediction & ~binary_erosion(prediction), truth & ~binary_erosion(truth)
    directed = (_distances_mm(predicted, true, spacing_mm), _distances_mm(true, predicted, spacing_mm))
    return max(float(np.percentile(distances, 95)) for distances in directed)


def _distances_mm(
    source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Distance of each voxel of `source` to the nearest of `target`, exact up to the 95th percentile."""
    near = near_distances_mm(source, target, spacing_mm)
    if np.percentile(near, 95, method="higher") < NEAR_MM:
        return near
    return distances_mm(source, target, spacing_mm)


def near_distances_mm(
    source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """As `distances_mm`, but no further than `NEAR_MM`: `NEAR_MM` stands for that distance and every larger one.

    Where surfaces are close, a look at the neighbours of each point is ten times faster than a search tree, and a tree
    many times faster than a distance map of the whole box; where they are far apart, the map is up to ten times faster
    than a tree. So this looks near by, and what it finds there mostly decides a percentile.
    """
    points = np.argwhere(source)
    found = _close_mm(points, target, spacing_mm)
    rest = np.isinf(found)
    if rest.any():
        from scipy.spatial import KDTree  # takes long to load

        tree = KDTree(np.argwhere(target) * spacing_mm)
        found[rest], _ = tree.query(points[rest] * spacing_mm, distance_upper_bound=NEAR_MM)
    return np.minimum(found, NEAR_MM)


def _close_mm(
    points: NDArray[np.intp], target: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Distance in mm of each of `points` (N, 3) to the nearest voxel of `target`; infinite beyond `_CLOSE_VOXELS`."""
    close_mm = _CLOSE_VOXELS * min(spacing_mm)
    reach = np.array([int(close_mm / spacing) for spacing in spacing_mm])  # voxels
    offsets = np.argwhere(np.ones(2 * reach + 1, dtype=bool)) - reach
    offsets_mm = np.linalg.norm(offsets * spacing_mm, axis=1)
    padded = np.pad(target, [(voxels, voxels) for voxels in reach])
    found = np.full(len(points), np.inf)
    left = np.arange(len(points))
    at = (points + reach) @ padded.strides  # into the flat bytes of `padded`
    for nearest in np.argsort(offsets_mm, kind="stable"):
        if offsets_mm[nearest] > close_mm or not left.size:
            break
        hit = padded.ravel()[at[left] + offsets[nearest] @ padded.strides]
        found[left[hit]] = offsets_mm[nearest]
        left = left[~hit]
    return found


def distances_mm(
    source: NDArray[np.bool_], target: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Distance in mm of each point of `source` to the nearest of `target`, masks (X, Y, Z) of one grid, as (points,).

    The points are in the order of `numpy.argwhere`; `target` must have one.
    """
    from scipy.ndimage import distance_transform_edt  # takes long to load

    return np.asarray(distance_transform_edt(~target, sampling=spacing_mm))[source]
