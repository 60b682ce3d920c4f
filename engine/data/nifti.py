"""Reading images and label maps from NIfTI files that may be damaged, odd or too large, without being misled.

The whole stream is read and its checksum verified; the header's claim is held against the memory that is free and
against the real length of the file before an array is made. Every failure is an ImageFileError of one line.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from engine.data.box import bounding_box
from engine.data.case import ImageSource
from engine.data.file_bytes import GZIP_MAX_RATIO, file_size, is_gzip, memory_budget, read_pieces
from engine.data.foreground import background_value
from engine.data.labels import LabelConvention
from engine.data.nifti_header import HEADER_BYTES, Header, parse_header
from engine.data.volume import Grid, LabelMap, Volume, grid_distance_mm, grid_rotation_deg
from engine.errors import CaseError, ImageFileError

_BYTES_PER_VOXEL = 12  # of the float32 result and one float64 step on the way
_LABEL_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class NiftiFile:
    """A file read whole and verified: its header, and the stored bytes of all its volumes."""

    path: Path
    header: Header
    stream: NDArray[np.uint8]
    notes: tuple[str, ...]

    def volume(self, index: int | None = None) -> tuple[Volume, tuple[str, ...]]:
        """One of the file's images, and lines for a person about what was not as it should be.

        `index` counts the volumes of a 4D file from 0; a file with one volume needs none.
        Values that are not finite become the `background_value` of the others, and their number is noted.
        Raises ImageFileError if a 4D file comes without an index, if there is no such volume, or no finite value.
        """
        with np.errstate(over="ignore"):  # what float32 cannot hold counts as infinite below
            data = self._scaled(index).astype(np.float32, copy=False)
        notes = self.notes if self._holds_integers else (*self.notes, *self._mend(data))
        return Volume(data, self.header.grid), notes

    def _mend(self, data: NDArray[np.float32]) -> Iterator[str]:
        """Give what is not finite in `data` the background's value, and say so."""
        finite = np.isfinite(data)
        if finite.all():
            return
        broken = data.size - int(np.count_nonzero(finite))
        if broken == data.size:
            raise ImageFileError(f"{self.path}: none of its voxels is a finite number; export it again")
        data[~finite] = 0.0
        data[~finite] = background_value(data)
        yield f"{self.path.name}: {broken} voxels were NaN or infinite and were set to the background"

    def integers(self) -> NDArray[np.integer]:
        """The values (X, Y, Z) of a file that holds labels, rounded where they are stored or scaled as floats.

        Raises ImageFileError if one is not an integer (to within 0.001), or not finite.
        """
        if self._holds_integers:
            return cast("NDArray[np.integer]", self._stored(None))
        values = self._scaled(None)
        if not np.isfinite(values).all():
            raise ImageFileError(f"{self.path}: holds NaN or infinite values, so it is no label map")
        rounded = np.rint(values)
        broken = np.abs(values - rounded) > _LABEL_ROUNDING
        if broken.any():
            raise ImageFileError(f"{self.path}: holds values such as {values[broken][0]:g}, so it is no label map")
        integers: NDArray[np.integer] = np.clip(rounded, -(2**31), 2**31 - 1).astype(np.int32)
        return integers

    def labels(self, convention: LabelConvention) -> LabelMap:
        """The file's label map, its integers read by `convention`.

        Raises ImageFileError where `integers` does, and LabelConventionError if a value is not of the convention.
        """
        integers = self.integers()
        marked = bounding_box(integers != 0)  # outside it all is background, which is 0 in every convention
        labels = np.zeros(integers.shape, dtype=np.uint8, order="F")
        labels[marked] = convention.decode(integers[marked], str(self.path))
        return LabelMap(labels, self.header.grid)

    @property
    def _unscaled(self) -> bool:
        return self.header.slope == 1 and self.header.intercept == 0

    @property
    def _holds_integers(self) -> bool:
        return self._unscaled and np.issubdtype(self.header.dtype, np.integer)

    def _stored(self, index: int | None) -> NDArray[np.generic]:
        """A read-only view of one volume (X, Y, Z) as it is stored."""
        header = self.header
        if index is None and header.volumes > 1:
            raise ImageFileError(
                f"{self.path}: holds {header.volumes} volumes; say which one is meant (0 to {header.volumes - 1})"
            )
        index = index or 0
        if not 0 <= index < header.volumes:
            raise ImageFileError(f"{self.path}: has no volume {index}; it holds {header.volumes}, counted from 0")
        start = header.offset + index * header.voxels * header.dtype.itemsize
        flat = np.frombuffer(self.stream.data.toreadonly(), header.dtype, header.voxels, start)
        return flat.reshape(header.grid.shape, order="F")

    def _scaled(self, index: int | None) -> NDArray[np.floating]:
        """A copy of one volume (X, Y, Z), scaled, in the precision that its type needs."""
        stored = self._stored(index)
        precise = stored.dtype.itemsize > 2 and stored.dtype != np.dtype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            if self._unscaled and not precise:
                return stored.astype(np.float32)
            values = stored.astype(np.float64)
            values *= self.header.slope
            values += self.header.intercept
            return values


