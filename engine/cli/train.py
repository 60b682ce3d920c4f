"""`brats-engine train`: train a model on synthetic cases or on a data set, or go on with a run that was stopped."""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from engine.cli.console import watch
from engine.errors import TrainingError


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "train",
        parents=[shared],
        help="train a model, or go on with a training that was stopped",
        description="Train a model in the folder RUN: on synthetic cases made as it goes, or on the cases of DATASET. "
        "The same command goes on with a run that was stopped. RUN/model is the model when it ends, RUN/log.jsonl its "
        "curve.",
    )
    parser.add_argument("dataset", type=Path, nargs="?", metavar="DATASET", help="folder of cases with truth")
    parser.add_argument("-o", "--run", dest="folder", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--config", type=Path, metavar="JSON", help="settings; those it lacks have their defaults")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, metavar="N", help="length of the schedule in steps")
    length.add_argument("--hours", type=float, metavar="H", help="length of the schedule in hours")
    parser.add_argument("--seed", type=int, metavar="S", help="0 or more; it decides all chance")
    parser.add_argument("--init", metavar="MODEL", help="model to start from (NAME|FOLDER, or a .safetensors file)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads; default: all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Train, and write the model; raises EngineError for what the user can mend."""
    import torch

    from engine.predict.device import choose_device
    from engine.runs.folder import RunFolder
    from engine.runs.settings import TrainConfig
    from engine.train.loop import train
    from engine.train.publish import publish

    if options.threads is not None:
        if options.threads < 1:
            raise TrainingError(f"--threads {options.threads}: must be 1 or more")
        torch.set_num_threads(options.threads)
    config = TrainConfig.read(options.config) if options.config else TrainConfig()
    given = {name: getattr(options, name) for name in ("steps", "hours", "seed")}
    config = replace(config, **{name: value for name, value in given.items() if value is not None})
    if options.steps is not None:
        config = replace(config, hours=None)
    try:
        config.check()
    except ValueError as error:
        raise TrainingError(f"the settings are not valid: {error}") from error
    device = choose_device(options.device)
    init = _weights(options.init) if options.init else None
    work = train(config, options.folder, dataset=options.dataset, init=init, init_name=options.init, device=device)
    trained = watch(work, quiet=options.quiet)
    source = RunFolder(options.folder).source()
    data = source.get("data set") or "synthetic cases only (engine.synth)"
    facts = {
        "data": data,
        "cases": source.get("cases"),
        "init": source.get("first weights"),
        "device": str(device),
        "steps": trained.step,
        "hours": round(trained.seconds / 3600, 2),
        "settings": asdict(config),
    }
    title = f"{options.folder.name}, {config.spacing_mm:g} mm"
    card = publish(
        options.folder / "model",
        config,
        trained.average,
        title=title,
        description=f"Trained on {data}.",
        training=facts,
    )
    result = {"run": str(options.folder), "model": str(card.folder), "steps": trained.step, "sha256": card.sha256}
    print(json.dumps(result, indent=2) if options.json else f"{card.folder}: trained for {trained.step} steps")


def _weights(source: str) -> Any:
    """Weights of a model by name or folder, or of a .safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from engine.model import find_model
    from engine.model.bundle import load_network

    if not source.endswith(".safetensors"):
        return load_network(find_model(source)).state_dict()
    try:
        return {name: value.float() for name, value in load_file(source).items()}
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{source}: cannot be read as weights ({error}); give a .safetensors file") from error
