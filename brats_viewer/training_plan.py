"""What a person sets before a training: each setting in words, a text for its value, and why a plan cannot run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, Self, runtime_checkable

from brats_viewer.remote import TTA_TITLES
from brats_viewer.training import runs_folder
from engine.data import Modality
from engine.runs.folder import Source
from engine.runs.presets import FIRST_WEIGHTS, PRESETS, PresetName
from engine.runs.settings import ALL_MODALITIES, TrainConfig

Words = Mapping[str, tuple[str, str]]
"""Names, each with the word that a person reads and what that means."""

PRESET_WORDS: Words = MappingProxyType(
    {
        "default": (
            "Default",
            "This project's recipe, from the default model.",
        ),
        "quick": ("Quick", "A useful model in ten minutes, also from few cases: it goes on from the default model."),
        "reference": (
            "Reference",
            "The reference system, point by point: 1 mm, patches of 128 voxels, batches of 12. Wants a large GPU.",
        ),
    }
)

LENGTH_WORDS: Words = MappingProxyType(
    {
        "epochs": ("Epochs", "How often each case is seen"),
        "hours": ("Hours", "How long the training takes, in hours; the schedule is laid out over this time"),
        "steps": ("Steps", "How many steps of the optimiser, of one batch each"),
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A field of `TrainConfig` as a person reads it; choices: what it may be, where that is one of a few names."""

    name: str
    title: str
    meaning: str
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)

    def to_text(self, config: TrainConfig) -> str:
        """The value as a person types it.

        >>> SETTINGS["patch"].to_text(TrainConfig(patch=(64, 64, 48))), SETTINGS["learning_rate"].to_text(TrainConfig())
        ('64 64 48', '0.002')
        """
        value = getattr(config, self.name)
        if value is None:
            return ""
        if isinstance(value, tuple):
            return " ".join(map(str, value))
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    def from_text(self, text: str) -> Any:
        """The value that a text means; raises ValueError with a line that says what it should be.

        >>> SETTINGS["patch"].from_text("64, 64 x 48"), SETTINGS["batch"].from_text("4")
        ((64, 64, 48), 4)
        """
        words = text.replace(",", " ").replace("x", " ").split()
        kind = _KINDS[self.name]
        try:
            if self.name == "patch" and not words:
                return None
            if kind is tuple:
                i, j, k = map(int, words)
                return i, j, k
            (word,) = words
            return kind(word)
        except ValueError:
            wanted = {tuple: "three whole numbers", int: "a whole number"}.get(kind, "a number")
            raise ValueError(f"{self.title}: {text.strip() or 'nothing'} is not {wanted}") from None


