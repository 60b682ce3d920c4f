"""Tiny cases on disk whose scores under `threshold_bundle` are known by hand.

The model marks as ET, and so as TC and WT, the block of 4 x 4 x 4 bright voxels in T1CE: 64 voxels of 1 mm, 0.064 ml.
"""

from pathlib import Path

import nibabel as nib
import numpy as np

from tests.engine.data.files import BRATS_AFFINE

SUFFIXES = ("t1", "t1ce", "t2", "flair")
NCR, ED, ET = 1, 2, 4  # of BraTS 2020
BLOCK = (slice(6, 10), slice(6, 10), slice(6, 10))

PERFECT = ((ET, slice(6, 10)),)
PARTLY = ((ET, slice(7, 11)), (NCR, slice(6, 7)), (ED, slice(11, 14)))
"""ET shares 48 of 64 voxels with the block, TC is the block and 16 more, WT the block and 64 more."""
PARTLY_DICE = {"ET": 0.75, "TC": 128 / 144, "WT": 128 / 192}
NO_TUMOUR = ()


def write_case(folder: Path, truth=PERFECT, affine=BRATS_AFFINE, truth_affine=None) -> Path:
    """A case of BraTS 2020's naming; `truth` paints labels over slices of the first axis; None leaves it out."""
    folder.mkdir(parents=True)
    for suffix in SUFFIXES:
        image = np.zeros((24, 24, 24), dtype=np.int16)
        image[2:22, 2:22, 2:22] = 100
        image[BLOCK] = 900 if suffix == "t1ce" else 500
        nib.save(nib.Nifti1Image(image, affine), folder / f"{folder.name}_{suffix}.nii.gz")
    if truth is not None:
        labels = np.zeros((24, 24, 24), dtype=np.uint8)
        for label, where in truth:
            labels[where, 6:10, 6:10] = label
        image = nib.Nifti1Image(labels, affine if truth_affine is None else truth_affine)
        nib.save(image, folder / f"{folder.name}_seg.nii.gz")
    return folder
