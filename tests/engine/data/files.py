"""Small image files for tests, written by nibabel or patched byte by byte."""

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np

BRATS_AFFINE = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
OFFSETS = {  # of fields in a NIfTI-1 header, from the standard
    "dim": 40,
    "datatype": 70,
    "bitpix": 72,
    "pixdim": 76,
    "vox_offset": 108,
    "scl_slope": 112,
    "scl_inter": 116,
    "xyzt_units": 123,
    "descrip": 148,
    "qform_code": 252,
    "sform_code": 254,
    "quatern_b": 256,
    "srow_x": 280,
    "magic": 344,
}


def write(path: Path, data=None, affine=BRATS_AFFINE, **header) -> Path:
    """A NIfTI image; by default of 4 x 5 x 6 distinct int16 values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(120, dtype=np.int16).reshape(4, 5, 6) if data is None else np.asarray(data)
    image = nib.Nifti1Image(data, affine)
    for field, value in header.items():
        image.header[field] = value
    nib.save(image, path)
    return path


def patch(path: Path, **fields) -> Path:
    """Overwrite fields of an uncompressed little-endian NIfTI-1 file: name=(struct format, values...)."""
    content = bytearray(path.read_bytes())
    for name, (form, *values) in fields.items():
        packed = struct.pack("<" + form, *values)
        content[OFFSETS[name] : OFFSETS[name] + len(packed)] = packed
    path.write_bytes(content)
    return path


def write_case(folder: Path, names, truth=None, data=None, affine=BRATS_AFFINE) -> Path:
    """Images with these names (without .nii.gz), and a truth of 0, 1, 2 and `truth`'s highest integer."""
    for name in names:
        write(folder / f"{name}.nii.gz", data, affine)
    if truth is not None:
        name, highest = truth
        labels = np.zeros((4, 5, 6), dtype=np.uint8)
        labels[1, 1, 1:4] = 1, 2, highest
        write(folder / f"{name}.nii.gz", labels, affine)
    return folder


def gunzip(path: Path) -> Path:
    """The same image, uncompressed, beside it."""
    plain = path.with_suffix("")
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    return plain
