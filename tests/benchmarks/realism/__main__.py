"""What tells synthetic cases from real ones: the same statistics of both, and their pictures side by side.

`python -m tests.benchmarks.realism -o FOLDER [--real DATASET_FOLDER] [--cases 100] [--seed S] [--spacing 2]`

FOLDER then holds `statistics.md` (tables), `statistics.json` (every case's values), `statistics.png` and `cases.png`.
Cases are measured as a network sees them: at the model's spacing, z-scored. Needs matplotlib (the extra `dev`).
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from engine.cli.console import watch
from engine.data.atomic import write_atomically
from engine.errors import EngineError
from engine.runs.settings import TrainConfig
from engine.synth.case import TRAINING_GRID
from tests.benchmarks.realism.cases import measure_real, measure_synthetic
from tests.benchmarks.realism.compare import compare_all
from tests.benchmarks.realism.pictures import draw_cases, draw_statistics
from tests.benchmarks.realism.tables import to_json, to_markdown


def run(folder: Path, dataset: Path | None, count: int, seed: int, spacing_mm: float) -> None:
    """Measure, compare and write the four files; raises EngineError for what a person can mend."""
    if importlib.util.find_spec("matplotlib") is None:
        raise EngineError('matplotlib is not installed; install it with: pip install -e ".[dev]"')
    if count < 1 or not 1 <= spacing_mm <= 4:
        raise EngineError("--cases must be 1 or more, and --spacing from 1 to 4 mm")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{folder}: cannot be used ({error.strerror or error}); choose another folder") from error
    x, y, z = (round(size / spacing_mm) for size in TRAINING_GRID.size_mm)
    config = TrainConfig(seed=seed, shape=(x, y, z), spacing_mm=spacing_mm)
    real = watch(measure_real(dataset, config)) if dataset is not None else []
    synthetic = watch(measure_synthetic(count, config))
    comparisons = compare_all(real, synthetic)
    write_atomically(
        {
            folder / "statistics.md": to_markdown(comparisons, real, synthetic, seed).encode(),
            folder / "statistics.json": to_json(comparisons, real, synthetic).encode(),
            folder / "statistics.png": draw_statistics(list(comparisons), real, synthetic),
            folder / "cases.png": draw_cases(real, synthetic, spacing_mm),
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.realism", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--real", type=Path, metavar="DATASET_FOLDER", help="real cases with their truth")
    parser.add_argument("--cases", type=int, default=100, help="synthetic cases to make (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other cases (%(default)s)")
    parser.add_argument("--spacing", type=float, default=2.0, metavar="MM", help="of the voxels (%(default)s)")
    options = parser.parse_args()
    try:
        run(options.output, options.real, options.cases, options.seed, options.spacing)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
