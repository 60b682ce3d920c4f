"""From the overlapping regions that the network predicts to one label per voxel."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
