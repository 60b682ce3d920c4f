"""A synthetic case as a folder of NIfTI files, named, labelled and laid out as a BraTS 2020 case is."""

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from engine.data.atomic import write_atomically
from engine.data.labels import CONVENTIONS
from engine.synth.anatomy import Grid
from engine.synth.case import SyntheticCase

BRATS_SHAPE = (240, 240, 155)
BRATS_AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
HEAD_GRID = Grid((176, 208, 155), 1.0)
"""The part of the BraTS grid that holds a head; the rest is background and is not worth computing."""
SUFFIXES = ("t1", "t1ce", "t2", "flair")
DATASET = {
    "name": "Synthetic gliomas of BraTS Viewer",
    "labels": {"0": "background", "1": "necrotic core", "2": "oedema", "4": "enhancing tumour"},
}
WHITE_MATTER = 120
"""The integer that stands for an intensity of 1: coarse enough that the files compress."""


def write_brats(case: SyntheticCase, folder: Path) -> list[Path]:
    """Write a case made on `HEAD_GRID` as `<folder>/<folder's name>_{t1,t1ce,t2,flair,seg}.nii.gz`, all or none.

    The grid is that of BraTS: 240 x 240 x 155 voxels of 1 mm, LPS. All are int16; in the labels ET = 4, which a
    dataset.json beside them says, since the case's name need not be one of BraTS.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for suffix, image in zip(SUFFIXES, case.images.cpu().numpy(), strict=True):
        integers = np.where(case.brain.cpu().numpy(), np.rint(image * WHITE_MATTER).clip(1, 32767), 0)
        files[folder / f"{folder.name}_{suffix}.nii.gz"] = _nifti(integers.astype(np.int16))
    labels = CONVENTIONS["brats2020"].encode(case.labels.cpu().numpy())
    files[folder / f"{folder.name}_seg.nii.gz"] = _nifti(labels.astype(np.int16))
    files[folder / "dataset.json"] = (json.dumps(DATASET, indent=2) + "\n").encode()
    write_atomically(files)
    return list(files)


def _nifti(data: NDArray[np.int16]) -> bytes:
    """The bytes of a gzipped NIfTI file that holds `data`, of `HEAD_GRID`'s shape, in the middle of the BraTS grid."""
    before = [(whole - part) // 2 for whole, part in zip(BRATS_SHAPE, data.shape, strict=True)]
    where = tuple(slice(start, start + size) for start, size in zip(before, data.shape, strict=True))
    whole = np.zeros(BRATS_SHAPE, data.dtype)
    whole[where] = data
    image = nib.Nifti1Image(whole, BRATS_AFFINE)
    image.header.set_xyzt_units("mm")
    return gzip.compress(image.to_bytes(), 9, mtime=0)
