"""The comparison in writing: tables for people, and every value for programs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engine.data import Region
from tests.benchmarks.realism.compare import HIGH, LOW, Comparison
from tests.benchmarks.realism.measure import TABLES, Measured


def to_markdown(
    comparisons: Mapping[str, Comparison], real: Sequence[Measured], synthetic: Sequence[Measured], seed: int
) -> str:
    """The tables for people: what is never made first, then every statistic."""
    lines = [f"# {len(synthetic)} synthetic cases of seed {seed} beside {len(real)} real ones", ""]
    for kind, cases in (("real", real), ("synthetic", synthetic)):
        lacking = (f"{_share_without(region, cases):.0%} without {region}" for region in Region if cases)
        lines.append(f"- {kind}: {', '.join(lacking) or 'no cases'}")
    if real:
        lines += _never_made(comparisons, real)
    heading = f"| | real min | median | max | synthetic {LOW} % | 50 % | {HIGH} % | apart | all within | outside |"
    for table, title in TABLES.items():
        lines += ["", f"## {title}", "", heading, "|---|" + "--:|" * 6 + "---|---|---|"]
        lines += [_row(name, row) for name, row in comparisons.items() if name.startswith(f"{table}/")]
    return "\n".join(lines) + "\n"


def to_json(comparisons: Mapping[str, Comparison], real: Sequence[Measured], synthetic: Sequence[Measured]) -> str:
    """Every comparison, and every case's values."""
    content: dict[str, Any] = {"comparisons": {name: asdict(row) for name, row in comparisons.items()}}
    for kind, cases in (("real", real), ("synthetic", synthetic)):
        content[kind] = {
            "without": {region: _share_without(region, cases) for region in Region if cases},
            "cases": {case.id: case.values for case in cases},
        }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _never_made(comparisons: Mapping[str, Comparison], real: Sequence[Measured]) -> list[str]:
    found = [(name, row, one) for name, row in comparisons.items() for one in row.outside]
    counts = Counter(one.case for _, _, one in found)
    by_case = ", ".join(f"{case.id} {counts[case.id]}" for case in sorted(real, key=lambda case: -counts[case.id]))
    apart = ", ".join(f"{name} ({row.apart})" for name, row in comparisons.items() if row.apart)
    lines = [
        f"- apart (half of the synthetic cases beyond every real one): {apart or 'nothing'}",
        f"- outside of the synthetic {LOW} % to {HIGH} %, of {len(comparisons)} statistics: {by_case}; of alike cases "
        f"about {(LOW + 100 - HIGH) / 100:.0%} are",
        "",
        "## Values of real cases that no synthetic case reaches, the furthest first",
        "",
        f"| | case | value | synthetic {LOW} % | {HIGH} % | widths outside |",
        "|---|---|" + "--:|" * 4,
    ]
    for name, row, one in sorted(found, key=lambda entry: -entry[2].distance):
        if one.reached == 0:
            numbers = _numbers(one.value, row.synthetic[0], row.synthetic[2], one.distance)
            lines.append(f"| {name} | {one.case} | {numbers} |")
    return lines


def _row(name: str, row: Comparison) -> str:
    """A line of a table; in bold the real cases that no synthetic one reaches."""
    marked = ((one, "" if one.reached else "**") for one in row.outside)
    outside = ", ".join(f"{mark}{one.case} {_numbers(one.value)}{mark}" for one, mark in marked)
    numbers = f"{_numbers(*row.real) or '- | - | -'} | {_numbers(*row.synthetic)}"
    within = "-" if not row.real else "no" if row.outside else "yes"
    return f"| {name.partition('/')[2]} | {numbers} | {row.apart} | {within} | {outside} |"


def _numbers(*values: float) -> str:
    return " | ".join(f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}" for value in values)


def _share_without(region: Region, cases: Sequence[Measured]) -> float:
    return sum(f"volume/{region}" not in case.values for case in cases) / len(cases)
