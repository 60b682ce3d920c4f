"""How BraTS names the files of a case, and how a synthetic one is named so that no person takes it for a patient.

This file needs no torch, so the command line can name the layouts at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from engine.data.case import Modality
from engine.data.convention import decide_convention
from engine.data.labels import CONVENTIONS, LabelConvention
from engine.data.naming import read_name
from engine.errors import CaseError

TRUTH = "seg"
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Layout:
    """A folder per case, `<id>/<id><separator><suffix>.nii.gz`; `name` is also that of the labels' convention.

    prefix: what ids begin with unless told otherwise. "Synthetic" stands in it where BraTS has "Training" or "GLI".
    """

    name: str
    suffixes: tuple[str, str, str, str]  # T1N, T1C, T2W, T2F
    separator: str
    prefix: str
    number: str

    @property
    def convention(self) -> LabelConvention:
        """Which integer of the truth means which label."""
        return CONVENTIONS[self.name]

    def case_id(self, prefix: str, number: int) -> str:
        """The id of case `number`, from 1.

        >>> LAYOUTS["brats2020"].case_id("BraTS20_Synthetic", 7)
        'BraTS20_Synthetic_007'
        >>> LAYOUTS["brats2023"].case_id("BraTS-Synthetic", 7)
        'BraTS-Synthetic-00007-000'
        """
        return prefix + self.separator + self.number.format(number)

    def file_names(self, case_id: str) -> list[str]:
        """The names of a case's four images, in the order of `Modality`, and of its truth."""
        return [f"{case_id}{self.separator}{suffix}.nii.gz" for suffix in (*self.suffixes, TRUTH)]

    def tells_labels(self, case_id: str) -> bool:
        """Whether an id alone tells what the truth's integers mean, as it does with the layout's own prefix.

        With a prefix of a person's choice it may not; then a dataset.json has to.
        """
        return _named_convention(self, case_id) == self.convention


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            Layout("brats2020", ("t1", "t1ce", "t2", "flair"), "_", "BraTS20_Synthetic", "{:03d}"),
            Layout("brats2023", ("t1n", "t1c", "t2w", "t2f"), "-", "BraTS-Synthetic", "{:05d}-000"),
        )
    }
)


def check_prefix(layout: Layout, prefix: str) -> None:
    """Raise CaseError if ids that begin with `prefix` are no file names, are not read back, or name patients."""
    example = layout.case_id(prefix, 1)
    if not _PREFIX.fullmatch(prefix):
        raise CaseError(f"--prefix {prefix!r}: use letters, digits, '-', '_' and '.', beginning with a letter or digit")
    readings = [read_name(name) for name in layout.file_names(example)]
    expected = [(example, slot) for slot in (*Modality, "truth")]
    if [(reading.id, reading.slot) for reading in readings if reading is not None] != expected:
        raise CaseError(f"--prefix {prefix}: {example} would not be read back as a case's name; choose another")
    if _named_convention(layout, example) is not None and "synth" not in prefix.lower():
        raise CaseError(f"--prefix {prefix}: {example} is how real cases are named; let it say 'Synthetic' as well")


def _named_convention(layout: Layout, case_id: str) -> LabelConvention | None:
    """What is said by the name of a case alone, wherever its folder may lie."""
    convention, _ = decide_convention(Path("/", case_id, layout.file_names(case_id)[-1]))
    return convention
