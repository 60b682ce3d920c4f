"""What a NIfTI header claims, checked so far as it can be without the voxels.

nibabel parses the header and chooses between its transforms; what it lets pass in silence (an infinite scale, a
singular affine, a byte offset inside the header) is refused here. NIfTI-1 and -2, either byte order, single files.
"""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from engine.data.foreign import advice
from engine.data.volume import Grid, grid_distance_mm
from engine.errors import ImageFileError

HEADER_BYTES = 544
"""So many first bytes of a file hold the header of either version."""

_MAGICS = ((b"n+1\0", 344, Nifti1Header, 352), (b"n+2\0\r\n\x1a\n", 4, Nifti2Header, 544))
_DTYPE_CODES = (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)
_DTYPES = dict(zip(_DTYPE_CODES, ("u1", "i2", "i4", "f4", "f8", "i1", "u2", "u4", "i8", "u8"), strict=True))
_REFUSED_DTYPES = {
    1: "single bits",
    32: "complex numbers",
    128: "colours (RGB)",
    1536: "128-bit floats",
    1792: "complex numbers",
    2048: "complex numbers",
    2304: "colours (RGBA)",
}
_UNITS = {1: "metres", 3: "micrometres"}
_SPACING_MM = (1e-3, 1e3)
_MIN_DETERMINANT = 1e-4  # of the axes' unit vectors: below it two of them are within 0.006 degrees of one plane
_TRANSFORMS_APART_MM = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """A checked header: `volumes` images of type `dtype` (byte order included) on `grid`, from byte `offset` on.

    Stored values are multiplied by `slope`, then `intercept` is added. `notes` are lines for a person.
    """

    grid: Grid
    volumes: int
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float
    description: str
    notes: tuple[str, ...]

    @property
    def voxels(self) -> int:
        """Voxels of one volume."""
        x, y, z = self.grid.shape
        return x * y * z

    @property
    def stream_bytes(self) -> int:
        """Length of the whole file, decompressed, according to this header."""
        return self.offset + self.volumes * self.voxels * self.dtype.itemsize


def parse_header(path: Path, head: bytes | bytearray) -> Header:
    """The checked header in a file's first bytes (`HEADER_BYTES`, or the whole file); `path` is for messages.

    Raises ImageFileError.
    """
    raw, data_start = _raw_header(path, head)
    notes: list[str] = []
    dimensions = _dimensions(path, raw)
    dtype = _dtype(path, raw)
    offset = _offset(path, raw, data_start)
    slope, intercept = _scale(path, raw, notes)
    grid = _grid(path, raw, dimensions[:3], notes)
    unit = int(raw["xyzt_units"]) & 7
    if unit in _UNITS:
        notes.append(f"{path.name}: its header gives lengths in {_UNITS[unit]}; they are taken as millimetres")
    description = raw["descrip"].item().decode("latin-1").rstrip("\0")
    return Header(grid, dimensions[3], dtype, offset, slope, intercept, description, tuple(notes))


def _raw_header(path: Path, head: bytes | bytearray) -> tuple[Nifti1Header, int]:
    kind: Any  # nibabel's header classes are not typed
    for magic, place, kind, data_start in _MAGICS:
        if head[place : place + len(magic)] == magic:
            if len(head) < kind.sizeof_hdr:
                break
            raw = kind(bytes(head[: kind.sizeof_hdr]), check=False)
            if int(raw["sizeof_hdr"]) != kind.sizeof_hdr:
                raise ImageFileError(f"{path}: its NIfTI header is damaged (wrong length); copy or download it again")
            return raw, data_start
    raise ImageFileError(f"{path}: {advice(path, head) or 'is not a NIfTI image; convert it to .nii.gz'}")


def _dimensions(path: Path, raw: Nifti1Header) -> tuple[int, int, int, int]:
    """Voxels along X, Y and Z, and the number of volumes."""
    dim = [int(size) for size in raw["dim"]]
    count = dim[0]
    if not 1 <= count <= 7 or any(size < 1 for size in dim[1 : count + 1]):
        raise ImageFileError(f"{path}: its NIfTI header is damaged (dimensions {dim}); copy or download it again")
    if count < 3:
        raise ImageFileError(f"{path}: is a {count}D image; a case needs 3D images")
    further = [size for size in dim[4 : count + 1] if size > 1]
    if len(further) > 1:
        raise ImageFileError(f"{path}: is an image of {count} dimensions; a case needs 3D images, or a 4D one")
    return dim[1], dim[2], dim[3], further[0] if further else 1


