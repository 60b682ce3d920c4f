"""Lesion by lesion, as BraTS scores since 2023: a large tumour no longer hides that a small one was missed.

The rules are those of the organisers' implementation (github.com/rachitsaluja/BraTS-2023-Metrics) for adult glioma,
and so are the numbers. For each region:

1. The truth is dilated three times by the 18 neighbours of a voxel. What is then connected (26 neighbours) is one
   lesion: that of the undilated voxels in it.
2. The prediction falls into its connected parts (26 neighbours). A lesion collects every part that touches its dilated
   voxels; one part may belong to several lesions.
3. A lesion is scored against its parts together, both undilated.
4. A lesion of the truth of at most 50 mm^3 is not scored, found or not.
5. A part that belongs to no lesion, a small one included, is a false positive, however small it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Grid, LabelMap, Region
from engine.data.box import Box
from engine.score.overlap import Overlap
from engine.score.pair import Masks, around, islands, within
from engine.score.surfels import surfel_hd95_mm

ABSENT_LESION_HD95_MM = 374.0
"""The HD95 of a lesion that only one of prediction and truth has: about the diagonal of BraTS's image."""

SMALLEST_LESION_MM3 = 50.0
"""A lesion of the truth is scored if it is larger than this."""

_DILATIONS = 3


class LesionKind(StrEnum):
    """What became of a lesion."""

    MATCHED = "matched"
    """In the truth, and something is predicted at it."""
    MISSED = "missed"
    """In the truth only."""
    FALSE_POSITIVE = "false_positive"
    """In the prediction only."""
    IGNORED = "ignored"
    """In the truth, but too small to be scored."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion of a region.

    number: from 1, the largest. centre: ijk of the voxel inside it nearest its middle, of the truth's where it has one.
    truth_ml, prediction_ml: volumes in millilitres, of the prediction that of all parts that the lesion collects.
    dice: in [0, 1]. hd95_mm: `engine.score.surfels.surfel_hd95_mm`, from 0. A lesion that is missed or a false positive
    has Dice 0 and `ABSENT_LESION_HD95_MM`, one that is ignored None.
    """

    number: int
    kind: LesionKind
    centre: tuple[int, int, int]
    truth_ml: float
    prediction_ml: float
    dice: float | None
    hd95_mm: float | None


@dataclass(frozen=True, slots=True)
class LesionScore:
    """The lesions of a region, largest first, and the means of their `dice` and `hd95_mm` over all but the ignored.

    Where no lesion is scored, because the region is empty in both or everything in the truth is too small and nothing
    else is predicted, dice is 1 and hd95_mm 0. Where the region is in one of them only, and in the truth large enough,
    dice is 0 and hd95_mm `ABSENT_LESION_HD95_MM`.
    """

    dice: float
    hd95_mm: float
    lesions: tuple[Lesion, ...]

    def count(self, kind: LesionKind) -> int:
        """How many of the lesions are of `kind`."""
        return sum(lesion.kind is kind for lesion in self.lesions)


def lesion_scores(prediction: LabelMap, truth: LabelMap) -> dict[Region, LesionScore]:
    """Score every region of `prediction` against `truth` lesion by lesion.

    Dilation counts voxels, not mm, so only on voxels of 1 mm does it mean what it means in BraTS.
    Raises CaseError if the two do not lie on one grid.
    """
    parts = islands(prediction, truth)  # too far apart to be dilated into each other
    return {region: _score_region([part.masks(region) for part in parts], truth.grid) for region in Region}


def lesions_to_json(scores: Mapping[Region, LesionScore]) -> dict[str, Any]:
    """What `brats-engine score --json` adds: the fields of each region's `LesionScore` and how many of each kind."""
    return {
        "lesionwise": {
            region.value: {**asdict(result), "counts": {kind.value: result.count(kind) for kind in LesionKind}}
            for region, result in scores.items()
        }
    }


def _score_region(parts: Sequence[Masks], grid: Grid) -> LesionScore:
    found = [lesion for masks in parts for lesion in _lesions(masks, grid)]
    found.sort(key=lambda lesion: (-max(lesion.truth_ml, lesion.prediction_ml), lesion.centre))
    return LesionScore(
        dice=_mean([lesion.dice for lesion in found if lesion.dice is not None], of_none=1.0),
        hd95_mm=_mean([lesion.hd95_mm for lesion in found if lesion.hd95_mm is not None], of_none=0.0),
        lesions=tuple(replace(lesion, number=number) for number, lesion in enumerate(found, start=1)),
    )


def _lesions(masks: Masks, grid: Grid) -> Iterator[Lesion]:
    """The lesions of a region in one part of the image, in no order."""
    zones = _Components.of(_dilated(masks.truth))
    parts = _Components.of(masks.prediction)
    for zone, numbers in _collect(zones, parts):
        box = around([parts.boxes[part] for part in numbers] + ([zones.boxes[zone]] if zone else []))
        lesion = Masks(
            prediction=parts.mask(numbers, box),
            truth=masks.truth[box] & (zones.labels[box] == zone),
            box=within(masks.box, box),
        )
        yield _lesion(lesion, grid)


