"""What a case is: the files found for it, and the images loaded from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from engine.data.labels import LabelConvention
from engine.data.volume import Grid, LabelMap, Volume


class Modality(StrEnum):
    """The four MR sequences of a BraTS case, by the names used since BraTS 2023, in the order of a model's channels."""

    T1N = "T1N"
    T1C = "T1C"
    T2W = "T2W"
    T2F = "T2F"

    @property
    def display_name(self) -> str:
        """The name that people use at the light box."""
        return _DISPLAY_NAMES[self]


_DISPLAY_NAMES = {Modality.T1N: "T1", Modality.T1C: "T1CE", Modality.T2W: "T2", Modality.T2F: "FLAIR"}


@dataclass(frozen=True, slots=True)
class ImageSource:
    """A 3D image on disk: a file, and for a 4D file which of its volumes."""

    path: Path
    volume: int | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.volume is None else f"{self.path} (volume {self.volume})"


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """Which file became what, before anything is read: what the interface shows and lets a person correct.

    `missing` are the modalities without a file. `ambiguous` names, per modality (or "truth"), the candidates between
    which the names do not decide; none of them stands in `images`. `unused` are images that matched nothing.
    `convention` is what the naming or a dataset.json says about the truth's integers, None where nothing says it;
    `convention_reason` says in words what decided.
    """

    id: str
    folder: Path
    images: Mapping[Modality, ImageSource]
    truth: Path | None = None
    missing: tuple[Modality, ...] = ()
    ambiguous: Mapping[str, tuple[ImageSource, ...]] = field(default_factory=dict)
    unused: tuple[Path, ...] = ()
    convention: LabelConvention | None = None
    convention_reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A loaded case: at least one modality, all images and the truth on the one grid `native`.

    `warnings` are lines for a person: what a BraTS model may not be able to take, values replaced, resampling.
    """

    id: str
    files: CaseFiles
    images: Mapping[Modality, Volume]
    truth: LabelMap | None
    native: Grid
    warnings: tuple[str, ...] = ()
