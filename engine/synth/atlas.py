"""The anatomy that synthetic cases start from: tissue maps of the MNI ICBM152 2009a template, in LPS order at 1 mm.

Run `python -m engine.synth.atlas` to derive `resources/atlas` again from the maps that the package nilearn carries.
Loading the derived file needs numpy and torch only.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.resources import resource

ATLAS_FILE = "icbm152_2009a.npz"
MAPS = ("grey", "white", "t1", "depth", "ventricle")
DISTANCE_STEP_MM = 0.5
DISTANCE_OFFSET_MM = 12.0  # signed distances are stored as (mm + offset) / step


@dataclass(frozen=True, slots=True)
class Atlas:
    """Maps of one average head, the raw material of every synthetic brain.

    maps: (5, X, Y, Z) float32 at 1 mm, axes to left, posterior, superior; the channels are `MAPS`: grey and white matter
    shares in [0, 1], T1 intensity in [0, 1], depth below the brain's surface in mm (negative outside) and distance to the
    ventricles in mm (negative inside them).
    midline: index along the first axis of the mid-sagittal plane.
    """

    maps: Tensor
    midline: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size in voxels, which are millimetres."""
        _, x, y, z = self.maps.shape
        return x, y, z

    def to(self, device: torch.device) -> "Atlas":
        """The same atlas in the memory of `device`."""
        return Atlas(self.maps.to(device), self.midline)


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The shipped atlas, read once per process."""
    with np.load(resource("atlas", ATLAS_FILE), allow_pickle=False) as stored:
        shares = np.stack([stored[name] for name in ("grey", "white", "t1")]).astype(np.float32) / 255
        distances = np.stack([stored[name] for name in ("depth", "ventricle")]).astype(np.float32)
        midline = float(stored["midline"])
    distances = distances * DISTANCE_STEP_MM - DISTANCE_OFFSET_MM
    return Atlas(torch.from_numpy(np.concatenate((shares, distances))), midline)


def derive(target: Path) -> None:
    """Derive the atlas from nilearn's copy of the template and write it to `target` (.npz, five uint8 maps).

    Needs nilearn, nibabel and scipy; takes about half a minute.
    """
    import nibabel as nib
    import nilearn
    from scipy import ndimage

    folder = Path(nilearn.__file__).parent / "datasets" / "data"

    def template(name: str) -> NDArray[np.float32]:
        image = nib.load(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
        data = np.asarray(image.dataobj, dtype=np.float32)[::-1, ::-1]  # RAS to LPS
        return np.ascontiguousarray(data / data.max())

    grey, white, t1 = template("gm"), template("wm"), template("t1")
    brain = _largest(ndimage.binary_closing(np.pad(grey + white > 0.3, 8), _ball(6))[8:-8, 8:-8, 8:-8])
    brain = ndimage.binary_dilation(ndimage.binary_fill_holes(brain))
    depth = _signed_distance(brain)
    fluid = brain & (grey + white < 0.4) & (depth > 22)
    ventricle = _largest(ndimage.binary_dilation(_largest(ndimage.binary_opening(fluid)), iterations=2) & fluid)
    box = tuple(slice(max(low - 6, 0), high + 7) for low, high in zip(*_bounds(brain), strict=True))
    maps = {name: np.rint(data[box] * 255) for name, data in (("grey", grey), ("white", white), ("t1", t1))}
    for name, distance in (("depth", depth), ("ventricle", -_signed_distance(ventricle))):
        maps[name] = np.clip(np.rint((distance[box] + DISTANCE_OFFSET_MM) / DISTANCE_STEP_MM), 0, 255)
    middle = (grey.shape[0] - 1) / 2 - box[0].start  # the template is symmetric
    arrays = {name: data.astype(np.uint8) for name, data in maps.items()}
    np.savez_compressed(target, midline=np.float32(middle), **arrays)


def _ball(radius: int) -> NDArray[np.bool_]:
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1, -radius : radius + 1]
    inside: NDArray[np.bool_] = (offsets**2).sum(0) <= radius**2
    return inside


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    components, _ = ndimage.label(mask)
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = components == sizes.argmax()
    return largest


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Millimetres to the border of `mask`, positive inside it."""
    from scipy import ndimage

    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    distance: NDArray[np.float32] = (np.where(mask, inside - 0.5, 0.5 - outside)).astype(np.float32)
    return distance


def _bounds(mask: NDArray[np.bool_]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    where = np.argwhere(mask)
    return tuple(where.min(0).tolist()), tuple(where.max(0).tolist())


if __name__ == "__main__":
    derive(resource("atlas", ATLAS_FILE))
