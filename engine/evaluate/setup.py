"""What an evaluation's numbers depend on, and whether two evaluations' numbers may stand in one table."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.data import LabelConvention, Modality
from engine.errors import EvaluationError
from engine.evaluate.masks import Masks
from engine.evaluate.table import HASH_DIGITS
from engine.model import ModelCard

_OF_PEOPLE = ("name", "title", "description", "training", "scores", "limits")


@dataclass(frozen=True, slots=True)
class Part:
    """The cases that one part of a split names, and the file that has it.

    `straddling` are patients with cases in more than one of its parts, of whom a model that was trained on it knows.
    """

    file: Path
    name: str
    cases: frozenset[str]
    straddling: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain types: which cases they are is told by a hash, since they may be many."""
        digest = hashlib.sha256("\n".join(sorted(self.cases)).encode()).hexdigest()
        file, straddling = str(self.file.resolve()), list(self.straddling)
        return {"part": self.name, "sha256": digest, "file": file, "straddling": straddling}


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides an evaluation's numbers: only results of one setup may stand in one table.

    `tta` and `modalities` are of a model; masks that are given have neither. `part`: of a split, None for all cases.
    """

    dataset: Path
    method: ModelCard | Masks
    tta: str
    modalities: tuple[Modality, ...]
    convention: LabelConvention | None
    part: Part | None

    def to_json(self) -> dict[str, Any]:
        """Plain types, as a summary holds them; of a model's card all that changes a mask."""
        given = isinstance(self.method, Masks)
        content = {
            "dataset": str(self.dataset.resolve()),
            "model": _of_masks(self.method) if isinstance(self.method, Masks) else _of_card(self.method),
            "tta": None if given else self.tta,
            "modalities": [] if given else list(self.modalities),
            "labels": _named(self.convention),
            "split": self.part.to_json() if self.part else None,
        }
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


def _of_card(card: ModelCard) -> dict[str, Any]:
    content = {name: value for name, value in card.to_json().items() if name not in _OF_PEOPLE}
    return {"name": card.name, "sha256": card.sha256, "card": content}


def _of_masks(masks: Masks) -> dict[str, Any]:
    return {"name": masks.name, "masks": str(masks.folder.resolve()), "labels": _named(masks.convention)}


def _named(convention: LabelConvention | None) -> str:
    return convention.name if convention else "as the files are named"


def check_same(folder: Path, summary: Mapping[str, Any], setup: Mapping[str, Any]) -> None:
    """Raise EvaluationError where the summary in `folder` is of another setup than this one, both in plain types."""
    different = [name for name in setup if _identity(summary.get(name)) != _identity(setup[name])]
    if different:
        told = "; ".join(_difference(name, summary.get(name), setup[name]) for name in different)
        raise EvaluationError(
            f"{folder}: holds the results of another evaluation ({told}); choose another folder with -o"
        )


def _identity(value: object) -> object:
    """What of a setting must be the same: not the name of a model, nor the place of a split or its other parts."""
    if not isinstance(value, dict):
        return value
    return {key: of_key for key, of_key in value.items() if key not in ("name", "file", "straddling")}


def _difference(name: str, before: object, now: object) -> str:
    """What differs, for people; of a model with the same weights, the fields of its card."""
    shown, now_shown = _shown(before), _shown(now)
    if shown == now_shown and isinstance(before, dict) and isinstance(now, dict):
        cards = before.get("card") or {}, now.get("card") or {}
        fields = sorted(key for key in {*cards[0], *cards[1]} if cards[0].get(key) != cards[1].get(key))
        return f"{name} {shown}: its card differs in {', '.join(fields)}" if fields else f"{name} {shown}: other cases"
    return f"{name}: {shown}, now {now_shown}"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        if "part" in value:
            return f"{value['part']} of {value.get('file')}"
        made_by = value.get("masks") or str(value.get("sha256"))[:HASH_DIGITS]
        return f"{value.get('name')} {made_by}"
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
