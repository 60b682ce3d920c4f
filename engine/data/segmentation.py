"""The result of segmenting a case, and what it remembers of how it was made."""

from dataclasses import dataclass

from engine.data.volume import LabelMap


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Predicted labels on the case's native grid, with their provenance.

    `model` is the bundle's name, `model_sha256` the hash of its weights; `device` as torch names it; `tta` the scheme;
    `seconds` the wall time from loaded arrays to labels; `notes` lines for a person (a modality that was missing, ...).
    """

    labels: LabelMap
    case_id: str
    model: str
    model_sha256: str
    device: str
    tta: str
    seconds: float
    notes: tuple[str, ...] = ()
