"""From the overlapping regions that the network predicts to one label per voxel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.data import Label, Region

_PAINT = ((Region.WT, Label.ED), (Region.TC, Label.NCR), (Region.ET, Label.ET))
"""Outermost first; what lies further inside is painted over it, so the regions come out nested."""


def regions_to_labels(masks: NDArray[np.bool_], regions: Sequence[Region]) -> NDArray[np.uint8]:
    """One label per voxel, (X, Y, Z) uint8, from region masks (R, X, Y, Z) in the order of `regions`.

    ET wins over TC, TC over WT. A voxel of ET or TC that lies outside the predicted WT keeps its inner label.

    >>> masks = np.array([[0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 0]], dtype=bool).reshape(3, 4, 1, 1)
    >>> regions_to_labels(masks, (Region.ET, Region.TC, Region.WT)).ravel().tolist()
    [2, 1, 3, 3]
    """
    labels = np.zeros(masks.shape[1:], dtype=np.uint8)
    for region, label in _PAINT:
        if region in regions:
            np.copyto(labels, np.uint8(label), where=masks[list(regions).index(region)])
    return labels


def fill_core(labels: NDArray[np.uint8]) -> int:
    """Turn ED into NCR, in place, where the tumour core encloses it within a plane along the axes; returns the voxels.

    Oedema is the rim of a tumour, not its middle: in the truths of ten BraTS cases what is enclosed so is at most 0.5 %
    of the core's volume. A network takes fluid within a ring of enhancement for oedema where its signal is oedema's.

    >>> labels = np.array([[3, 3, 3, 0], [3, 2, 3, 2], [3, 3, 3, 0]], dtype=np.uint8)[..., None]
    >>> fill_core(labels)
    1
    >>> labels[1].ravel().tolist()
    [3, 1, 3, 2]
    """
    boxes = ndimage.find_objects(((labels == Label.NCR) | (labels == Label.ET)).astype(np.uint8))
    if not boxes:
        return 0
    box = labels[boxes[0]]
    core = (box == Label.NCR) | (box == Label.ET)
    filled = np.zeros_like(core)
    for axis in range(3):
        within_plane = np.take(ndimage.generate_binary_structure(3, 1), [1], axis)
        filled |= ndimage.binary_fill_holes(core, within_plane)
    enclosed = filled & (box == Label.ED)
    box[enclosed] = Label.NCR
    return int(np.count_nonzero(enclosed))


def drop_small_et(labels: NDArray[np.uint8], voxel_ml: float, min_et_ml: float) -> bool:
    """Turn all ET into NCR, in place, where it is less than `min_et_ml` in total; says whether it did.

    A few enhancing voxels in a tumour that has none cost the whole Dice of ET (0 against an empty truth), so such a
    threshold pays; nnU-Net tuned one for BraTS 2020 (arXiv:2011.00848).
    """
    enhancing = labels == Label.ET
    volume_ml = int(enhancing.sum()) * voxel_ml
    if not 0 < volume_ml < min_et_ml:
        return False
    labels[enhancing] = Label.NCR
    return True
