"""Labels and regions by name; a file's integers only at the border, as a `LabelConvention`.

Integers are the most common source of silently wrong scores in this field: 4 is enhancing tumour until BraTS 2021,
absent in 2023 and a resection cavity in 2024. So inside the program a label is a `Label`, and its value is nobody's
file format.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import LabelConventionError

_FOREIGN = 255


class Label(IntEnum):
    """What a voxel of a `LabelMap` holds."""

    BACKGROUND = 0
    NCR = 1
    """Necrotic and non-enhancing tumour core."""
    ED = 2
    """Peritumoral oedema and infiltrated tissue."""
    ET = 3
    """Enhancing tumour."""
    RC = 4
    """Resection cavity (post-operative cases, BraTS 2024)."""


class Region(StrEnum):
    """The overlapping sets of labels that BraTS scores, in the reference system's channel order."""

    ET = "ET"
    TC = "TC"
    WT = "WT"

    @property
    def labels(self) -> frozenset[Label]:
        """The labels that make up this region.

        >>> sorted(label.name for label in Region.TC.labels)
        ['ET', 'NCR']
        """
        return _REGION_LABELS[self]

    @property
    def display_name(self) -> str:
        """The region's name in words."""
        return _REGION_NAMES[self]

    def mask(self, labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Boolean mask of this region, of the shape of `labels` (uint8, values of `Label`)."""
        first, *others = map(int, self.labels)  # numpy compares with a plain integer as uint8, with a Label as int64
        mask: NDArray[np.bool_] = labels == first
        for label in others:
            mask |= labels == label
        return mask


_REGION_LABELS = {
    Region.ET: frozenset({Label.ET}),
    Region.TC: frozenset({Label.ET, Label.NCR}),
    Region.WT: frozenset({Label.ET, Label.NCR, Label.ED}),
}
_REGION_NAMES = {Region.ET: "enhancing tumour", Region.TC: "tumour core", Region.WT: "whole tumour"}


@dataclass(frozen=True, slots=True)
class LabelConvention:
    """Which integer of a file means which label. `values` must hold 0; several integers may mean one label."""

    name: str
    title: str
    values: Mapping[int, Label]

    def decode(self, integers: NDArray[np.integer], source: str) -> NDArray[np.uint8]:
        """Labels (uint8, values of `Label`) for a file's integers of any shape; `source` names the file in an error.

        Raises LabelConventionError if an integer is not one of this convention.

        >>> CONVENTIONS["brats2020"].decode(np.array([0, 4, 2, 1]), "seg.nii.gz").tolist()
        [0, 3, 2, 1]
        """
        known = np.full(256, _FOREIGN, dtype=np.uint8)
        known[list(self.values)] = list(self.values.values())
        if integers.size and (integers.min() < 0 or integers.max() > 255):
            raise self._contradicted(integers, source)
        labels = _looked_up(known, integers.astype(np.uint8, copy=False))
        if (labels == _FOREIGN).any():
            raise self._contradicted(integers, source)
        return labels

    def _contradicted(self, integers: NDArray[np.integer], source: str) -> LabelConventionError:
        foreign = [int(value) for value in np.unique(integers) if int(value) not in self.values]
        shown = ", ".join(map(str, foreign[:4])) + (f" and {len(foreign) - 4} more" if len(foreign) > 4 else "")
        return LabelConventionError(
            f"{source}: holds the label value{'s' if len(foreign) > 1 else ''} {shown}, which {self.title} does not "
            f"have ({', '.join(map(str, sorted(self.values)))}); say which label convention the file has (--labels)"
        )

    def encode(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The integers of a file (uint8) for `labels`; the inverse of `decode` up to integers that share a label.

        Raises LabelConventionError if a label that occurs has no integer here (a resection cavity in BraTS 2020).
        """
        integer = {label: value for value, label in sorted(self.values.items(), reverse=True)}
        for absent in set(Label) - set(integer):
            if (labels == int(absent)).any():
                raise LabelConventionError(f"{self.title} has no value for the label {absent.name}")
        table = np.zeros(256, dtype=np.uint8)
        table[list(integer)] = list(integer.values())
        return _looked_up(table, labels)


def _looked_up(table: NDArray[np.uint8], values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What stands in `table` (256,) at each of `values`, of their shape.

    Bytes are translated in a quarter of the time of numpy's indices, which are of 64 bits.
    """
    if not values.flags.forc:
        values = values.copy(order="K")
    order: Literal["F", "C"] = "F" if values.flags.f_contiguous else "C"
    found = bytearray(values.reshape(-1, order=order)).translate(table.tobytes())
    return np.frombuffer(found, dtype=np.uint8).reshape(values.shape, order=order)


def _convention(name: str, title: str, values: dict[int, Label]) -> LabelConvention:
    return LabelConvention(name, title, {0: Label.BACKGROUND, **values})


CONVENTIONS: Mapping[str, LabelConvention] = MappingProxyType(
    {
        convention.name: convention
        for convention in (
            _convention("brats2015", "BraTS 2015", {1: Label.NCR, 2: Label.ED, 3: Label.NCR, 4: Label.ET}),
            _convention("brats2020", "BraTS 2017-2021", {1: Label.NCR, 2: Label.ED, 4: Label.ET}),
            _convention("brats2023", "BraTS 2023", {1: Label.NCR, 2: Label.ED, 3: Label.ET}),
            _convention("brats2024", "BraTS 2024", {1: Label.NCR, 2: Label.ED, 3: Label.ET, 4: Label.RC}),
            _convention("decathlon", "Decathlon Task01", {1: Label.ED, 2: Label.NCR, 3: Label.ET}),
        )
    }
)
"""Every label convention the program knows, by the name that the command line takes."""