def open_nifti(path: Path, *, budget_bytes: int | None = None) -> NiftiFile:
    """Read a whole file and prove it: checksum, length, header. Its name need not end in .nii or .nii.gz.

    `budget_bytes`: what reading may take, by default half of the free memory. Raises ImageFileError.
    """
    size = file_size(path)
    pieces = read_pieces(path)
    head = _take(pieces, HEADER_BYTES)
    header = parse_header(path, head)
    gzipped = is_gzip(path)
    _check_claim(path, header, size * GZIP_MAX_RATIO if gzipped else size, budget_bytes or memory_budget())
    stream = _fill(path, header.stream_bytes, chain([head], pieces))
    notes = header.notes
    if gzipped != path.name.lower().endswith("gz"):
        notes += (f"{path.name}: {'is' if gzipped else 'is not'} compressed, other than its name says",)
    return NiftiFile(path, header, stream, notes)


def read_header(path: Path) -> Header:
    """The checked header alone, without proving the rest of the file. Raises ImageFileError."""
    pieces = read_pieces(path)
    return parse_header(path, _take(pieces, HEADER_BYTES))


def read_volume(source: ImageSource, *, budget_bytes: int | None = None) -> tuple[Volume, tuple[str, ...]]:
    """One image as float32, and lines for a person about what was not as it should be.

    See `open_nifti` for what is verified and `NiftiFile.volume` for what is mended. Raises ImageFileError.
    """
    return open_nifti(source.path, budget_bytes=budget_bytes).volume(source.volume)


def read_labels(
    path: Path, convention: LabelConvention, *, grid: Grid | None = None, budget_bytes: int | None = None
) -> LabelMap:
    """A label map, its integers read by `convention`; with `grid`, one that must lie on it.

    Labels that were saved as floats are rounded. Raises ImageFileError, LabelConventionError if a value is not of the
    convention, and CaseError if the file lies on another grid.
    """
    file = open_nifti(path, budget_bytes=budget_bytes)
    if grid is not None and not grid.matches(file.header.grid):
        raise CaseError(f"{path}: {grid_difference(file.header.grid, grid)}; save it again on the images' grid")
    labels = file.labels(convention)
    return replace(labels, grid=grid or labels.grid)


def is_bare(grid: Grid) -> bool:
    """Whether the affine is the identity, as a program leaves it that saves an array without its header."""
    return np.array_equal(grid.affine, np.eye(4))


def grid_difference(grid: Grid, expected: Grid) -> str:
    """In words, how `grid` differs from the one that was expected, in voxels, or in mm and degrees.

    >>> expected = Grid((3, 3, 3), np.diag([-1.0, -1.0, 1.0, 1.0]))
    >>> grid_difference(Grid((3, 3, 2), expected.affine), expected)
    'has 3 x 3 x 2 voxels where 3 x 3 x 3 are expected'
    >>> grid_difference(Grid((3, 3, 3), expected.affine + np.eye(4, k=3)), expected)
    'lies up to 1.00 mm and 0.0 degrees away from where it is expected'
    >>> grid_difference(Grid((3, 3, 3), np.eye(4)), expected)
    'has lost its position in space (its affine is the identity)'
    """
    if grid.shape != expected.shape:
        sizes = [" x ".join(map(str, shape)) for shape in (grid.shape, expected.shape)]
        return f"has {sizes[0]} voxels where {sizes[1]} are expected"
    if is_bare(grid):
        return "has lost its position in space (its affine is the identity)"
    apart, turned = grid_distance_mm(grid, expected), grid_rotation_deg(grid, expected)
    return f"lies up to {apart:.2f} mm and {turned:.1f} degrees away from where it is expected"


def _take(pieces: Iterator[bytes], count: int) -> bytearray:
    """The first pieces, until they hold `count` bytes or end."""
    taken = bytearray()
    while len(taken) < count:
        piece = next(pieces, None)
        if piece is None:
            break
        taken += piece
    return taken


def _fill(path: Path, size: int, pieces: Iterable[bytes | bytearray]) -> NDArray[np.uint8]:
    """All pieces, one after the other, in memory taken once; they must be `size` bytes."""
    stream, filled = np.empty(size, dtype=np.uint8), 0
    for piece in pieces:
        if filled + len(piece) > size:
            raise _not_announced(path, "damaged: it goes on after")
        stream[filled : filled + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        filled += len(piece)
    if filled < size:
        raise _not_announced(path, "cut off: it ends before")
    return stream


def _not_announced(path: Path, how: str) -> ImageFileError:
    return ImageFileError(f"{path}: is {how} the voxels that its header announces; copy or download it again")


def _check_claim(path: Path, header: Header, possible: int, budget: int) -> None:
    """Refuse a header that claims more than the file can hold, or than the memory can."""
    claimed = header.stream_bytes
    if claimed > possible:
        raise ImageFileError(
            f"{path}: is cut off: its header announces {claimed:,} bytes, more than it can hold; "
            "copy or download it again"
        )
    needed = claimed + _BYTES_PER_VOXEL * header.voxels
    if needed > budget:
        raise ImageFileError(
            f"{path}: needs {needed / 1e9:.1f} GB of memory, and {budget / 1e9:.1f} GB may be used (half of what is "
            "free); close other programs or reduce the image"
        )
