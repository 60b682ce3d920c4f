"""`python -m engine.train -o RUN`: train a model on synthetic cases, or go on with a run that was stopped."""

import argparse
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm

from engine.errors import EngineError, TrainingError
from engine.train.config import TrainConfig
from engine.train.loop import train
from engine.train.publish import publish


def main() -> int:
    """Run the command; exit status 0, or 2 for what the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m engine.train", description=__doc__)
    parser.add_argument("-o", "--run", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, help="JSON file of settings; those it lacks have their defaults")
    parser.add_argument("--hours", type=float, help="length of the schedule in hours")
    parser.add_argument("--steps", type=int, help="length of the schedule in steps")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--init", type=Path, help="weights (.safetensors) to start from")
    parser.add_argument("--threads", type=int, help="CPU threads")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        config = TrainConfig.read(arguments.config) if arguments.config else TrainConfig()
        given = {name: getattr(arguments, name) for name in ("hours", "steps", "seed")}
        config = replace(config, **{name: value for name, value in given.items() if value is not None})
        _run(config, arguments.run, arguments.init)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _run(config: TrainConfig, run: Path, init: Path | None) -> None:
    work = train(config, run, _weights(init))
    steps = 0
    with tqdm(unit=" step", mininterval=5) as bar:
        while True:
            try:
                progress = next(work)
            except StopIteration as stop:
                weights = stop.value
                break
            steps = progress.done
            bar.total = progress.total
            bar.update(progress.done - bar.n)
    facts = {"data": "synthetic cases only", "steps": steps, "settings": asdict(config), "init": init and str(init)}
    publish(
        run / "model",
        config,
        weights,
        title=f"{run.name}, {config.spacing_mm:g} mm",
        description="Trained on synthetic cases only.",
        training=facts,
    )


def _weights(path: Path | None) -> dict[str, Tensor] | None:
    if path is None:
        return None
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: cannot be read as weights ({error}); give a .safetensors file") from error


if __name__ == "__main__":
    sys.exit(main())
