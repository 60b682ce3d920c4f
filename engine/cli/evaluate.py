"""`brats-engine evaluate`: a model's scores on all cases of a data set."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from engine.cli.console import watch
from engine.data import CONVENTIONS, Modality
from engine.data.naming import modality_named
from engine.errors import EvaluationError
from engine.evaluate import Evaluation, evaluate
from engine.evaluate.report import report
from engine.model import DEFAULT_MODEL
from engine.predict import TTA_SCHEMES

_MOST_FAILURES = 20


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        parents=[shared],
        help="score a model on all cases of a data set",
        description="Segment every case of a data set that has a truth and score it on its own grid. DIR then holds "
        "cases.csv (a row for each case), summary.json and masks/. Run again with the same DIR, it goes on where it "
        "was stopped; a case whose files have changed is done again, and so are those that failed. "
        "Exit status: 0 where at least one case was scored (those that failed are named on stderr), 2 where none was.",
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="the folder that holds the cases, at any depth")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="folder of the results")
    parser.add_argument(
        "-m", "--model", default=DEFAULT_MODEL, metavar="NAME|FOLDER", help="see `models list` (%(default)s)"
    )
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.add_argument(
        "--tta", choices=TTA_SCHEMES, default="flips", help="test-time augmentation, as for `segment` (%(default)s)"
    )
    parser.add_argument(
        "--modalities",
        type=_modalities,
        default=tuple(Modality),
        metavar="t1c,t2f",
        help="give the model these images of each case only, as if the others were missing",
    )
    parser.add_argument("--labels", choices=tuple(CONVENTIONS), help="read truths so; default: as they are named")
    parser.add_argument("--no-masks", dest="keep_masks", action="store_false", help="do not keep the predicted masks")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Evaluate a model; raises EvaluationError if not one case could be scored."""
    work = evaluate(
        options.dataset,
        options.output,
        model=options.model,
        device=options.device,
        tta=options.tta,
        modalities=options.modalities,
        convention=CONVENTIONS[options.labels] if options.labels else None,
        keep_masks=options.keep_masks,
    )
    evaluation = watch(work, quiet=options.quiet)
    _tell_failures(evaluation)
    if not evaluation.results:
        raise EvaluationError(f"{options.dataset}: none of its {evaluation.summary['cases_found']} cases was scored")
    print(json.dumps(evaluation.summary, indent=2) if options.json else report(evaluation))


def _tell_failures(evaluation: Evaluation) -> None:
    """Name what was not scored, even where nothing else is to be said on stderr: the table lacks it."""
    failures = sorted(evaluation.failures.items())
    for name, reason in failures[:_MOST_FAILURES]:
        print(f"not scored: {name}: {reason}" if name not in reason else f"not scored: {reason}", file=sys.stderr)
    if len(failures) > _MOST_FAILURES:
        print(f"and {len(failures) - _MOST_FAILURES} more, see summary.json", file=sys.stderr)


def _modalities(text: str) -> tuple[Modality, ...]:
    named = {word: modality_named(word) for word in text.split(",")}
    unknown = [word for word, modality in named.items() if modality is None]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)!r}: choose from t1n, t1c, t2w, t2f, with commas between")
    return tuple(modality for modality in Modality if modality in named.values())
