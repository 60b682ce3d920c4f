"""What a BraTS model cannot take well, told before it is tried: lines of plain text with what to do.

The thresholds leave a wide margin to what real BraTS cases show, since a warning that is often wrong is not read. Which
sequence an image is cannot be told from its contrast so surely: on real cases even a test of FLAIR against T2 by the
brightness of fluid was wrong once in eleven. So only what cannot be an image of its own is called wrong in a slot.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from engine.data.alignment import alignment, mirror_gain, ranked
from engine.data.case import Modality
from engine.data.foreground import background_value, foreground
from engine.data.labels import Region
from engine.data.volume import Grid, LabelMap, Volume

_BRAIN_MOST_ML = 2300.0  # the brains of eleven real cases have 1261 to 1639 ml, heads more than 3500
_BRAIN_MOST_SHARE = 0.8  # of its box: an ellipsoid fills 0.52
_MOST_LABELS = 8
_REGISTERED = 1.05  # real cases: 1.55 and more; moved by 7 mm, or another patient's: 1.04 at most
_MIRRORED = 2.0  # real cases: 0.61 at most; mirrored: 2.6 and more
_TUMOUR_MOST_SHARE = 0.6
_OUTSIDE_MOST_SHARE = 0.2
_SPARSE = (slice(None, None, 5),) * 3
"""Enough to tell two images apart; only where it does not, all is looked at."""


def case_warnings(images: Mapping[Modality, Volume], truth: LabelMap | None = None) -> tuple[str, ...]:
    """Lines for a person about a case's images and truth, which lie on one grid; none where nothing stands out."""
    insides = {modality: foreground(volume.data) for modality, volume in images.items()}
    faults = {modality: _fault(volume, insides[modality]) for modality, volume in images.items()}
    usable = {modality: volume for modality, volume in images.items() if faults[modality] is None}
    lines = [f"{modality.display_name} {fault}" for modality, fault in faults.items() if fault is not None]
    lines += _identical(usable)
    lines += _unstripped(usable, insides)
    lines += _misplaced(usable, insides)
    if truth is not None and usable:
        lines += _truth_fault(truth, reduce(np.logical_or, (insides[modality] for modality in usable)))
    return tuple(lines)


def _fault(volume: Volume, inside: NDArray[np.bool_]) -> str | None:
    """What makes an image useless whatever the others are, or None."""
    if not inside.any():
        value = background_value(volume.data)
        return f"is empty (every voxel is {value:g}); leave it out or choose another file"
    if np.unique(volume.data[_SPARSE]).size <= _MOST_LABELS:  # all values only where so few make it worth while
        values = np.unique(volume.data[inside])
        if values.size <= _MOST_LABELS < np.count_nonzero(inside):
            return f"holds {values.size} different values only, like a mask and not like an image; choose another file"
    return None


def _identical(images: Mapping[Modality, Volume]) -> Iterator[str]:
    for one, other in combinations(images, 2):
        data, other_data = images[one].data, images[other].data
        if np.array_equal(data[_SPARSE], other_data[_SPARSE]) and np.array_equal(data, other_data):
            yield f"{one.display_name} and {other.display_name} are the same image; one of them is in the wrong place"


def _unstripped(images: Mapping[Modality, Volume], insides: Mapping[Modality, NDArray[np.bool_]]) -> Iterator[str]:
    names = []
    for modality, volume in images.items():
        count = np.count_nonzero(insides[modality])
        if count > _BRAIN_MOST_SHARE * volume.data.size or count * volume.grid.voxel_ml > _BRAIN_MOST_ML:
            names.append(modality.display_name)
    if names:
        yield (
            f"{_listed(names)} {'do' if len(names) > 1 else 'does'} not look skull-stripped; a BraTS model expects "
            "only the brain on an even background, so strip the skull first (HD-BET, SynthStrip)"
        )


def _misplaced(images: Mapping[Modality, Volume], insides: Mapping[Modality, NDArray[np.bool_]]) -> Iterator[str]:
    """Images that do not show the anatomy of the others in the same place, though their grids agree."""
    if len(images) < 2:
        return
    ranks = {modality: ranked(volume, insides[modality]) for modality, volume in images.items()}
    axis = _left_right_axis(next(iter(images.values())).grid)
    pairs = list(combinations(images, 2))
    fits = {pair: alignment(ranks[pair[0]], ranks[pair[1]]) for pair in pairs}
    gains = {pair: mirror_gain(ranks[pair[0]], ranks[pair[1]], axis) for pair in pairs}
    mirrored = [m for m in images if _all_above(gains, m, 1.0) and max(_of(gains, m)) > _MIRRORED]
    strangers = [m for m in images if m not in mirrored and _of(fits, m) and max(_of(fits, m)) < _REGISTERED]
    if mirrored and len(mirrored) < len(images) - 1:
        yield f"{_names(mirrored)} may be mirrored left to right against the other images; check its orientation"
    elif mirrored:
        yield f"{_names(mirrored)} may be mirrored left to right against each other; check their orientation"
    if strangers and len(strangers) < len(images) - 1:
        yield f"{_names(strangers)} may not be registered to the other images; register the images to each other first"
    elif strangers:
        yield f"{_names(strangers)} may not be registered to each other; register the images to each other first"


def _truth_fault(truth: LabelMap, brain: NDArray[np.bool_]) -> Iterator[str]:
    tumour = Region.WT.mask(truth.data)
    count, inside = np.count_nonzero(tumour), np.count_nonzero(brain)
    if truth.data.size and truth.data.min() > 0:
        yield "the truth marks every voxel; it is no segmentation, so do not score by it"
    elif count and inside and count > _TUMOUR_MOST_SHARE * inside:
        yield "the truth marks most of the brain as tumour; it may be a brain mask, so check the file"
    elif count and inside and np.count_nonzero(tumour & ~brain) > _OUTSIDE_MOST_SHARE * count:
        yield "the truth lies partly outside of the brain; it may belong to other images, so check the file"


def _of(pairs: Mapping[tuple[Modality, Modality], float | None], modality: Modality) -> list[float]:
    return [value for pair, value in pairs.items() if modality in pair and value is not None]


def _all_above(pairs: Mapping[tuple[Modality, Modality], float | None], modality: Modality, least: float) -> bool:
    values = _of(pairs, modality)
    return bool(values) and min(values) > least


def _left_right_axis(grid: Grid) -> int:
    """The voxel axis nearest to the patient's left and right."""
    return next(axis for axis, code in enumerate(grid.axis_codes) if code in "LR")


def _names(modalities: list[Modality]) -> str:
    return _listed([modality.display_name for modality in modalities])


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
