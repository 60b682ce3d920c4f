"""The anatomy that synthetic cases start from: tissue maps of the MNI ICBM152 2009a template, in LPS order at 1 mm.

Run `python -m engine.synth.atlas` to derive `resources/atlas` again from the maps that the package nilearn carries.
Loading the derived file needs numpy and torch only.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.resources import resource

ATLAS_FILE = "icbm152_2009a.npz"
MAPS = ("grey", "white", "t1", "depth", "ventricle")
SHARE_STEPS = 31  # shares are stored as integers up to this, which keeps the file small
DISTANCE_OFFSET_MM = 12  # signed distances are stored in whole mm, plus this


@dataclass(frozen=True, slots=True)
class Atlas:
    """Maps of one average head, the raw material of every synthetic brain.

    maps: (5, X, Y, Z) float32, axes to left, posterior, superior; the channels are `MAPS`: grey and white matter
    shares in [0, 1], T1 intensity in [0, 1], depth below the brain's surface in mm (negative outside) and distance to
    the lateral ventricles in mm (negative inside them). Distances end at -12 and 36 mm.
    spacing_mm: edge of a voxel, 1 or 2. middle_mm: the point of the mid-sagittal plane about which heads turn.
    Positions in the atlas are in mm from the centre of the first voxel of the 1 mm maps.
    """

    maps: Tensor
    spacing_mm: int
    middle_mm: tuple[float, float, float]

    def to(self, device: torch.device) -> "Atlas":
        """The same atlas in the memory of `device`."""
        return replace(self, maps=self.maps.to(device))


@lru_cache(maxsize=2)
def load_atlas(spacing_mm: int = 1) -> Atlas:
    """The shipped atlas, read once per process; at 2 mm averaged, which suits (and speeds up) grids of about 2 mm."""
    with np.load(resource("atlas", ATLAS_FILE), allow_pickle=False) as stored:
        shares = np.stack([stored[name] for name in ("grey", "white", "t1")]).astype(np.float32) / SHARE_STEPS
        distances = np.stack([stored[name] for name in ("depth", "ventricle")]).astype(np.float32)
        midline = float(stored["midline"])
    maps = np.concatenate((shares, distances - DISTANCE_OFFSET_MM))
    middle_mm = (midline, (maps.shape[2] - 1) / 2, (maps.shape[3] - 1) / 2)
    fine = torch.from_numpy(maps)
    return Atlas(
        fine if spacing_mm == 1 else functional.avg_pool3d(fine, spacing_mm, ceil_mode=True), spacing_mm, middle_mm
    )


def derive(target: Path) -> None:
    """Derive the atlas from nilearn's copy of the template and write it to `target` (.npz, five uint8 maps).

    Needs nilearn, nibabel and scipy; takes about half a minute.
    """
    import nibabel as nib
    import nilearn
    from scipy import ndimage

    folder = Path(nilearn.__file__).parent / "datasets" / "data"

    def template(name: str) -> NDArray[np.float32]:
        image = nib.Nifti1Image.from_filename(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
        data = np.asarray(image.dataobj, dtype=np.float32)[::-1, ::-1]  # RAS to LPS
        return np.ascontiguousarray(data / data.max())

    grey, white, t1 = template("gm"), template("wm"), template("t1")
    brain = _largest(ndimage.binary_closing(np.pad(grey + white > 0.3, 8), _ball(6))[8:-8, 8:-8, 8:-8])
    brain = ndimage.binary_dilation(ndimage.binary_fill_holes(brain))
    depth = _signed_distance(brain)
    ventricle = _lateral_ventricles(brain & (grey + white < 0.4) & (depth > 22))
    box = tuple(slice(max(low - 6, 0), high + 7) for low, high in zip(*_bounds(brain), strict=True))
    shares = (("grey", grey), ("white", white), ("t1", t1))
    maps = {name: np.rint(np.where(depth > -4, data, 0)[box] * SHARE_STEPS) for name, data in shares}
    for name, distance in (("depth", depth), ("ventricle", -_signed_distance(ventricle))):
        maps[name] = np.rint(np.clip(distance[box], -DISTANCE_OFFSET_MM, 36) + DISTANCE_OFFSET_MM)
    middle = (grey.shape[0] - 1) / 2 - box[0].start  # the template is symmetric
    arrays = {name: data.astype(np.uint8) for name, data in maps.items()}
    np.savez_compressed(target, midline=np.float32(middle), **arrays)


def _lateral_ventricles(fluid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest body of fluid of each half of the (symmetric) template; the cisterns lie in the middle."""
    from scipy import ndimage

    half = fluid.copy()
    half[fluid.shape[0] // 2 - 2 :] = False
    one = _largest(ndimage.binary_opening(half))
    one = ndimage.binary_dilation(one, iterations=2) & fluid
    both: NDArray[np.bool_] = one | one[::-1]
    return both


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
