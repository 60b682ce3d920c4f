"""Which voxels of an image are not background: where statistics are taken and where the brain is cropped."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def background_value(image: NDArray[np.floating]) -> float:
    """The value that stands for "nothing here" in `image` (X, Y, Z).

    Skull-stripped images hold one exact value outside the brain: mostly 0, -1 after a rescaling to [-1, 1], sometimes
    the scanner's own constant. A brain may touch the faces of its box but hardly fills the box's twelve edges, so the
    background is the value that at least half of the edges' voxels share. Where none does, the image is not
    skull-stripped (or cropped into the head) and the background is 0, the value that registration pads with.

    >>> background_value(np.pad(np.ones((2, 2, 2)), 1, constant_values=-1.0))
    -1.0
    """
    edges = np.sort(image[_edges(image.shape)])
    for middle in edges[(edges.size - 1) // 2 : edges.size // 2 + 1]:  # what half of them share lies in their middle
        if 2 * int(np.count_nonzero(edges == middle)) >= edges.size:
            return float(middle)
    return 0.0


def foreground(image: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Boolean mask (X, Y, Z) of the voxels of `image` that do not hold exactly its `background_value`.

    In a skull-stripped image that is the brain (and not the zeros that may lie inside of it); in one that is not
    stripped it is nearly everything; in a constant image nothing.

    >>> foreground(np.pad(np.zeros((1, 1, 2)), 1, constant_values=-1.0)).sum()
    np.int64(2)
    """
    mask: NDArray[np.bool_] = image != image.dtype.type(background_value(image))
    return mask


@lru_cache(maxsize=8)
def _edges(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], ...]:
    """Indices of the voxels that lie at an end of at least two axes; remembered, as a case has one shape."""
    ends = np.zeros(shape, dtype=np.uint8)
    for axis, size in enumerate(shape):
        at_end = np.isin(np.arange(size), (0, size - 1)).astype(np.uint8)
        ends += at_end.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return np.nonzero(ends >= 2)
