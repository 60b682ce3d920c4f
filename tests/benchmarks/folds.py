"""Cross-validation of a preset: does training on a few cases make the default model better on those that it never saw?

`python -m tests.benchmarks.folds DATASET -o FOLDER [--folds 5] [--preset quick] [--seed 0] [--threads N]`

Each fold is a `brats-engine train` from the default model, and a `brats-engine evaluate` of the model that it keeps on
the fold's test part, beside one of the default model on all cases. FOLDER then holds the runs, the evaluations and
`folds.md`, the table. The same command goes on where it was stopped.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from engine.data.atomic import write_atomically
from engine.evaluate.results import read_results
from engine.evaluate.table import COLUMNS, CaseResult


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    dataset, folder = str(options.dataset), options.output
    engine("evaluate", dataset, "-m", "default", "-o", str(folder / "default"))
    tested: list[CaseResult] = []
    for fold in range(1, options.folds + 1):
        run, results = folder / f"fold-{fold}", folder / f"test-{fold}"
        settings = ["--preset", options.preset, "--fold", f"{fold}/{options.folds}", "--seed", f"{options.seed}"]
        settings += ["--threads", f"{options.threads}"] if options.threads else []
        engine("train", dataset, "-o", str(run), *(["--resume"] if run.exists() else settings))
        model = next(path for path in (run / "best", run / "model") if path.exists())
        part = ["--split", str(run / "split.json"), "--part", "test"]
        engine("evaluate", dataset, "-m", str(model), *part, "-o", str(results))
        tested += read_results(results).results
    text = table(read_results(folder / "default").results, tested)
    write_atomically({folder / "folds.md": text.encode()})
    print(text)


def engine(*arguments: str) -> None:
    """A command of its own process, as a person gives it; its progress goes to stderr."""
    print(" ".join(["brats-engine", *arguments]), file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "engine", *arguments], check=True, stdout=subprocess.DEVNULL)


def table(default: Iterable[CaseResult], tested: Iterable[CaseResult]) -> str:
    """Dice of every case by the default model and by that of the fold that had not seen it, and the means."""
    before, after = ({result.id: result for result in results} for results in (default, tested))
    heads = [*COLUMNS, *(f"{column} after" for column in COLUMNS)]
    lines = [f"| case | {' | '.join(heads)} |", f"|---{'|--:' * len(heads)}|"]
    rows = {case: [dice(found[case], column) for found in (before, after) for column in COLUMNS] for case in after}
    rows["mean"] = [mean(column) for column in zip(*rows.values(), strict=True)]
    lines += [f"| {case} | {' | '.join(f'{value:.3f}' for value in row)} |" for case, row in rows.items()]
    return "\n".join(lines) + "\n"


def dice(result: CaseResult, column: str) -> float:
    found = result.value("dice", column)
    assert found is not None, "every evaluation has the Dice"
    return found


if __name__ == "__main__":
    main()
