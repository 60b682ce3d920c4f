"""The folder of a run: made once from settings and a source, and from then on all that a training needs."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from engine import __version__
from engine.data.atomic import write_atomically
from engine.errors import TrainingError
from engine.runs.settings import TrainConfig

CONFIG_FILE = "config.json"
SOURCE_FILE = "source.json"
SPLIT_FILE = "split.json"
CASES_FILE = "cases.json"
LOG_FILE = "log.jsonl"
WEIGHTS_FILE = "weights.safetensors"
BEST_FOLDER = "best"
MODEL_FOLDER = "model"
_DECIDES = ("dataset", "init", "fold")
"""What of a source cannot change once the run has begun; the rest follows whoever goes on with it."""
_PATHS = ("dataset", "split")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run's examples and first weights come from, and where it computes.

    dataset: a folder of cases with truth, in any layout that is known; None for synthetic cases, made as training goes.
    init: a model's name, its bundle's folder, or a .safetensors file; None for random weights. device: "auto", "cpu"
    or "cuda[:N]". fold: "K/N", the K-th of N folds is kept for a test; None for 60/20/20. split: a file to take the
    split from instead, copied when the run is made. leave_out_bad: whether cases that the check of the data set refuses
    are left out; the run ends with their table otherwise. install: whether the finished model goes into the person's
    models folder, under the name of the run's. versions: of what trains, when the run was made.
    """

    dataset: Path | None = None
    init: str | None = None
    device: str = "auto"
    fold: str | None = None
    split: Path | None = None
    leave_out_bad: bool = False
    install: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)


def create(folder: Path, config: TrainConfig, source: Source) -> None:
    """Make the folder of a run, which `engine.runs.launch.launch` or `brats-engine train` then trains in.

    Made again with the same settings and source, it stays as it is, but for what may change from one start to the next
    (the device, whether bad cases are left out, whether the model is installed). Raises TrainingError, naming what
    differs, if it holds another run, or files of something else.
    """
    _check(config, source)
    source = _absolute(source)
    if (folder / CONFIG_FILE).exists():
        _check_same(folder, config, source)
    elif folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise TrainingError(f"{folder}: holds files of something else; choose another folder, or a new one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from error
    contents = {folder / CONFIG_FILE: config.to_json().encode()}  # first: with it, a folder is a run's
    if source.split is not None:
        contents[folder / SPLIT_FILE] = _read_bytes(source.split)
    source = replace(source, versions=_versions())
    if (folder / SOURCE_FILE).exists():
        source = replace(source, versions=read_source(folder).versions)
    write_atomically(contents | {folder / SOURCE_FILE: _to_json(source)})


def read_config(folder: Path) -> TrainConfig:
    """The settings of a run; raises TrainingError where the folder is none."""
    if not (folder / CONFIG_FILE).is_file():
        raise TrainingError(f"{folder}: is not the folder of a training ({CONFIG_FILE} is missing); name another")
    return TrainConfig.read(folder / CONFIG_FILE)


def read_source(folder: Path) -> Source:
    """The source of a run; raises TrainingError where it cannot be read."""
    path = folder / SOURCE_FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        paths = {name: Path(values[name]) for name in _PATHS if values[name] is not None}
        return Source(**values | paths)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TrainingError(f"{path}: cannot be read ({error}); the run cannot go on from it") from error


def change_source(folder: Path, *, dataset: Path | None = None, device: str | None = None) -> None:
    """Let a run go on with its data set in another place, or on another device; None leaves what there is."""
    source = read_source(folder)
    if dataset is not None:
        source = _absolute(replace(source, dataset=dataset))
    if device is not None:
        source = replace(source, device=device)
    write_atomically({folder / SOURCE_FILE: _to_json(source)})


def _check(config: TrainConfig, source: Source) -> None:
    try:
        config.check()
    except ValueError as error:
        raise TrainingError(f"the settings are not valid: {error}") from error
    if source.dataset is None and config.epochs is not None:
        raise TrainingError("epochs are of a data set; for synthetic cases give iterations or hours")
    if source.dataset is None and (source.fold or source.split):
        raise TrainingError("a split or a fold is of a data set; synthetic cases have none")
    if source.fold and source.split:
        raise TrainingError("a split and a fold both say which cases validate; give one of them")


def _absolute(source: Source) -> Source:
    """Paths as they are understood from any folder; a model's plain name stays one."""
    init = source.init
    if init is not None and Path(init).name != init:
        init = str(Path(init).resolve())
    dataset = source.dataset.resolve() if source.dataset else None
    return replace(source, init=init, dataset=dataset, split=source.split.resolve() if source.split else None)


def _check_same(folder: Path, config: TrainConfig, source: Source) -> None:
    before, now = asdict(read_config(folder)), asdict(config)
    different = [f"{name}: {before[name]}, now {now[name]}" for name in now if before[name] != now[name]]
    if (folder / SOURCE_FILE).exists():
        old = read_source(folder)
        pairs = {name: (getattr(old, name), getattr(source, name)) for name in _DECIDES}
        different += [f"{name}: {one}, now {other}" for name, (one, other) in pairs.items() if one != other]
    if source.split is not None and (folder / SPLIT_FILE).exists():
        different += ["split"] * (_read_bytes(source.split) != _read_bytes(folder / SPLIT_FILE))
    if different:
        raise TrainingError(
            f"{folder}: holds a training of another configuration ({'; '.join(different)}); choose another folder"
        )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror}); name the file of a split") from error


def _to_json(source: Source) -> bytes:
    plain = {entry.name: getattr(source, entry.name) for entry in fields(source)}
    for name in _PATHS:
        plain[name] = None if plain[name] is None else str(plain[name])
    return (json.dumps(plain, indent=2) + "\n").encode()


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "numpy", "nibabel")}
    return {"brats-viewer": __version__, "python": python_version(), **packages}
