"""A synthetic case as a folder of NIfTI files, named, labelled and laid out as a case of BraTS is."""

import json
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from engine.data.atomic import write_atomically
from engine.data.labels import Label, LabelConvention
from engine.errors import ImageFileError
from engine.synth.anatomy import FieldOfView
from engine.synth.case import SyntheticCase
from engine.synth.layout import Layout
from engine.synth.scaling import Scaling, Stored

BRATS_SIZE_MM = (240, 240, 155)
HEAD_GRID = FieldOfView((176, 208, 155), 1.0)
"""The part of the BraTS grid that holds a head; the rest is background and is not worth computing."""
DATASET_FILE = "dataset.json"
_LABEL_NAMES = {
    Label.BACKGROUND: "background",
    Label.NCR: "necrotic core",
    Label.ED: "oedema",
    Label.ET: "enhancing tumour",
}


def file_names(layout: Layout, case_id: str) -> list[str]:
    """The names of all files that `write_case` makes: images, truth, and a dataset.json where it is needed."""
    more = [] if layout.tells_labels(case_id) else [DATASET_FILE]
    return layout.file_names(case_id) + more


def write_case(
    case: SyntheticCase, folder: Path, layout: Layout, grid: FieldOfView, scalings: Sequence[Scaling], remark: str
) -> None:
    """Write a case made on `grid` as a new folder in `layout`, whole or not at all; the folder's name is its id.

    The files lie on the grid of BraTS (240 x 240 x 155 mm, LPS), the case in its middle. Each image is stored as the
    one of `scalings` has it, the truth as uint8. `remark` goes into the headers, 79 ASCII characters of it. The same
    case gives the same bytes.
    Raises ImageFileError with nothing written, also where `folder` exists.
    """
    brain = case.brain.cpu().numpy()
    stored = [scaling.store(image.cpu().numpy(), brain) for image, scaling in zip(case.images, scalings, strict=True)]
    stored.append(Stored(layout.convention.encode(case.labels.cpu().numpy()), 0))
    contents = {
        name: _nifti(image, grid.spacing_mm, remark)
        for name, image in zip(layout.file_names(folder.name), stored, strict=True)
    }
    if not layout.tells_labels(folder.name):
        contents[DATASET_FILE] = (json.dumps(_dataset(layout.convention), indent=2) + "\n").encode()
    _write_folder(folder, contents)


def _nifti(stored: Stored, spacing_mm: float, remark: str) -> bytes:
    """The bytes of a gzipped NIfTI file with an image in the middle of the BraTS grid."""
    part = stored.voxels
    shape = tuple(round(size / spacing_mm) for size in BRATS_SIZE_MM)
    before = [(size - inner) // 2 for size, inner in zip(shape, part.shape, strict=True)]
    whole = np.full(shape, stored.background, part.dtype, order="F")
    whole[tuple(slice(start, start + size) for start, size in zip(before, part.shape, strict=True))] = part
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    affine[1, 3] = (shape[1] - 1) * spacing_mm
    image = nib.Nifti1Image(whole, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(stored.slope, stored.intercept)  # the voxels are written as they are
    image.header["descrip"] = remark.encode("ascii", "replace")[:79]
    return _gzip(image.to_bytes(), integers=part.dtype.kind in "iu")


def _gzip(content: bytes, *, integers: bool) -> bytes:
    """Compress a file as measured best on such images of noise and empty space.

    Of integers deflate looks for runs only (Z_RLE): that takes a third of the time of gzip's level 6, less than level 1
    too, and ends within 4 % of level 6's size. A run of floats is none of bytes; level 1 ends within 6 % there, in half
    of the time.
    """
    level, strategy = (-1, zlib.Z_RLE) if integers else (1, zlib.Z_DEFAULT_STRATEGY)
    deflate = zlib.compressobj(level, wbits=16 + zlib.MAX_WBITS, strategy=strategy)
    return deflate.compress(content) + deflate.flush()


def _dataset(convention: LabelConvention) -> dict[str, Any]:
    labels = {str(value): _LABEL_NAMES[label] for value, label in sorted(convention.values.items())}
    return {"name": "Synthetic gliomas of BraTS Viewer", "labels": labels}


def _write_folder(folder: Path, contents: dict[str, bytes]) -> None:
    """Write a new folder of files: under a hidden name first, which readers pass over, then under its own."""
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
        unfinished.mkdir(parents=True)
        write_atomically({unfinished / name: content for name, content in contents.items()})
        unfinished.rename(folder)
    except OSError as error:
        raise ImageFileError(
            f"{folder}: could not be written ({error.strerror or error}); choose another place or free space"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