_GROUPS: Mapping[str, tuple[Setting, ...]] = {
    "Network and grid": (
        Setting("spacing_mm", "Voxel size", "To which each case is brought: finer sees more and takes longer", "mm"),
        Setting("patch", "Patch", "What the network sees at once; empty for the whole grid", "voxels"),
        Setting("shape", "Grid", "Of a synthetic case, and the largest patch there can be", "voxels"),
        Setting("width", "Width", "Feature channels of the first level; each deeper one has twice as many", "channels"),
        Setting("depth", "Depth", "How often the network halves the grid", "levels"),
        Setting(
            "norm",
            "Normalisation layers",
            "Over what the network's activations are brought to one scale",
            choices={"group": "Groups of channels", "instance": "Each channel", "batch": "The batch", "none": "None"},
        ),
        Setting(
            "deep_supervision", "Deep supervision", "How many coarser levels are asked for the regions too", "levels"
        ),
    ),
    "Learning": (
        Setting("batch", "Batch", "Samples in one step; more need more memory", "samples"),
        Setting(
            "optimiser",
            "Optimiser",
            "By which rule the weights move",
            choices={"adamw": "AdamW, warm-up and cosine", "ranger21": "Ranger21"},
        ),
        Setting("learning_rate", "Learning rate", "The highest in the schedule"),
        Setting("warm_up", "Warm-up", "Part of the schedule in which the rate rises", "of 1"),
        Setting("weight_decay", "Weight decay", "How much the weights are drawn to zero in each step, times the rate"),
        Setting("clip_norm", "Gradient limit", "A gradient whose norm is larger is scaled down to this"),
        Setting("focal_weight", "Weight of the focal term", "Beside the Dice term, whose weight is 1"),
        Setting("focal_gamma", "Focal gamma", "How much easy voxels count for less; 0 is cross-entropy"),
        Setting("dice_smoothing", "Dice smoothing", "Added to both sides of the Dice's fraction", "voxels"),
        Setting("batch_dice", "Dice over the batch", "Sum the Dice's parts over the whole batch, or over each sample"),
        Setting(
            "ema", "Averaging of weights", "Memory of the averaged weights, which are the model; 0 for none", "of 1"
        ),
        Setting(
            "precision",
            "Precision",
            "Of the forward pass",
            choices={"auto": "bfloat16 where it is faster", "float32": "float32", "bfloat16": "bfloat16"},
        ),
        Setting("seed", "Seed", "Decides all chance: the same settings and seed make the same model"),
    ),
    "Examples": (
        Setting(
            "normalisation",
            "Intensities",
            "How each image is brought to one scale",
            choices={"zscore": "Mean 0, deviation 1 in the brain", "slice_minmax": "0 to 1 in each axial slice"},
        ),
        Setting(
            "augmentation",
            "Augmentation",
            "How each example is varied",
            choices={"full": "Shape, contrast, noise and more", "reference": "Noise and flips", "none": "None"},
        ),
        Setting("drop_modality", "Left-out images", "How often an example lacks some image, so that cases may", "of 1"),
        Setting(
            "foreground", "Patches with tumour", "Share of the patches that are cut about a voxel of tumour", "of 1"
        ),
        Setting("samples_per_case", "Samples of a case", "How often a case is seen in an epoch", "samples"),
    ),
    "Validation": (
        Setting("validate_every", "Validate every", "From one validation to the next; 0 for none", "steps"),
        Setting("validation_cases", "Validation cases", "How many of them at most are looked at each time", "cases"),
        Setting("checkpoint_every", "Checkpoint every", "At most so much is lost when it is cut off", "steps"),
        Setting("keep_best", "Keep the best", "The model is that of the best validation, or else that of the end"),
        Setting("tta", "TTA of the table", "With which passes the table at the end is made", choices=TTA_TITLES),
        Setting("tune_et", "Tune the ET volume", "Choose on validation cases below which volume ET is taken for none"),
        Setting("fill_core", "Fill the core", "Oedema that the tumour core encloses within a plane is taken for core"),
    ),
}
SETTING_GROUPS: Mapping[str, tuple[Setting, ...]] = MappingProxyType(_GROUPS)
"""The advanced settings, under their headings."""

SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            *(setting for group in _GROUPS.values() for setting in group),
            *(Setting(name, word, meaning, name) for name, (word, meaning) in LENGTH_WORDS.items()),
        )
    }
)
"""All settings that are typed or picked, by their names."""

_KINDS: Mapping[str, type] = {
    one.name: tuple if one.name in ("shape", "patch") else float if one.default is None else type(one.default)
    for one in fields(TrainConfig)
}


