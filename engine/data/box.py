"""Boxes of voxels: what is worth looking at of an image that is mostly empty."""

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]
"""The first voxel and the one after the last along each axis."""
NOTHING: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


def bounding_box(mask: NDArray[np.bool_], margin: int = 0) -> Box:
    """The smallest box that holds every True of a mask (X, Y, Z); `NOTHING` where there is none.

    margin: how many voxels more on each side, as far as the image reaches.

    >>> bounding_box(np.pad(np.ones((1, 2, 3), dtype=bool), ((4, 0), (0, 1), (2, 2))))
    (slice(4, 5, None), slice(0, 2, None), slice(2, 5, None))
    """
    box: list[slice] = []
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        found = np.flatnonzero(mask.any(axis=others))
        if not found.size:
            return NOTHING
        box.append(slice(max(int(found[0]) - margin, 0), min(int(found[-1]) + 1 + margin, mask.shape[axis])))
    return box[0], box[1], box[2]
