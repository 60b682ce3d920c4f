"""From a case to the network's input, and from its logits back to the case's own voxels."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.data import Case, Modality, Orientation, foreground, orient
from engine.data.box import NOTHING, bounding_box
from engine.data.volume import ScalarT
from engine.errors import ModelError
from engine.model import ModelCard
from engine.predict.normalise import normalise
from engine.predict.resample import resample
from engine.predict.windows import Shape, Window

SAME_SPACING = 0.02
"""Spacings that differ by less than this share are taken as equal: a BraTS grid is never resampled to itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A network's input and the way back.

    inputs: (C, X, Y, Z) float32, the cropped brain on the model's spacing and axes.
    box: where the crop lies in the canonical grid of `orientation`.
    brain: (X, Y, Z) bool, the crop's voxels that are foreground in any modality, at the native spacing.
    """

    inputs: Tensor
    box: Window
    brain: NDArray[np.bool_]
    orientation: Orientation

    @property
    def shape(self) -> Shape:
        """Voxels of `inputs` along each axis."""
        return self.inputs.shape[1], self.inputs.shape[2], self.inputs.shape[3]

    def paste(self, crop: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """What the crop (X, Y, Z) holds put into the whole native grid, voxel for voxel; 0 around it."""
        whole = np.zeros(self.orientation.canonical.shape, dtype=crop.dtype)
        whole[self.box] = crop
        return np.ascontiguousarray(self.orientation.inverse(whole))


def check_modalities(case: Case, card: ModelCard) -> list[Modality]:
    """The model's modalities that the case lacks; raises ModelError if the model cannot do without one of them."""
    missing = [modality for modality in card.modalities if modality not in case.images]
    needed = [modality for modality in missing if modality not in card.optional]
    if needed:
        names = ", ".join(modality.display_name for modality in needed)
        raise ModelError(f"{case.files.folder}: the model {card.name} needs {names}, which the case does not have")
    if len(missing) == len(card.modalities):
        raise ModelError(f"{case.files.folder}: the case has none of the images that the model {card.name} takes")
    return missing


def prepare(case: Case, card: ModelCard) -> Prepared | None:
    """Crop to the brain, bring to the model's spacing and normalise; None where all images are empty."""
    orientation = orient(case.native, card.axis_codes)
    images = {m: orientation.forward(case.images[m].data) for m in card.modalities if m in case.images}
    masks = {modality: foreground(image) for modality, image in images.items()}
    brain = reduce(np.logical_or, masks.values())
    box = bounding_box(brain)
    if box == NOTHING:
        return None
    shape = model_shape(brain[box].shape, orientation.canonical.spacing_mm, card.spacing_mm)
    channels = torch.zeros((len(card.modalities), *shape))
    inside = torch.zeros(channels.shape, dtype=torch.bool)
    room = np.empty_like(next(iter(images.values()))[box])  # reused, as fresh memory costs more than what is put in it
    for channel, modality in enumerate(card.modalities):
        if modality in images:
            values, kept = _resample_masked(images[modality][box], masks[modality][box], shape, room)
            channels[channel], inside[channel] = values, kept
    return Prepared(normalise(channels, inside, card.normalisation), box, brain[box], orientation)


def model_shape(shape: tuple[int, ...], spacing_mm: tuple[float, ...], model_spacing_mm: tuple[float, ...]) -> Shape:
    """Voxels along each axis at the model's spacing for a box of `shape` voxels at `spacing_mm`; at least 1.

    >>> model_shape((240, 240, 155), (1.0, 1.0, 1.01), (2.0, 2.0, 1.0))
    (120, 120, 155)
    """
    sizes: list[int] = []
    for size, spacing, wanted in zip(shape, spacing_mm, model_spacing_mm, strict=True):
        same = abs(spacing / wanted - 1.0) < SAME_SPACING
        sizes.append(size if same else max(1, round(size * spacing / wanted)))
    return sizes[0], sizes[1], sizes[2]


def _resample_masked(
    image: NDArray[np.float32], mask: NDArray[np.bool_], shape: Shape, room: NDArray[np.float32]
) -> tuple[Tensor, Tensor]:
    """Image and mask at another spacing; the mean is over foreground only, so no background bleeds into the rim.

    room: of the image's shape, to work in; it may hold what is returned.
    """
    work = torch.from_numpy(room)
    np.copyto(room, mask)
    if room.shape == shape:
        np.multiply(room, image, out=room)
        return work, torch.from_numpy(mask.copy())  # a flipped view has negative strides, which torch does not take
    share = resample(work, shape)
    np.multiply(room, image, out=room)
    kept = share >= min(0.5, float(share.max()))  # a brain of a single voxel must not vanish
    return torch.where(kept, resample(work, shape) / share.clamp(min=1e-6), 0.0), kept
