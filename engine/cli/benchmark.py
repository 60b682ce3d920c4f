"""`brats-engine benchmark`: what a person can expect on this machine."""

import argparse
import json
from pathlib import Path
from typing import Any

from engine.benchmark import SCHEMES, Passes, Report, benchmark, to_json
from engine.cli.console import watch
from engine.data import find_case
from engine.model import DEFAULT_MODEL, find_model
from engine.predict import BACKENDS
from engine.resources import resource

_GIGA = 1e9


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "benchmark",
        parents=[shared],
        help="measure what to expect on this machine",
        description="Measure how long each step takes on this machine, from files to a saved and scored mask, with "
        "each library that can run the network here, in how much memory, and what share of the machine's best matrix "
        "product the network reaches. With the model that comes with the program it takes about a minute on two cores. "
        "Other programs that run meanwhile lengthen the times; nothing is kept.",
    )
    parser.add_argument("case", type=Path, nargs="?", metavar="CASE", help="a case's folder; default: the sample case")
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|FOLDER", help="see `models list` (%(default)s)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="default: %(default)s")
    parser.add_argument(
        "--backend",
        action="append",
        choices=BACKENDS,
        metavar="NAME",
        help=f"measure this one, of {', '.join(BACKENDS)}; may be repeated; default: all that the device has units for",
    )
    parser.add_argument("--quick", action="store_true", help="one run of each, without test-time augmentation")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="of each; told are medians (%(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measure, and print the table."""
    find_model(options.model)  # a wrong name is told before anything is measured
    files = find_case(options.case or _sample_case())
    work = benchmark(
        files,
        model=options.model,
        device=options.device,
        backends=options.backend,
        schemes=SCHEMES[:1] if options.quick else SCHEMES,
        runs=1 if options.quick else options.runs,
    )
    report = watch(work, quiet=options.quiet)
    print(json.dumps(to_json(report), indent=2) if options.json else _table(report))


def _sample_case() -> Path:
    return next(path for path in sorted(resource("sample").iterdir()) if path.is_dir())


def _table(report: Report) -> str:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    shape = " x ".join(map(str, report.shape))
    lines = [
        f"{machine.processor}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB",
        f"{machine.system}, {versions}",
        f"load {machine.load:.1f} when it began, {report.threads} threads; medians of {report.runs} runs",
        f"case {report.case}, {shape} voxels; model: {report.model}",
        "",
        *(f"{step.name:<40}{_seconds(step.median_s):>10}" for step in report.steps),
        "",
        f"{'segmenting, from images to labels':<27}{'TTA':>7}{'first':>10}{'then':>10}{'memory':>10}"
        f"{'network':>15}{'of peak':>9}{'differs':>10}",
        *map(_row, report.passes),
        "",
        *(
            f"best matrix product in {precision:<9} {peak.flops_per_s / _GIGA:>8.0f} GFLOP/s ({peak.library})"
            for precision, peak in report.peaks.items()
        ),
    ]
    return "\n".join(lines + _EXPLAINED)


_EXPLAINED = [
    "",
    "first: in a new process, with the model loaded and made ready. memory: the most that the process held.",
    "network: arithmetic of the convolutions by the time of the passes. differs: share of the brain's voxels with",
    "another label than the first backend's.",
]


def _row(passes: Passes) -> str:
    name = f"{passes.backend}{f' on {passes.device}' if passes.device else ''}"
    start = f"{name:<27}{passes.tta:>7}"
    if passes.problem is not None:
        return f"{start}  {passes.problem}"
    memory = "" if passes.peak_bytes is None else f"{passes.peak_bytes / _GIGA:.1f} GB"
    rate = "" if passes.flops_per_s is None else f"{passes.flops_per_s / _GIGA:.0f} GFLOP/s"
    share = "" if passes.share is None else f"{passes.share:.0%}"
    differs = "" if passes.differs is None else f"{passes.differs:.3%}"
    times = f"{_seconds(passes.first_s):>10}{_seconds(passes.median_s):>10}"
    return f"{start}{times}{memory:>10}{rate:>15}{share:>9}{differs:>10}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
