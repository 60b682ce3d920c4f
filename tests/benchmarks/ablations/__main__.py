"""What each choice of the default training is worth: the same short training over and over, with one thing changed.

`python -m tests.benchmarks.ablations -o FOLDER [NAME ...] [--steps N] [--threads N]`

FOLDER then holds a run and a NAME.json for each training, and `ablations.md`, the table of all that are done. The same
command goes on where it was stopped.
"""

import argparse
import sys
from pathlib import Path

import torch

from engine.cli.console import watch
from engine.data.atomic import write_atomically
from engine.errors import EngineError
from engine.train.run import LOG_EVERY
from tests.benchmarks.ablations.measure import Result, measured
from tests.benchmarks.ablations.recipes import CHANGES, recipes
from tests.benchmarks.ablations.table import to_markdown


def run(folder: Path, names: list[str], steps: int) -> None:
    """Train what is named, one after the other, and write the table anew after each; raises EngineError."""
    folder.mkdir(parents=True, exist_ok=True)
    all_recipes = recipes(steps)
    for recipe in all_recipes:
        if recipe.name in names:
            print(f"{recipe.name}: {recipe.change or 'as it is'}", file=sys.stderr, flush=True)
            watch(measured(recipe, folder))
            found = (Result.read(folder / f"{recipe.name}.json") for recipe in all_recipes)
            done = [result for result in found if result is not None]
            write_atomically({folder / "ablations.md": to_markdown(done, steps).encode()})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.ablations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHANGES)}; all, if none is given")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--steps", type=int, default=1000, help="of each training (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU (%(default)s)")
    options = parser.parse_args()
    unknown = set(options.names) - set(CHANGES)
    if unknown:
        parser.error(f"no recipe is called {', '.join(sorted(unknown))}")
    if options.steps < 2 * LOG_EVERY or options.threads < 1:
        parser.error(f"--steps must be {2 * LOG_EVERY} or more, and --threads 1 or more")
    torch.set_num_threads(options.threads)
    try:
        run(options.output, options.names or list(CHANGES), options.steps)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