def _dtype(path: Path, raw: Nifti1Header) -> np.dtype[np.generic]:
    code = int(raw["datatype"])
    if code not in _DTYPES:
        what = _REFUSED_DTYPES.get(code, f"of the unknown type {code}")
        raise ImageFileError(f"{path}: its voxels are {what}; save it with real numbers (int16 or float32)")
    dtype = np.dtype(_DTYPES[code]).newbyteorder(raw.endianness)
    if int(raw["bitpix"]) != 8 * dtype.itemsize:
        raise ImageFileError(
            f"{path}: its NIfTI header contradicts itself ({int(raw['bitpix'])} bits per voxel for {dtype.name}); "
            "copy or download it again"
        )
    return dtype


def _offset(path: Path, raw: Nifti1Header, data_start: int) -> int:
    offset = float(raw["vox_offset"])
    if offset == 0:
        return data_start
    if not isfinite(offset) or offset != int(offset) or offset < data_start:
        raise ImageFileError(
            f"{path}: its NIfTI header is damaged (data at byte {offset:g}, not from {data_start} on); "
            "copy or download it again"
        )
    return int(offset)


def _scale(path: Path, raw: Nifti1Header, notes: list[str]) -> tuple[float, float]:
    """Slope and intercept. By the standard a slope of 0 means that there is no scaling."""
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    if slope == 0:
        return 1.0, 0.0
    if np.isnan(slope) and (np.isnan(intercept) or intercept == 0):
        notes.append(f"{path.name}: the scale in its header is not a number; its values are taken as stored")
        return 1.0, 0.0
    if not isfinite(slope) or not isfinite(intercept):
        raise ImageFileError(
            f"{path}: the scale in its header is not finite (slope {slope:g}, intercept {intercept:g}); "
            "copy or export it again"
        )
    return slope, intercept


def _grid(path: Path, raw: Nifti1Header, shape: tuple[int, int, int], notes: list[str]) -> Grid:
    """The grid by the transform that nibabel prefers: sform, else qform, else the voxel size alone."""
    for name in ("sform_code", "qform_code"):
        if not 0 <= int(raw[name]) <= 5:
            notes.append(f"{path.name}: its {name} {int(raw[name])} is unknown and taken as 0")
            raw[name] = 0
    _mend_voxel_size(raw)
    sform, qform = int(raw["sform_code"]), int(raw["qform_code"])
    try:
        affine = raw.get_best_affine()
    except (HeaderDataError, ValueError) as error:
        raise ImageFileError(f"{path}: its position in space is damaged (qform); copy or export it again") from error
    _check_affine(path, affine)
    if sform == qform == 0:
        notes.append(f"{path.name}: has no sform and no qform (both codes are 0); its left and right are assumed")
    other = None
    if sform and qform:
        other = _other_transform(raw)
        qform = qform if other is not None else 0
    grid = Grid(shape, affine.astype(np.float64), sform, qform, other)
    if other is not None:
        apart = grid_distance_mm(grid, Grid(shape, other))
        if apart > _TRANSFORMS_APART_MM:
            notes.append(f"{path.name}: its sform and qform lie up to {apart:.1f} mm apart; the sform is used")
    return grid


def _mend_voxel_size(raw: Nifti1Header) -> None:
    """As nibabel does on loading: a handedness other than -1 means 1, and a voxel size has no sign."""
    pixdim = raw["pixdim"]
    if pixdim[0] not in (-1, 1):
        pixdim[0] = 1
    pixdim[1:4] = np.abs(pixdim[1:4])


def _other_transform(raw: Nifti1Header) -> NDArray[np.float64] | None:
    """The qform beside an sform, or None where it is no transform at all."""
    try:
        qform = raw.get_qform()
    except (HeaderDataError, ValueError):
        return None
    return qform.astype(np.float64) if _affine_fault(qform) is None else None


def _check_affine(path: Path, affine: NDArray[np.float64]) -> None:
    fault = _affine_fault(affine)
    if fault is not None:
        raise ImageFileError(f"{path}: its position in space is damaged ({fault}); copy or export it again")


def _affine_fault(affine: NDArray[np.float64]) -> str | None:
    if not np.isfinite(affine).all():
        return "the affine is not finite"
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if (spacing < _SPACING_MM[0]).any() or (spacing > _SPACING_MM[1]).any():
        return f"voxels of {' x '.join(f'{size:g}' for size in spacing)} mm"
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < _MIN_DETERMINANT:
        return "the affine is singular"
    return None
