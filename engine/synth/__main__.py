"""`python -m engine.synth FOLDER --seed N`: write the synthetic case of a seed in BraTS 2020 layout."""

import argparse
import sys
from pathlib import Path

from engine.errors import EngineError
from engine.synth.atlas import load_atlas
from engine.synth.case import make_case
from engine.synth.folder import HEAD_GRID, write_brats


def main() -> int:
    """Run the command; exit status 0, or 2 for what the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m engine.synth", description=__doc__)
    parser.add_argument("folder", type=Path, help="the case's folder, whose name becomes the case's id")
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    try:
        write_brats(make_case(load_atlas(), HEAD_GRID, arguments.seed), arguments.folder)
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
