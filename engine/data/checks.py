"""What a BraTS model cannot take well, told before it is tried: lines of plain text with what to do."""

from collections.abc import Iterator, Mapping

from engine.data.case import Modality
from engine.data.foreground import background_value, foreground
from engine.data.volume import LabelMap, Volume


def case_warnings(images: Mapping[Modality, Volume], truth: LabelMap | None = None) -> tuple[str, ...]:
    """Lines for a person about a case's images and truth, which lie on one grid; empty where nothing stands out."""
    lines = list(_empty(images))
    if truth is not None and truth.data.size and truth.data.min() > 0:
        lines.append("the truth marks every voxel as tumour; it is probably not a segmentation, so do not score by it")
    return tuple(lines)


def _empty(images: Mapping[Modality, Volume]) -> Iterator[str]:
    for modality, volume in images.items():
        if not foreground(volume.data).any():
            value = background_value(volume.data)
            yield f"{modality.display_name} is empty (every voxel is {value:g}); leave it out or choose another file"
