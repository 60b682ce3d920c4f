"""`python -m engine.train -o RUN`: train a model on synthetic cases, or go on with a run that was stopped."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from engine.errors import EngineError
from engine.train.config import TrainConfig
from engine.train.loop import train


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
        init = load_file(arguments.init) if arguments.init else None
        with tqdm(unit=" step", mininterval=5) as bar:
            for progress in train(config, arguments.run, init):
                bar.total = progress.total
                bar.update(progress.done - bar.n)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
