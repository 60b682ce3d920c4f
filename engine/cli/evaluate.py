"""`brats-engine evaluate`: the scores of a model, or of several, on all cases of a data set."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.cli.console import watch
from engine.cli.modalities import modalities
from engine.data import CONVENTIONS, Modality
from engine.errors import EvaluationError
from engine.evaluate import Evaluation, Masks, compare_models, evaluate
from engine.evaluate.report import comparison_report, report
from engine.evaluate.run import PARTS, TEST
from engine.model import DEFAULT_MODEL
from engine.predict import TTA_SCHEMES

_MOST_FAILURES = 20


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "evaluate",
        parents=[shared],
        help="score a model on all cases of a data set, or compare several",
        description="Segment every case of a data set that has a truth and score it on its own grid: Dice, HD95, and "
        "both lesion by lesion. DIR then holds cases.csv (a row for each case), summary.json, summary.txt, "
        "box_plot.png and masks/. With several models each has a folder in DIR, and DIR holds their comparison: each "
        "case by case against the first, with confidence intervals and a Wilcoxon signed-rank test. Run again with the "
        "same DIR, it goes on where it was stopped; a case whose files have changed is done again, and so are those "
        "that failed. Exit status: 0 where at least one case was scored (those that failed, or have no truth, are "
        "named on stderr), 2 where none was, by one of the models.",
    )
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="the folder that holds the cases, at any depth")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help="folder of the results")
    parser.add_argument(
        "-m",
        "--model",
        dest="models",
        action="append",
        metavar="NAME|FOLDER",
        help=f"see `models list` ({DEFAULT_MODEL}); name several to compare each with the first",
    )
    parser.add_argument(
        "--masks",
        dest="models",
        action="extend",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="score the masks in this folder, named by case (ID.nii.gz), like those of another model",
    )
    parser.add_argument(
        "--mask-labels", choices=tuple(CONVENTIONS), help="read those masks so; default: as they or the cases are named"
    )
    parser.add_argument(
        "--split", type=Path, metavar="FILE", help='only the cases of a part of this split: {"training": [ids], ...}'
    )
    parser.add_argument("--part", choices=PARTS, default=TEST, help="which part of the split (%(default)s)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.add_argument(
        "--tta", choices=TTA_SCHEMES, default="flips", help="test-time augmentation, as for `segment` (%(default)s)"
    )
    parser.add_argument(
        "--modalities",
        type=modalities,
        default=tuple(Modality),
        metavar="t1c,t2f",
        help="give the model these images of each case only, as if the others were missing",
    )
    parser.add_argument("--labels", choices=tuple(CONVENTIONS), help="read truths so; default: as they are named")
    parser.add_argument(
        "--no-masks", dest="keep_masks", action="store_false", help="do not keep the masks that a model predicts"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Evaluate one model or several; raises EvaluationError if one of them has not one case that could be scored."""
    mask_labels = CONVENTIONS[options.mask_labels] if options.mask_labels else None
    models: list[str | Masks] = [
        Masks(named, mask_labels) if isinstance(named, Path) else named for named in options.models or [DEFAULT_MODEL]
    ]
    shared: dict[str, Any] = {
        "device": options.device,
        "tta": options.tta,
        "modalities": options.modalities,
        "convention": CONVENTIONS[options.labels] if options.labels else None,
        "keep_masks": options.keep_masks,
        "split": options.split,
        "part": options.part,
    }
    if len(models) > 1:
        comparison = watch(
            compare_models(options.dataset, options.output, models=models, **shared), quiet=options.quiet
        )
        summary, evaluations = comparison.summary, comparison.evaluations
    else:
        evaluation = watch(evaluate(options.dataset, options.output, model=models[0], **shared), quiet=options.quiet)
        summary, evaluations = evaluation.summary, (evaluation,)
    _tell_failures(evaluations)
    for evaluation in evaluations:
        if not evaluation.results:
            by = f" by {evaluation.folder.name}" if len(evaluations) > 1 else ""
            raise EvaluationError(f"{options.dataset}: none of its {summary['cases_found']} cases was scored{by}")
    if options.json:
        print(json.dumps(summary, indent=2))
    else:
        print(report(evaluations[0]) if len(evaluations) == 1 else comparison_report(summary))


def _tell_failures(evaluations: Sequence[Evaluation]) -> None:
    """Name what was not scored, even where nothing else is to be said on stderr: the table lacks it."""
    lines = [f"{evaluation.folder.name}: {line}" for evaluation in evaluations for line in _failures(evaluation)]
    if len(evaluations) == 1 or all(_failures(one) == _failures(evaluations[0]) for one in evaluations):
        lines = _failures(evaluations[0])
    for line in lines[:_MOST_FAILURES]:
        print(f"not scored: {line}", file=sys.stderr)
    if len(lines) > _MOST_FAILURES:
        print(f"and {len(lines) - _MOST_FAILURES} more, see summary.json", file=sys.stderr)


def _failures(evaluation: Evaluation) -> list[str]:
    failures = sorted(evaluation.failures.items())
    return [reason if name in reason else f"{name}: {reason}" for name, reason in failures]