@runtime_checkable
class Trained(Protocol):
    """What the window needs of a model that a training may begin from."""

    @property
    def architecture(self) -> Mapping[str, Any]:
        """The network's arguments."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training that may be started: the preset that its settings began as, the settings, the source, its folder."""

    preset: PresetName
    config: TrainConfig
    source: Source
    folder: Path

    @classmethod
    def of(cls, preset: PresetName, folder: Path) -> Self:
        """A preset's plan, before a person changes anything."""
        return cls(preset, PRESETS[preset], Source(init=FIRST_WEIGHTS[preset], install=True), folder)

    def to_json(self) -> dict[str, Any]:
        """Plain types, for the settings file: the settings that differ from the preset's, and the source."""
        preset, source = PRESETS[self.preset], self.source
        changes = {
            one.name: getattr(self.config, one.name)
            for one in fields(TrainConfig)
            if getattr(self.config, one.name) != getattr(preset, one.name)
        }
        return {
            "preset": self.preset,
            "changes": changes,
            "dataset": str(source.dataset) if source.dataset else None,
            "init": source.init,
            "device": source.device,
            "fold": source.fold,
            "split": str(source.split) if source.split else None,
            "leave_out_bad": source.leave_out_bad,
            "folder": str(self.folder.parent),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` made, for another run beside that one; what is not understood is as the preset has it."""
        preset: PresetName = stored["preset"] if stored.get("preset") in PRESETS else "default"
        parent = Path(stored["folder"]) if isinstance(stored.get("folder"), str) else runs_folder()
        plan = cls.of(preset, free_folder(parent if parent.is_dir() else runs_folder()))
        config, changes = plan.config, stored.get("changes")
        try:
            config = replace(config, **{name: _as_set(name, value) for name, value in dict(changes or {}).items()})
            config.check()
        except (TypeError, ValueError):
            config = plan.config
        source = plan.source
        if "init" in stored:
            source = replace(source, init=_text(stored["init"]))
        source = replace(
            source,
            dataset=_existing(stored.get("dataset")),
            split=_existing(stored.get("split")),
            fold=_text(stored.get("fold")),
            device=_text(stored.get("device")) or source.device,
            leave_out_bad=stored.get("leave_out_bad") is True,
        )
        return replace(plan, config=config, source=source)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _existing(value: object) -> Path | None:
    return Path(value) if isinstance(value, str) and Path(value).exists() else None


def _as_set(name: str, value: Any) -> Any:
    if name == "modalities":
        return tuple(Modality(one) for one in value)
    return tuple(value) if isinstance(value, list) else value


def free_folder(parent: Path, stem: str = "training") -> Path:
    """The first folder `stem`-1, `stem`-2 ... in `parent` that is not there."""
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def with_length(config: TrainConfig, kind: str, value: float) -> TrainConfig:
    """The settings with another length: in "epochs", "hours" or "steps".

    >>> made = with_length(PRESETS["default"], "hours", 2.0)
    >>> made.hours, made.epochs
    (2.0, None)
    """
    if kind == "steps":
        return replace(config, steps=int(value), epochs=None, hours=None)
    hours, epochs = (value, None) if kind == "hours" else (None, value)
    return replace(config, hours=hours, epochs=epochs)


def length_kind(config: TrainConfig) -> str:
    """Which of "epochs", "hours" and "steps" says how long the training is."""
    return "hours" if config.hours is not None else "epochs" if config.epochs is not None else "steps"


def settings_problem(config: TrainConfig) -> str:
    """Why no training can have these settings, as a line; empty where it can."""
    try:
        config.check()
    except ValueError as error:
        said = str(error)
        name = said.partition(" ")[0]
        title = SETTINGS[name].title if name in SETTINGS else name.capitalize()
        return f"{title}{said.removeprefix(name)}"
    return ""


def weights_problem(config: TrainConfig, model: object) -> str:
    """Why a network of these settings cannot begin from a model's weights, as a line; empty where it can.

    A model that does not say what network it is is taken to fit: the training says so otherwise.
    """
    if not isinstance(model, Trained):
        return ""
    wanted = {
        "in_channels": (len(config.modalities), "images"),
        "width": (config.width, "width"),
        "depth": (config.depth, "depth"),
        "norm": (config.norm, "normalisation layers"),
    }
    differing = [
        f"{title} {model.architecture[name]}, here {value}"
        for name, (value, title) in wanted.items()
        if name in model.architecture and model.architecture[name] != value
    ]
    return f"the weights are of another network ({'; '.join(differing)})" if differing else ""


def folder_problem(folder: Path) -> str:
    """Why a run cannot be made in a folder, as a line; empty where it can."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            return f"{folder.name}: exists already; choose another name, or resume that training"
    except OSError as error:
        return f"{folder}: cannot be read ({error.strerror}); choose another folder"
    return ""


def modality_words(modalities: Sequence[Modality]) -> str:
    """The modalities by their names, in the usual order.

    >>> modality_words((Modality.T2F, Modality.T1C))
    'T1CE, FLAIR'
    """
    return ", ".join(modality.display_name for modality in ALL_MODALITIES if modality in modalities)
