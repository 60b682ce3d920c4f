"""`brats-engine train`: train a model on synthetic cases or on a data set, or go on with a run that was stopped."""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.cli.console import watch
from engine.cli.modalities import modalities
from engine.errors import TrainingError
from engine.runs.folder import WEIGHTS_FILE, Source, change_source, create, read_config, read_source
from engine.runs.presets import FIRST_WEIGHTS, PRESETS, settings_of
from engine.runs.settings import TrainConfig
from engine.runs.state import RunState, Stage, read_state
from engine.runs.table import TABLE_FILE

RANDOM = "none"
_ONLY_AT_THE_BEGINNING = (
    "preset",
    "config",
    "modalities",
    "epochs",
    "iterations",
    "hours",
    "batch",
    "patch",
    "fold",
    "split",
    "seed",
    "init",
    "leave_out_bad",
    "install",
)


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        parents=[shared],
        help="train a model, or go on with a training that was stopped",
        description="Train a model in the folder RUN: on the cases of DATASET, or on synthetic cases made as it goes. "
        "The data set is checked and split first. The same command, or --resume, goes on with a run that was stopped, "
        "however it was. RUN/best is the model of the best validation, RUN/model that of the end.",
        epilog="On several GPUs or machines: torchrun --nproc-per-node N -m engine train ...",
    )
    parser.add_argument("dataset", type=Path, nargs="?", metavar="DATASET", help="folder of cases with truth")
    parser.add_argument("-o", "--run", dest="folder", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with what RUN holds; nothing else need be given")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="settings; with a DATASET: default")
    parser.add_argument("--config", type=Path, metavar="JSON", help="settings that differ from the preset's")
    parser.add_argument(
        "--modalities", type=modalities, metavar="A,B", help="channels of the network, such as T1CE,FLAIR"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=float, metavar="N", help="length in passes over the training cases")
    length.add_argument("--iterations", type=int, metavar="N", help="length in steps of the optimiser")
    length.add_argument("--hours", type=float, metavar="H", help="length in hours")
    parser.add_argument("--batch", type=int, metavar="N", help="samples of a step")
    parser.add_argument("--patch", type=int, nargs=3, metavar=("X", "Y", "Z"), help="voxels of a sample")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--fold", metavar="K/N", help="keep the K-th of N folds for a test; default: a split of 60/20/20")
    part.add_argument("--split", type=Path, metavar="FILE", help="split.json that says which cases train and validate")
    parser.add_argument("--seed", type=int, metavar="S", help="0 or more; it decides all chance")
    parser.add_argument(
        "--init",
        metavar="MODEL",
        help=f"model to start from (NAME|FOLDER, or a .safetensors file), or '{RANDOM}'; with a DATASET: default",
    )
    parser.add_argument("--leave-out-bad", action="store_true", help="train without the cases that the check refuses")
    parser.add_argument("--install", action="store_true", help="put the finished model into your list of models")
    parser.add_argument("--device", metavar="auto|cpu|cuda[:N]", help="default: auto, or as the run had it")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and write the model; raises EngineError for what the user can mend."""
    import torch

    from engine.predict.device import choose_device
    from engine.train.distributed import joined
    from engine.train.loop import train

    if options.threads is not None:
        if options.threads < 1:
            raise TrainingError(f"--threads {options.threads}: must be 1 or more")
        torch.set_num_threads(options.threads)
    device = options.device or (read_source(options.folder).device if options.resume else "auto")
    with joined(choose_device(device)) as (processes, own_device):
        if processes.leads:
            _resume(options) if options.resume else _begin(options)
        processes.wait()
        watch(train(options.folder, device=own_device, processes=processes), quiet=options.quiet or not processes.leads)
        if processes.leads:
            _tell(options)


def _resume(options: argparse.Namespace) -> None:
    """Check that the folder holds a run, and let it find its data set and device where they are now."""
    given = [name for name in _ONLY_AT_THE_BEGINNING if getattr(options, name) not in (None, False)]
    if given:
        raise TrainingError(f"--{given[0].replace('_', '-')}: a run keeps what it began with; leave it out to resume")
    read_config(options.folder)
    change_source(options.folder, dataset=options.dataset, device=options.device)


def _begin(options: argparse.Namespace) -> None:
    """Make the run's folder, where nothing hinders the training that can be seen before."""
    from engine.train.first_weights import first_weights

    config = _settings(options)
    source = Source(
        dataset=options.dataset,
        init=_init(options),
        device=options.device or "auto",
        fold=options.fold,
        split=options.split,
        leave_out_bad=options.leave_out_bad,
        install=options.install,
    )
    if source.init is not None:
        first_weights(source.init, config)
    create(options.folder, config, source)


def _settings(options: argparse.Namespace) -> TrainConfig:
    """Those of the preset, then those of the file, then those of the command."""
    config = TrainConfig()
    if options.preset or options.dataset:
        config = settings_of(options.preset or "default", _init(options))
    if options.config:
        config = TrainConfig.read(options.config, config)
    given = {"batch": options.batch, "seed": options.seed, "modalities": options.modalities}
    if options.patch is not None:
        given |= {"patch": tuple(options.patch), "shape": tuple(map(max, options.patch, config.shape))}
    config = replace(config, **{name: value for name, value in given.items() if value is not None})
    if options.epochs is not None:
        return replace(config, epochs=options.epochs, hours=None)
    if options.hours is not None:
        return replace(config, hours=options.hours, epochs=None)
    if options.iterations is not None:
        return replace(config, steps=options.iterations, epochs=None, hours=None)
    return config


def _init(options: argparse.Namespace) -> str | None:
    if options.init is not None:
        return None if options.init == RANDOM else str(options.init)
    return FIRST_WEIGHTS[options.preset or "default"] if options.dataset else None


def _tell(options: argparse.Namespace) -> None:
    """What came of it."""
    from engine.train.outcome import kept_card

    folder = options.folder
    state = read_state(folder) or RunState(Stage.STOPPED)
    result: dict[str, Any] = {"run": str(folder), "stage": state.stage, "steps": state.step}
    if state.stage is not Stage.FINISHED:
        line = f"{folder}: stopped after {state.step} steps; go on with: brats-engine train -o {folder} --resume"
        result["weights"] = str(folder / WEIGHTS_FILE)
    else:
        card = kept_card(folder)
        result |= {"model": str(card.folder), "sha256": card.sha256, "scores": dict(card.scores)}
        if (folder / TABLE_FILE).exists():
            result["table"] = str(folder / TABLE_FILE)
        about = f"; {state.message}" if state.message else ""
        line = f"{card.folder}: trained for {state.step} steps{about}"
    print(json.dumps(result, indent=2) if options.json else line)
