"""What is computed from the times that a window took, and how it is told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

Times = tuple[float, float]
"""Seconds on the clock, and of CPU in all threads of the window's process."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps from slice to slice: how long each took until it was painted, and the event loop's beats meanwhile."""

    steps: Sequence[Times]
    beats_s: Sequence[float]


@dataclass(frozen=True, slots=True)
class Run:
    """What one window took; `busy` is a walk while a segmentation ran, which a peer has not."""

    start: Times
    opening: Times
    walk: Walk
    busy: Walk | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table, in milliseconds."""

    name: str
    wall_ms: float
    cpu_ms: float | None
    target_ms: float | None = None


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed (the nearest rank)."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]


def longest_gap(beats_s: Sequence[float]) -> float:
    """The longest time between two beats that follow each other."""
    return max(later - earlier for earlier, later in pairwise(beats_s))


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Each figure as the median of what it is in each run."""
    busy = [run.busy for run in runs if run.busy]
    return [
        _middle("start to a painted window", [run.start for run in runs], 1500.0),
        _middle("open a case to painted slices", [run.opening for run in runs], 400.0),
        *_of_walks("slice change", [run.walk for run in runs], 16.0),
        *(_of_walks("slice change while segmenting", busy, 25.0) if busy else ()),
    ]


def _of_walks(name: str, walks: Sequence[Walk], target_ms: float) -> list[Figure]:
    gaps = [longest_gap(walk.beats_s) for walk in walks]
    return [
        _middle(f"{name}, median", [_ranked(walk, 50) for walk in walks]),
        _middle(f"{name}, 95th percentile", [_ranked(walk, 95) for walk in walks], target_ms),
        Figure(f"{name}, longest gap of the event loop", 1000 * median(gaps), None, 50.0),
    ]


def _ranked(walk: Walk, percent: float) -> Times:
    walls_s, cpus_s = zip(*walk.steps, strict=True)
    return percentile(walls_s, percent), percentile(cpus_s, percent)


def _middle(name: str, times: Sequence[Times], target_ms: float | None = None) -> Figure:
    wall, cpu = (1000 * median(column) for column in zip(*times, strict=True))
    return Figure(name, wall, cpu, target_ms)


def to_table(ours: Sequence[Figure], peers: Sequence[Figure] = ()) -> str:
    """The figures in milliseconds, and those of the peer with how many times as long it took."""
    of_peer = {figure.name: figure for figure in peers}
    rows = [["", "clock", "CPU", "target", *(("peer", "peer CPU", "ratio", "CPU ratio") if peers else ())]]
    for own in ours:
        cells = [own.wall_ms, own.cpu_ms, own.target_ms]
        if own.name in of_peer:
            peer = of_peer[own.name]
            cells += [peer.wall_ms, peer.cpu_ms, peer.wall_ms / own.wall_ms]
            cells += [peer.cpu_ms / own.cpu_ms] if peer.cpu_ms and own.cpu_ms else []
        rows.append([own.name, *("" if cell is None else f"{cell:.1f}" for cell in cells)])
    return "\n".join(f"{name:<58}" + "".join(f"{cell:>11}" for cell in cells).rstrip() for name, *cells in rows)
