"""The comparison in writing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean

from engine.data import Region
from tests.benchmarks.contenders.contest import Trained
from tests.benchmarks.contenders.settings import BATCH, PATCH, SPACING_MM, Setup

Dice = Mapping[Region, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A contender: its title, its training, and its Dice of each test case."""

    title: str
    trained: Trained
    dice: Mapping[str, Dice]

    def of(self, region: Region) -> float:
        """Mean Dice of a region over the cases."""
        return mean(dice[region] for dice in self.dice.values())

    @property
    def mean(self) -> float:
        """Of the three regions."""
        return mean(self.of(region) for region in Region)

    def case_mean(self, case: str) -> float:
        """Of the three regions in one case."""
        return mean(self.dice[case].values())


def to_markdown(rows: Sequence[Row], setup: Setup) -> str:
    """A line per contender; the last column counts the cases in which the first one's mean is higher."""
    cases = list(rows[0].dice)
    size = "x".join(map(str, PATCH))
    lines = [
        f"{setup.minutes:g} minutes each, at the same time, {setup.threads} thread for the network and one worker for "
        f"the batches; {BATCH} patches of {size} voxels of {SPACING_MM:g} mm; seed {setup.seed}. Dice on {len(cases)} "
        f"test cases; {len(setup.split().training)} of {setup.cases} cases train.",
        "",
        f"| contender | parameters | steps | CPU s | CPU s/step | {' | '.join(Region)} | mean | first is better in |",
        "|---|" + "--:|" * (6 + len(Region)),
    ]
    for row in rows:
        dice = " | ".join(f"{row.of(region):.3f}" for region in Region)
        won = sum(rows[0].case_mean(case) > row.case_mean(case) for case in cases)
        beaten = "" if row is rows[0] else f"{won} of {len(cases)}"
        trained = row.trained
        lines.append(
            f"| {row.title} | {trained.parameters:,} | {trained.steps} | {trained.cpu_s:.0f} "
            f"| {trained.cpu_per_step:.1f} | {dice} | {row.mean:.3f} | {beaten} |"
        )
    versions = {name: number for row in rows for name, number in row.trained.versions.items()}
    lines += ["", "Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) + "."]
    return "\n".join(lines) + "\n"


def to_json(rows: Sequence[Row], setup: Setup) -> str:
    """All of it, with each case and the course of each loss."""
    shown = asdict(setup) | {"folder": None}
    return json.dumps({"setup": shown, "contenders": [asdict(row) for row in rows]}, indent=1) + "\n"