def _mean(values: list[float], of_none: float) -> float:
    return sum(values) / len(values) if values else of_none


@dataclass(frozen=True, slots=True, eq=False)
class _Components:
    """What is connected in a mask: `labels` (X, Y, Z) with numbers from 1 and 0 outside, and the box of each number."""

    labels: NDArray[np.signedinteger]
    boxes: dict[int, Box]

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "_Components":
        from scipy.ndimage import find_objects, label  # takes long to load

        labels, count = label(mask, structure=np.ones((3, 3, 3)))
        boxes = find_objects(labels) if count else []
        return cls(labels, {number: (x, y, z) for number, (x, y, z) in enumerate(boxes, start=1)})

    def mask(self, numbers: Sequence[int], box: Box) -> NDArray[np.bool_]:
        """The voxels in `box` that are of one of `numbers`."""
        wanted = np.zeros(len(self.boxes) + 1, dtype=bool)
        wanted[list(numbers)] = True
        mask: NDArray[np.bool_] = wanted[self.labels[box]]
        return mask


def _dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` (X, Y, Z) grown `_DILATIONS` times by the 18 neighbours that share a face or an edge with a voxel.

    Those are the squares of 3 x 3 along each pair of axes. It is fifteen times faster than scipy's `binary_dilation`.
    """
    padded = np.pad(mask, _DILATIONS)  # so much is never grown over, from the end of one line to the next
    along_x, along_y, along_z = padded.strides
    flat = padded.ravel()
    for _ in range(_DILATIONS):
        by_x, by_y = _grown(flat, along_x), _grown(flat, along_y)
        flat = _grown(by_x, along_y) | _grown(by_x | by_y, along_z)
    inside = slice(_DILATIONS, -_DILATIONS)
    return flat.reshape(padded.shape)[inside, inside, inside]


def _grown(flat: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """`flat` with the voxels `step` before and behind each."""
    grown = flat.copy()
    grown[step:] |= flat[:-step]
    grown[:-step] |= flat[step:]
    return grown


def _collect(zones: _Components, parts: _Components) -> list[tuple[int, list[int]]]:
    """Each zone of the truth with the parts that touch it; then zone 0, outside of all, with each part left over."""
    predicted = parts.labels > 0
    meet = np.zeros((len(zones.boxes) + 1, len(parts.boxes) + 1), dtype=bool)
    meet[zones.labels[predicted], parts.labels[predicted]] = True
    touching: dict[int, list[int]] = {zone: [] for zone in zones.boxes}
    left = set(parts.boxes)
    for zone, part in np.argwhere(meet).tolist():
        if zone:
            touching[zone].append(part)
            left.discard(part)
    return [*touching.items(), *((0, [part]) for part in sorted(left))]


def _lesion(masks: Masks, grid: Grid) -> Lesion:
    """Score one lesion from its masks; its number is still to be given."""
    overlap = Overlap.of(masks.prediction, masks.truth)
    kind = _kind(overlap, grid)
    hd95_mm: float | None = ABSENT_LESION_HD95_MM
    if kind is LesionKind.MATCHED:
        hd95_mm = surfel_hd95_mm(masks.prediction, masks.truth, grid.spacing_mm)
    elif kind is LesionKind.IGNORED:
        hd95_mm = None
    return Lesion(
        number=0,
        kind=kind,
        centre=_centre(masks.truth if overlap.truth else masks.prediction, masks.box, grid),
        truth_ml=overlap.truth * grid.voxel_ml,
        prediction_ml=overlap.prediction * grid.voxel_ml,
        dice=None if kind is LesionKind.IGNORED else overlap.dice,
        hd95_mm=hd95_mm,
    )


def _kind(overlap: Overlap, grid: Grid) -> LesionKind:
    if not overlap.truth:
        return LesionKind.FALSE_POSITIVE
    # Rounded, since an affine computed from angles may make 1 mm^3 of a voxel 1.0000001 mm^3.
    if round(overlap.truth * grid.voxel_ml * 1000, 3) <= SMALLEST_LESION_MM3:
        return LesionKind.IGNORED
    return LesionKind.MATCHED if overlap.prediction else LesionKind.MISSED


def _centre(mask: NDArray[np.bool_], box: Box, grid: Grid) -> tuple[int, int, int]:
    """The ijk in the image of the voxel of `mask`, which lies in `box`, that is nearest to the mask's middle."""
    voxels = np.argwhere(mask)  # (voxels, 3)
    from_middle_mm = (voxels - voxels.mean(axis=0)) * grid.spacing_mm
    i, j, k = voxels[np.square(from_middle_mm).sum(axis=1).argmin()] + [extent.start for extent in box]
    return int(i), int(j), int(k)
