"""Whether two images on one grid show one anatomy in one place, by how much they tell of each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.volume import Volume

_BINS = 32
_MOST_VOXELS = 60  # along an axis, after thinning: enough to tell, and fast
_FEWEST_VOXELS = 2000
_SHIFT_MM = 10.0
_STRUCTURE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """A thinned image whose intensities are replaced by their ranks, so that sequences can be compared.

    bins: (X, Y, Z) in 0..31, each holding about as many voxels of the foreground. inside: that foreground.
    spacing_mm: of the thinned grid. structured: whether neighbours resemble each other, as in anatomy and not in noise.
    """

    bins: NDArray[np.intp]
    inside: NDArray[np.bool_]
    spacing_mm: tuple[float, ...]
    structured: bool


def ranked(volume: Volume, inside: NDArray[np.bool_]) -> Ranked:
    """The image, whose foreground is `inside`, as `alignment` and `mirror_gain` take it."""
    image = volume.data
    steps = [max(1, -(-size // _MOST_VOXELS)) for size in image.shape]
    # The same distance is left at both ends, so that a mirrored image is thinned to the mirrored voxels.
    thin = tuple(slice((size - 1) % step // 2, None, step) for size, step in zip(image.shape, steps, strict=True))
    rows = (slice(None), *thin[1:])  # thinned between the rows only: along them neighbours stay neighbours
    structured = _has_structure(image[rows], inside[rows])
    values, inside = image[thin], inside[thin]
    borders = np.quantile(values[inside], np.linspace(0, 1, _BINS + 1)[1:-1]) if inside.any() else np.zeros(_BINS - 1)
    spacing = tuple(size * step for size, step in zip(volume.grid.spacing_mm, steps, strict=True))
    return Ranked(np.searchsorted(borders, values), inside, spacing, structured)


def alignment(one: Ranked, other: Ranked) -> float | None:
    """How much better two images match as they lie than with one moved by 10 mm, as a ratio of mutual information.

    In registered images of any two sequences it is mostly 2 to 5; for images that do not belong together all places
    are equally bad, and it is near 1. None where nothing can be told: too few voxels in common, or no structure.
    """
    if not (one.structured and other.structured):
        return None
    here = _shared(one, other.bins, other.inside)
    steps = [max(1, round(_SHIFT_MM / spacing)) for spacing in other.spacing_mm]
    elsewhere = [
        _shared(one, np.roll(other.bins, shift, axis), np.roll(other.inside, shift, axis))
        for axis, step in enumerate(steps)
        for shift in (step, -step)
    ]
    best = max(value or 0.0 for value in elsewhere)
    return here / best if here is not None and best > 0 else None


def mirror_gain(one: Ranked, other: Ranked, axis: int) -> float | None:
    """How much better `other` matches `one` when it is mirrored along `axis`, as a ratio of mutual information.

    Below 1 for images that lie right; None where nothing can be told.
    """
    if not (one.structured and other.structured):
        return None
    here = _shared(one, other.bins, other.inside)
    there = _shared(one, np.flip(other.bins, axis), np.flip(other.inside, axis))
    return there / here if here and there is not None else None


def _has_structure(rows: NDArray[np.float32], inside: NDArray[np.bool_]) -> bool:
    both = inside[:-1] & inside[1:]
    first, second = rows[:-1][both], rows[1:][both]
    if first.size < _FEWEST_VOXELS or first.std() == 0 or second.std() == 0:
        return False
    return float(np.corrcoef(first, second)[0, 1]) > _STRUCTURE


def _shared(one: Ranked, bins: NDArray[np.intp], inside: NDArray[np.bool_]) -> float | None:
    """Mutual information in nats over the voxels that both images have; None if these are too few."""
    where = one.inside & inside
    pairs = one.bins[where] * _BINS + bins[where]
    if pairs.size < _FEWEST_VOXELS:
        return None
    joint = np.bincount(pairs, minlength=_BINS * _BINS).reshape(_BINS, _BINS) / pairs.size
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / independent[seen])).sum())
