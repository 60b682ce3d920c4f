"""The bytes of a file, decompressed and proven whole, with one clear line for everything that can be wrong with a file.

This file does not know what the bytes mean.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import psutil

from engine.errors import ImageFileError

try:
    from isal import isal_zlib as inflate  # twice as fast
except ImportError:  # no wheel for this machine
    import zlib as inflate  # type: ignore[no-redef]

GZIP_MAGIC = b"\x1f\x8b"
GZIP_MAX_RATIO = 1040
"""No deflate stream expands by more than 1032 times; what claims more than this is cut off or a fraud."""

_CHUNK = 1 << 18  # stays in the processor's cache
_GZIP_WBITS = 31  # the largest window, in a gzip member
_FIRST_CHUNK = 1 << 12  # enough for a header, which is often all that is wanted
_MEMORY_SHARE = 0.5


def memory_budget() -> int:
    """Bytes that reading one image may take: half of the memory that is free now."""
    return int(psutil.virtual_memory().available * _MEMORY_SHARE)


def file_size(path: Path) -> int:
    """Bytes of the regular file at `path`; raises ImageFileError if there is none, or none that holds anything."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise ImageFileError(f"{path}: there is no such file; check the name") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise _cannot_read(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise ImageFileError(f"{path}: is a folder, not an image file; name the file inside of it")
    if not stat.S_ISREG(status.st_mode):
        raise ImageFileError(f"{path}: is not a regular file; copy the image to one")
    if status.st_size == 0:
        raise ImageFileError(f"{path}: is empty (0 bytes); copy or download it again")
    return status.st_size


def read_pieces(path: Path) -> Iterator[bytes]:
    """The content of a file in pieces of at most 256 KiB, decompressed if it is gzip, whatever its name says.

    Whoever takes all pieces has them proven: every gzip member's CRC-32 and length are verified, and that nothing but
    zero padding follows. nibabel does not check this, and most damaged files load silently wrong there.
    Raises ImageFileError.
    """
    file_size(path)
    try:
        with path.open("rb") as file:
            first = file.read(_FIRST_CHUNK)
            if first.startswith(GZIP_MAGIC):
                yield from _inflate(path, file, first)
                return
            while first:
                yield first
                first = file.read(_CHUNK)
    except OSError as error:
        raise _cannot_read(path, error) from error


def is_gzip(path: Path) -> bool:
    """Whether the file's content, not its name, is gzip. Raises ImageFileError."""
    file_size(path)
    try:
        with path.open("rb") as file:
            return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    except OSError as error:
        raise _cannot_read(path, error) from error


def _inflate(path: Path, file: BinaryIO, data: bytes) -> Iterator[bytes]:
    """Decompress every gzip member of `file`, whose first bytes are `data`."""
    most = _FIRST_CHUNK
    while data:
        inflater = inflate.decompressobj(wbits=_GZIP_WBITS)
        while not inflater.eof:
            data = data or file.read(_CHUNK)
            try:
                piece = inflater.decompress(data, most)
            except inflate.error as error:  # type: ignore[misc]  # the stubs of isal call this class an instance
                raise ImageFileError(f"{path}: is damaged ({error}); copy or download it again") from error
            if not data and not piece and not inflater.eof:
                raise ImageFileError(f"{path}: is cut off, its end is missing; copy or download it again")
            yield piece
            most = _CHUNK
            data = inflater.unconsumed_tail
        data = inflater.unused_data or file.read(_CHUNK)
        while data and not data.strip(b"\0"):
            data = file.read(_CHUNK)
        if len(data) == 1:
            data += file.read(_CHUNK)
        if data and not data.startswith(GZIP_MAGIC):
            raise ImageFileError(f"{path}: has foreign bytes after its gzip data; copy or download it again")


def _cannot_read(path: Path, error: OSError | ValueError) -> ImageFileError:
    if isinstance(error, PermissionError):
        return ImageFileError(f"{path}: may not be read; ask for permission to read it")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageFileError(f"{path}: cannot be read ({reason})")
