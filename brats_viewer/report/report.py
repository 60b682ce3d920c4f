"""What stands on the page about a case: words, numbers and pictures, and nothing of how it is laid out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from brats_viewer.display import Colour


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, how large it is on the page in pixels of 1/96 inch, and the line under it."""

    png: bytes
    width_px: int
    height_px: int
    caption: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Pictures in a row, what each colour in them stands for, and how they are to be read."""

    title: str
    pictures: Sequence[Picture]
    legend: Sequence[tuple[str, Colour]]
    note: str


@dataclass(frozen=True, slots=True)
class Table:
    """Words in rows under headings, and how they are to be read; the first column names the row."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


@dataclass(frozen=True, slots=True)
class Report:
    """The one page about a case.

    facts: names and what is so called. agreement: where two label maps differ; None where none were compared.
    remarks: warnings and notes about the case and the segmentation.
    """

    case_id: str
    created: datetime
    version: str
    facts: Sequence[tuple[str, str]]
    slices: Panel
    table: Table
    agreement: Panel | None
    remarks: Sequence[str]
