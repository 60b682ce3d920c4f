"""Writing files so that at every moment either the old ones are there or the new ones, never a half."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ImageFileError


def write_atomically(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all of them, or none where that can be helped.

    Each is written to a temporary file beside its target, forced to the disk, read back and compared; only when all
    are there do they take their targets' names, in the order given. If one cannot, those before it get their old
    content back. A target that is a symbolic link is written through. No temporary file remains.
    Raises ImageFileError with one line; the targets are then as they were.
    """
    targets = {_target(path): content for path, content in contents.items()}
    staged: dict[Path, Path] = {}
    try:
        for path, content in targets.items():
            staged[path] = path.with_name(f".{secrets.token_hex(8)}.tmp")
            _stage(staged[path], content, path)
        _replace(staged)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise ImageFileError(f"{path}: is a folder; name the file to write")
    if not target.parent.is_dir():
        raise ImageFileError(f"{path}: its folder does not exist; create it or choose another")
    return target


def _stage(temporary: Path, content: bytes, path: Path) -> None:
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written = temporary.read_bytes()
    except OSError as error:
        raise _cannot_write(path, error) from error
    if written != content:
        raise ImageFileError(f"{path}: what was written reads back different; the disk may be failing, choose another")


def _replace(staged: Mapping[Path, Path]) -> None:
    """Give each temporary file its target's name; on a failure give the targets their old content back."""
    old: dict[Path, bytes | None] = {}
    try:
        for path, temporary in staged.items():
            before = path.read_bytes() if len(staged) > 1 and path.exists() else None
            temporary.replace(path)
            old[path] = before
    except OSError as error:
        for done, content in old.items():
            if content is None:
                done.unlink(missing_ok=True)
            else:
                done.write_bytes(content)
        raise _cannot_write(path, error) from error
    for folder in {path.parent for path in staged}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Force the new names to the disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(path: Path, error: OSError) -> ImageFileError:
    return ImageFileError(
        f"{path}: could not be written ({error.strerror or error}) and is as it was; choose another place or free space"
    )
