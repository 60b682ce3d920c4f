"""How far apart the surfaces of two masks are."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree

ABSENT_HD95_MM = 373.12866
"""What BraTS gives where one of two masks is empty: the diagonal of its image of 240 x 240 x 155 mm."""


def hd95_mm(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], affine: NDArray[np.float64]) -> float:
    """The 95th percentile Hausdorff distance in mm of two masks (X, Y, Z) of one grid, from 0.

    A mask's surface is the centres of its voxels that have one of their six neighbours outside the mask or the image.
    Both directed distances are taken, from each surface voxel of one mask to the nearest of the other; of each the
    95th percentile (linear between ranks), and of the two the larger. This is MONAI's
    `compute_hausdorff_distance(percentile=95)`. It is neither the percentile of both directions pooled, nor the
    distance between the marching-cubes surfaces weighted by their area (DeepMind's `surface-distance`, which the
    lesion-wise scores of BraTS 2023 use); those differ by up to about a voxel.

    affine: (4, 4), voxel index to mm; only its linear part counts, anisotropic, rotated and sheared grids included.
    Both masks empty: 0. One empty: `ABSENT_HD95_MM`.
    """
    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else ABSENT_HD95_MM
    surfaces = [_surface_mm(mask, affine) for mask in (prediction, truth)]
    directed = (_distances_mm(surfaces[0], surfaces[1]), _distances_mm(surfaces[1], surfaces[0]))
    return max(float(np.percentile(distances, 95)) for distances in directed)


def _surface_mm(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (N, 3) in mm of the mask's surface voxels, up to a translation."""
    ijk = np.argwhere(mask & ~binary_erosion(mask))
    positions: NDArray[np.float64] = ijk @ affine[:3, :3].T
    return positions


def _distances_mm(from_mm: NDArray[np.float64], to_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(KDTree(to_mm).query(from_mm)[0])
