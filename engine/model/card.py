"""The facts of a model, read from its bundle's `model.json`; nothing here needs torch.

A bundle is a folder with `model.json` (this card) and `weights.safetensors`. Nothing in it is executed, and what the
card claims is checked here, at the border, so that everyone inside may trust it.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_data_path

from engine.data import Modality, Region
from engine.errors import ModelError
from engine.resources import resource

CARD_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
FORMAT = 1
NORMALISATIONS = ("zscore", "slice_minmax")
DEFAULT_MODEL = "default"

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model takes, how it is to be run, and what is known of it.

    architecture: {"kind": "UNet", ...arguments of `UNetConfig`}.
    modalities: the input channels in order; those in `optional` may be missing (their channel is 0), the others not.
    regions: the output channels in order, one logit each; `thresholds` on their probabilities, in (0, 1).
    normalisation: "zscore" over each modality's brain, or "slice_minmax", each axial slice to [0, 1].
    axis_codes, spacing_mm, window: the voxel grid the network was trained on, and its window's size in voxels, each a
    multiple of the network's stride; `overlap` is the share of a window that neighbours share, in [0, 1).
    any_window: whether the network says the same in windows of any size, because its norms do not take their statistics
    over the window: the brain may then go through it whole, or in smaller windows where memory is short.
    min_et_ml: an enhancing tumour smaller than this in total becomes necrotic core. fill_core: so does oedema that the
    tumour core encloses within a plane.
    training, scores, limits: for people; what it was trained on and how, what it reached on which data, where it fails.
    sha256: of the weights' file.
    """

    name: str
    title: str
    description: str
    architecture: Mapping[str, Any]
    modalities: tuple[Modality, ...]
    optional: tuple[Modality, ...]
    regions: tuple[Region, ...]
    normalisation: str
    axis_codes: str
    spacing_mm: tuple[float, float, float]
    window: tuple[int, int, int]
    overlap: float = 0.5
    any_window: bool = False
    thresholds: tuple[float, ...] = (0.5, 0.5, 0.5)
    min_et_ml: float = 0.0
    fill_core: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    sha256: str = ""
    folder: Path = Path()

    def to_json(self) -> dict[str, Any]:
        """The content of `model.json`: plain types only, without the folder."""
        content = {"format": FORMAT, **asdict(self)}
        del content["folder"]
        return content


def user_models_folder() -> Path:
    """Where a person's own models are kept, one folder each."""
    return user_data_path("brats-viewer", appauthor=False) / "models"


def model_folders() -> list[Path]:
    """Every bundle's folder, the shipped ones first and the default before all."""
    folders: list[Path] = []
    for root in (resource("models"), user_models_folder()):
        if root.is_dir():
            folders += sorted(path.parent for path in root.glob(f"*/{CARD_FILE}"))
    return sorted(folders, key=lambda folder: folder.name != DEFAULT_MODEL)


def list_models() -> list[ModelCard]:
    """The cards of all models that can be read; what is wrong with the others goes to the log."""
    cards: list[ModelCard] = []
    for folder in model_folders():
        try:
            cards.append(read_card(folder))
        except ModelError as error:
            _log.warning("%s", error)
    return cards


def find_model(name_or_folder: str | Path) -> ModelCard:
    """The card of a model by its name, or by its bundle's folder.

    Raises ModelError where there is none, naming those that there are.
    """
    for folder in model_folders():
        if folder.name == str(name_or_folder):
            return read_card(folder)
    folder = Path(name_or_folder)
    if (folder / CARD_FILE).is_file():
        return read_card(folder)
    known = ", ".join(found.name for found in model_folders()) or "none"
    raise ModelError(f"{name_or_folder}: no such model, nor a folder with a {CARD_FILE}; known models: {known}")


def read_card(folder: Path) -> ModelCard:
    """The checked card of the bundle in `folder`; raises ModelError if it cannot be trusted."""
    path = folder / CARD_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read as a model's card ({error}); the bundle may be damaged") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ModelError(f"{path}: has format {found!r}, this program reads {FORMAT}; update the program or the model")
    return _parse(content, path)


def _parse(content: Mapping[str, Any], path: Path) -> ModelCard:
    def take(name: str, read: Callable[[Any], T], valid: Callable[[T], bool] = lambda _: True) -> T:
        try:
            value = read(content[name])
            if valid(value):
                return value
        except (KeyError, TypeError, ValueError, OverflowError):
            pass
        shown = repr(content.get(name, "missing"))
        raise ModelError(f"{path}: its field {name!r} is not valid ({shown[:60]}); the bundle may be damaged")

    modalities = take("modalities", lambda v: tuple(Modality(m) for m in v), lambda v: 0 < len(v) == len(set(v)))
    regions = take("regions", lambda v: tuple(Region(r) for r in v), lambda v: 0 < len(v) == len(set(v)))
    if "thresholds" in content:
        thresholds = take(
            "thresholds",
            lambda v: tuple(float(level) for level in v),
            lambda v: len(v) == len(regions) and all(0 < level < 1 for level in v),
        )
    else:  # an earlier card has one for all regions
        thresholds = (take("threshold", float, lambda v: 0 < v < 1),) * len(regions)
    return ModelCard(
        name=path.parent.name,
        title=take("title", _text),
        description=take("description", _text),
        architecture=take("architecture", dict, lambda v: v.get("kind") == "UNet"),
        modalities=modalities,
        optional=take("optional", lambda v: tuple(Modality(m) for m in v), lambda v: set(v) <= set(modalities)),
        regions=regions,
        normalisation=take("normalisation", _text, lambda v: v in NORMALISATIONS),
        axis_codes=take("axis_codes", _text, lambda v: sorted(v.translate(_AXIS_OF_CODE)) == ["I", "L", "P"]),
        spacing_mm=take("spacing_mm", _three(float), lambda v: all(0.1 <= s <= 10 for s in v)),
        window=take("window", _three(int), lambda v: all(1 <= s <= 512 for s in v)),
        overlap=take("overlap", float, lambda v: 0 <= v < 1),
        any_window=take("any_window", _truth) if "any_window" in content else False,
        thresholds=thresholds,
        min_et_ml=take("min_et_ml", float, lambda v: 0 <= v < math.inf),
        fill_core=take("fill_core", _truth) if "fill_core" in content else False,
        training=take("training", dict),
        scores=take("scores", dict),
        limits=take("limits", lambda v: tuple(_text(line) for line in v)),
        sha256=take("sha256", _text, lambda v: len(v) == 64),
        folder=path.parent,
    )


_AXIS_OF_CODE = str.maketrans("RAS", "LPI")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _three(kind: Callable[[Any], T]) -> Callable[[Any], tuple[T, T, T]]:
    def read(value: Any) -> tuple[T, T, T]:
        one, two, three = value
        return kind(one), kind(two), kind(three)

    return read
