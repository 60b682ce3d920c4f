"""`brats-engine segment` on a folder of many cases: a mask of each, and a table of the volumes."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine import RESEARCH_USE
from engine.cli.console import watch
from engine.data import CONVENTIONS, DatasetFiles, Region, find_dataset
from engine.data.atomic import write_atomically
from engine.errors import CaseError
from engine.predict.cohort import CaseOutcome, CaseStatus, Cohort, segment_cohort
from engine.score.export import as_text

TABLE_FILE = "volumes.csv"
_COLUMNS = ("case", "status", *(f"{region}_ml" for region in Region), "seconds", "mask", "remarks", "error")
_BETWEEN_REMARKS = " | "


def cases_in(folder: Path, output: Path | None) -> DatasetFiles | None:
    """The cases of a folder of several, or one whose masks go into a folder; None where one mask is to be made."""
    if not folder.is_dir() or (output is not None and output.name.endswith((".nii", ".nii.gz"))):
        return None
    try:
        found = find_dataset(folder)
    except CaseError:
        return None  # what is wrong with it is told when it is opened as one case
    several = len(found.cases) + len(found.unreadable) > 1
    return found if several or (output is not None and output.is_dir()) else None


def run(found: DatasetFiles, options: argparse.Namespace) -> None:
    """Segment the cases; raises CaseError if not one of them has a mask in the end."""
    if options.output is None:
        raise CaseError(f"{found.root}: holds {len(found.cases)} cases; say where their masks are to go with -o DIR")
    if options.uncertainty is not None:
        raise CaseError(f"{options.uncertainty}: --uncertainty is for one case; segment that one alone")
    work = segment_cohort(
        found,
        options.output,
        model=options.model,
        device=options.device,
        backend=options.backend,
        tta=options.tta,
        convention=CONVENTIONS[options.labels] if options.labels else None,
        resample=options.resample,
        overwrite=options.overwrite,
    )
    cohort = watch(work, quiet=options.quiet)
    table = options.output / TABLE_FILE
    write_atomically({table: _csv(cohort.outcomes).encode()})
    for outcome in cohort.outcomes:
        if outcome.status is CaseStatus.FAILED:
            named = outcome.error if outcome.id in outcome.error else f"{outcome.id}: {outcome.error}"
            print(f"not segmented: {named}", file=sys.stderr)
    if all(outcome.status is CaseStatus.FAILED for outcome in cohort.outcomes):
        raise CaseError(f"{found.root}: none of its {len(cohort.outcomes)} cases was segmented")
    print(json.dumps(_json(cohort, table), indent=2) if options.json else _report(cohort, table))


def _csv(outcomes: Sequence[CaseOutcome]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for outcome in outcomes:
        words = {
            "case": outcome.id,
            "mask": str(outcome.mask or ""),
            "remarks": _BETWEEN_REMARKS.join(outcome.remarks),
            "error": outcome.error,
        }
        volumes = {f"{region}_ml": round(volume, 3) for region, volume in outcome.volumes_ml.items()}
        seconds = "" if outcome.seconds is None else round(outcome.seconds, 2)
        row = {name: as_text(word) for name, word in words.items()}
        writer.writerow(row | volumes | {"seconds": seconds, "status": outcome.status})
    return text.getvalue()


def _json(cohort: Cohort, table: Path) -> dict[str, Any]:
    return {
        "table": str(table),
        "network_busy": cohort.busy,
        "cases": [
            {
                "case": outcome.id,
                "status": outcome.status,
                "mask": str(outcome.mask) if outcome.mask else None,
                "volumes_ml": dict(outcome.volumes_ml) or None,
                "seconds": outcome.seconds,
                "remarks": list(outcome.remarks),
                "error": outcome.error or None,
            }
            for outcome in cohort.outcomes
        ],
    }


def _report(cohort: Cohort, table: Path) -> str:
    width = max(len(outcome.id) for outcome in cohort.outcomes)
    lines = [f"{'':{width}}" + "".join(f"{f'{region} ml':>9}" for region in Region) + f"{'s':>8}"]
    for outcome in cohort.outcomes:
        volumes = "".join(f"{volume:9.1f}" for volume in outcome.volumes_ml.values())
        seconds = f"{outcome.seconds:8.1f}" if outcome.seconds is not None else ""
        status = "" if outcome.status is CaseStatus.SEGMENTED else f"  {outcome.status}"
        lines.append(f"{outcome.id:{width}}{volumes}{seconds}{status}")
    busy = "" if cohort.busy is None else f"; the network computed {cohort.busy:.0%} of the time"
    return "\n".join((*lines, "", f"masks in {table.parent}, this table in {table}{busy}", RESEARCH_USE))
