"""The comparison in writing."""

import math
from collections.abc import Sequence
from statistics import mean, stdev

from tests.benchmarks.ablations.measure import Result
from tests.benchmarks.ablations.recipes import BASELINE

BASE = "baseline"


def to_markdown(results: Sequence[Result], steps: int) -> str:
    """A line per training, the seeds' spread first: a difference within it says nothing."""
    seeds = [result for result in results if result.name.startswith(BASE)]
    regions = list(results[0].averaged)
    grid = "x".join(map(str, BASELINE.shape))
    lines = [
        f"{steps} steps of {BASELINE.batch} cases of {grid} voxels of {BASELINE.spacing_mm:g} mm; Dice on "
        f"{BASELINE.validation_cases} synthetic cases drawn outside of training's settings.",
        "",
        f"| run | what changed | parameters | s/step | {' | '.join(regions)} | mean | from baselines | not averaged |",
        "|---|---|" + "--:|" * (5 + len(regions)),
    ]
    level = mean(seed.mean for seed in seeds) if seeds else math.nan
    for result in results:
        dice = " | ".join(f"{result.averaged[region]:.3f}" for region in regions)
        change, apart = result.change or "-", result.mean - level
        lines.append(
            f"| {result.name} | {change} | {result.parameters:,} | {result.step_s:.2f} | {dice} | {result.mean:.3f} "
            f"| {apart:+.3f} | {result.last_mean:.3f} |"
        )
    if len(seeds) > 1:
        rows = [[seed.averaged[region] for seed in seeds] for region in regions] + [[seed.mean for seed in seeds]]
        noise = " | ".join(f"{stdev(row):.3f}" for row in rows)
        last = stdev(seed.last_mean for seed in seeds)
        lines.append(f"| standard deviation of the {len(seeds)} baselines | seed |  |  | {noise} |  | {last:.3f} |")
    return "\n".join(lines) + "\n"
