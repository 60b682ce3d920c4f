"""What a dataset.json (Medical Segmentation Decathlon, nnU-Net) says about its channels and its labels' integers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data.case import Modality
from engine.data.labels import Label, LabelConvention, Region
from engine.data.mark import named_convention
from engine.data.naming import modality_named
from engine.errors import CaseError

_LABEL_NAMES = (  # the first pattern that fits decides
    (re.compile(r"background|^bg$"), Label.BACKGROUND),
    (re.compile(r"resection|cavity|^rc$"), Label.RC),
    (re.compile(r"necro|^ncr|^net|non.?enhanc"), Label.NCR),
    (re.compile(r"o?edema|snfh|infiltrat|^ed$"), Label.ED),
    (re.compile(r"enhanc|^et$|^at$|active"), Label.ET),
)
_REGION_NAMES = (
    (re.compile(r"whole|^wt$"), Region.WT),
    (re.compile(r"core|^tc$"), Region.TC),
    (re.compile(r"enhanc|^et$"), Region.ET),
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset.json read: the modality of each channel (None where its name is not one of ours), and the integers.

    `convention` is None where the labels' names do not say it; `reason` says in words what decided.
    """

    path: Path
    channels: Mapping[int, Modality | None]
    convention: LabelConvention | None
    reason: str


def dataset_of(folder: Path) -> Dataset | None:
    """The dataset.json that describes the files in `folder`: beside them, or beside their imagesTr or labelsTr folder.

    Raises CaseError if there is one that cannot be read; one that describes neither channels nor labels is none.
    """
    places = [folder]
    if folder.name.lower().startswith(("images", "labels")):
        places.append(folder.parent)
    for place in places:
        path = place / "dataset.json"
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> Dataset | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise CaseError(f"{path}: is not valid JSON ({error}); mend or remove it") from error
    if not isinstance(content, dict):
        return None
    names = content.get("channel_names", content.get("modality"))
    labels = content.get("labels")
    if not isinstance(names, dict) and not isinstance(labels, dict):
        return None
    channels = {}
    for number, name in (names if isinstance(names, dict) else {}).items():
        if str(number).isdecimal():
            channels[int(number)] = modality_named(str(name))
    values = _values(labels) if isinstance(labels, dict) else None
    if values is None:
        return Dataset(path, channels, None, f"the labels' names in {path} do not say what they are")
    return Dataset(path, channels, named_convention("dataset.json", values), f"the labels' names in {path}")


def _values(labels: Mapping[str, Any]) -> dict[int, Label] | None:
    """Which integer is which label, from "1": "edema" (Decathlon), "edema": 1 or "whole tumor": [1, 2, 3] (nnU-Net)."""
    pairs = [(value, name) if str(value).isdecimal() else (name, value) for value, name in labels.items()]
    if any(isinstance(value, list) for value, _ in pairs):
        return _values_of_regions({str(name): value for value, name in pairs})
    values: dict[int, Label] = {}
    for value, name in pairs:
        label = _first_match(_LABEL_NAMES, str(name))
        if label is None or not str(value).isdecimal() or int(value) > 255:
            return None
        values[int(value)] = label
    return values if values.get(0) is Label.BACKGROUND and Label.ET in values.values() else None


def _values_of_regions(regions: Mapping[str, Any]) -> dict[int, Label] | None:
    """The labels that overlapping regions imply: in ET; in TC only; in WT only."""
    members: dict[Region, set[int]] = {region: set() for region in Region}
    for name, value in regions.items():
        if _first_match(_LABEL_NAMES[:1], name) is not None:
            continue
        region = _first_match(_REGION_NAMES, name)
        if region is None:
            return None
        members[region] = {int(item) for item in (value if isinstance(value, list) else [value])}
    core, whole = members[Region.TC] | members[Region.ET], members[Region.WT]
    if not members[Region.ET] or not core <= whole:
        return None
    return {
        0: Label.BACKGROUND,
        **dict.fromkeys(whole - core, Label.ED),
        **dict.fromkeys(core - members[Region.ET], Label.NCR),
        **dict.fromkeys(members[Region.ET], Label.ET),
    }


def _first_match(patterns: Any, name: str) -> Any:
    return next((meaning for pattern, meaning in patterns if pattern.search(name.strip().lower())), None)
