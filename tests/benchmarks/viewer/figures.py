"""What is computed from the times that a window took, and how it is told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

Times = tuple[float, float]
"""Seconds on the clock, and of CPU in all threads of the window's process."""


@dataclass(frozen=True, slots=True)
class Walk:
    """Steps from slice to slice: how long each took until it was painted, and the event loop's beats meanwhile.

    A beat is when it was on the clock, and the CPU that the window's thread had taken until then. ran: what the window
    was at in the longest time without a beat, the innermost call first; empty if none was long.
    """

    steps: Sequence[Times]
    beats: Sequence[Times]
    ran: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What one window took.

    busy: a walk while a segmentation ran; begun: from a click on Segment, the engine being ready, to the network's
    first window. A peer has neither.
    """

    start: Times
    opening: Times
    walk: Walk
    busy: Walk | None = None
    begun: Times | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table, in milliseconds; remark: what is said under it."""

    name: str
    wall_ms: float
    cpu_ms: float | None
    target_ms: float | None = None
    remark: str = ""


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed (the nearest rank)."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]


def longest_gap(beats: Sequence[Times]) -> Times:
    """The longest time on the clock, and the most CPU, between two beats that follow each other."""
    walls_s, cpus_s = zip(*beats, strict=True)
    return _longest(walls_s), _longest(cpus_s)


def _longest(times_s: Sequence[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(times_s))


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Each figure as the median of what it is in each run."""
    busy = [run.busy for run in runs if run.busy]
    begun = [run.begun for run in runs if run.begun]
    return [
        _middle("start to a painted window", [run.start for run in runs], 1500.0),
        _middle("open a case to painted slices", [run.opening for run in runs], 400.0),
        *_of_walks("slice change", [run.walk for run in runs], 16.0),
        *([_middle("Segment to the network's first window", begun, 50.0)] if begun else []),
        *(_of_walks("slice change while segmenting", busy, 25.0) if busy else ()),
    ]


def _of_walks(name: str, walks: Sequence[Walk], target_ms: float) -> list[Figure]:
    gaps = [longest_gap(walk.beats) for walk in walks]
    worst = max(zip(gaps, walks, strict=True), key=lambda found: found[0])[1]
    gap = _middle(f"{name}, longest gap of the event loop", gaps, 50.0)
    return [
        _middle(f"{name}, median", [_ranked(walk, 50) for walk in walks]),
        _middle(f"{name}, 95th percentile", [_ranked(walk, 95) for walk in walks], target_ms),
        replace(gap, remark=worst.ran),
    ]


def _ranked(walk: Walk, percent: float) -> Times:
    walls_s, cpus_s = zip(*walk.steps, strict=True)
    return percentile(walls_s, percent), percentile(cpus_s, percent)


def _middle(name: str, times: Sequence[Times], target_ms: float | None = None) -> Figure:
    wall, cpu = (1000 * median(column) for column in zip(*times, strict=True))
    return Figure(name, wall, cpu, target_ms)


def to_table(ours: Sequence[Figure], peers: Sequence[Figure] = ()) -> str:
    """The figures in milliseconds, and those of the peer with how many times as long it took; remarks stand below."""
    of_peer = {figure.name: figure for figure in peers}
    rows = [["", "clock", "CPU", "target", *(("peer", "peer CPU", "ratio", "CPU ratio") if peers else ())]]
    for own in ours:
        cells = [own.wall_ms, own.cpu_ms, own.target_ms]
        if own.name in of_peer:
            peer = of_peer[own.name]
            cells += [peer.wall_ms, peer.cpu_ms, peer.wall_ms / own.wall_ms]
            cells += [peer.cpu_ms / own.cpu_ms] if peer.cpu_ms and own.cpu_ms else []
        rows.append([own.name, *("" if cell is None else f"{cell:.1f}" for cell in cells)])
    lines = [f"{name:<58}" + "".join(f"{cell:>11}" for cell in cells).rstrip() for name, *cells in rows]
    remarks = ["", *(own.remark for own in ours)]
    return "\n".join(f"{line}\n    {said}" if said else line for line, said in zip(lines, remarks, strict=True))
