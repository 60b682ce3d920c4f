"""Writing a map of labels or of numbers as a NIfTI file on its native grid, voxel for voxel."""

from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from numpy.typing import NDArray

from engine.data.atomic import write_atomically
from engine.data.box import bounding_box
from engine.data.labels import LabelConvention
from engine.data.nifti_header import parse_header
from engine.data.volume import Grid, LabelMap, Volume, grid_distance_mm
from engine.errors import ImageFileError

try:
    from isal import igzip as deflate  # at this level twenty times as fast, a mask half as large again

    LEVEL = 1
except ImportError:  # no wheel for this machine
    import gzip as deflate  # type: ignore[no-redef]

    LEVEL = 6

_SAME_PLACE_MM = 1e-3
_SHEAR = 1e-4  # of the cosine between two axes; float32 quaternions keep less than a tenth of it


def write_labels(path: Path, labels: LabelMap, convention: LabelConvention, descrip: str = "") -> None:
    """Write labels as uint8 integers of `convention`, with the grid's affine, sform, qform and codes.

    The file appears whole and verified, or not at all (see `write_atomically`), and the same labels give the same
    bytes as far as they are compressed by the same library. `descrip` goes into the header, 79 ASCII characters of it.
    Raises ImageFileError, and LabelConventionError if a label has no integer in `convention`.
    """
    write_atomically({path: encode_labels(path, labels, convention, descrip)})


def encode_labels(path: Path, labels: LabelMap, convention: LabelConvention, descrip: str = "") -> bytes:
    """The bytes of the file that `write_labels` writes, compressed if `path` ends in .nii.gz, verified by reading them.

    Raises ImageFileError if the name ends otherwise than in .nii or .nii.gz, or if NIfTI-1 cannot hold the grid.
    """
    marked = bounding_box(labels.data > 0)  # outside it all is background, which is 0 in every convention
    integers = np.zeros(labels.data.shape, dtype=np.uint8, order="F")
    integers[marked] = convention.encode(labels.data[marked])
    return _encode(path, integers, labels.grid, descrip)


def encode_volume(path: Path, volume: Volume, descrip: str = "") -> bytes:
    """The bytes of a file that holds a volume's numbers as float32, otherwise as `encode_labels` makes them.

    Raises ImageFileError where that does.
    """
    return _encode(path, volume.data.astype("<f4", copy=False), volume.grid, descrip)


def _encode(path: Path, values: NDArray[np.uint8] | NDArray[np.float32], grid: Grid, descrip: str) -> bytes:
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise ImageFileError(f"{path}: is saved as NIfTI; let its name end in .nii.gz")
    header = _header(path, grid, values.dtype, descrip)
    stream = header.binaryblock + b"\0\0\0\0" + values.tobytes(order="F")
    _verify(path, stream, grid, values)
    return deflate.compress(stream, LEVEL, mtime=0) if name.endswith(".gz") else stream


def _header(path: Path, grid: Grid, dtype: np.dtype[Any], descrip: str) -> Nifti1Header:
    if max(grid.shape) > np.iinfo(np.int16).max:
        raise ImageFileError(f"{path}: a grid of {' x '.join(map(str, grid.shape))} voxels is too large for NIfTI-1")
    header = Nifti1Header(endianness="<")
    header.set_data_shape(grid.shape)
    header.set_data_dtype(dtype)
    header.set_xyzt_units("mm")
    header["vox_offset"] = header.single_vox_offset
    header["magic"] = header.single_magic
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["descrip"] = descrip.encode("ascii", "replace")[:79]
    sform, qform = _codes(grid)
    other = grid.affine if grid.qform_affine is None else grid.qform_affine
    header.set_qform(other, qform)
    header.set_sform(grid.affine, sform)
    return header


def _codes(grid: Grid) -> tuple[int, int]:
    """The codes to write: the grid's, except where its transforms could not be read back from such a file.

    A quaternion cannot hold a sheared affine, and without any code a reader knows nothing but the voxel size.
    """
    sform, qform = grid.sform_code, grid.qform_code
    if qform and grid.qform_affine is None and _sheared(grid.affine):
        sform, qform = sform or qform, 0
    if not sform and not qform and grid_distance_mm(grid, _implied(grid)) > _SAME_PLACE_MM:
        sform = 1
    return sform, qform


def _implied(grid: Grid) -> Grid:
    """The grid that a reader assumes for a file with neither sform nor qform."""
    header = Nifti1Header()
    header.set_data_shape(grid.shape)
    header["pixdim"][1:4] = grid.spacing_mm
    return Grid(grid.shape, header.get_base_affine())


def _sheared(affine: NDArray[np.float64]) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR)


def _verify(path: Path, stream: bytes, grid: Grid, values: NDArray[np.uint8] | NDArray[np.float32]) -> None:
    """Refuse to write what would be read back as something else."""
    header = parse_header(path, stream)
    voxels = np.frombuffer(stream, header.dtype, offset=header.offset)
    same = header.grid.matches(grid, _SAME_PLACE_MM) and np.array_equal(voxels, values.ravel(order="F"))
    if not same:
        raise ImageFileError(f"{path}: not written, since NIfTI-1 cannot hold this grid; resample the images first")
