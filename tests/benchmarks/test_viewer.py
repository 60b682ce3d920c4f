"""The arithmetic of the viewer's benchmark, against numbers worked out by hand."""

import inspect
import re

from tests.benchmarks.viewer.figures import Figure, Run, Walk, figures, longest_gap, percentile, to_table
from tests.benchmarks.viewer.watch import innermost_calls


def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed() -> None:
    values = [float(value) for value in range(20, 0, -1)]  # 20 down to 1
    assert [percentile(values, percent) for percent in (0, 50, 94, 95, 96, 100)] == [1, 10, 19, 19, 20, 20]
    assert percentile([3.0], 95) == 3.0


def test_the_longest_gap_is_between_neighbouring_beats() -> None:
    assert longest_gap([(1.0, 0.5), (1.25, 1.25), (3.25, 1.5), (4.0, 1.75)]) == (2.0, 0.75)


def run(scale: float, busy: bool) -> Run:
    steps = [(0.010 * scale, 0.004), (0.020 * scale, 0.002), (0.030 * scale, 0.006)]
    walk = Walk(steps, [(0.0, 0.0), (0.25, 0.125), (0.75 * scale, 0.25)], f"what ran at {scale}")
    return Run((1.5 * scale, 1.0), (0.5 * scale, 0.25), walk, *((walk, (0.03 * scale, 0.01)) if busy else ()))


def test_each_figure_is_the_median_of_what_it_is_in_each_run() -> None:
    told = {figure.name: figure for figure in figures([run(1.0, True), run(4.0, True), run(2.0, True)])}
    assert told["start to a painted window"] == Figure("start to a painted window", 3000.0, 1000.0, 1500.0)
    assert told["slice change, median"] == Figure("slice change, median", 40.0, 4.0)
    assert told["slice change, 95th percentile"] == Figure("slice change, 95th percentile", 60.0, 6.0, 16.0)
    gap = "slice change while segmenting, longest gap of the event loop"
    assert told[gap] == Figure(gap, 1250.0, 125.0, 50.0, "what ran at 4.0")  # of the run with the longest
    begun = "Segment to the network's first window"
    assert told[begun] == Figure(begun, 60.0, 10.0, 50.0)
    assert not any("egment" in figure.name for figure in figures([run(1.0, False)]))


def test_the_table_has_the_peer_beside_what_both_were_measured_on() -> None:
    ours = [Figure("start", 100.0, 50.0, 1500.0), Figure("gap", 10.0, None, remark="what ran")]
    assert [line.split() for line in to_table(ours, [Figure("start", 250.0, 200.0)]).splitlines()] == [
        ["clock", "CPU", "target", "peer", "peer", "CPU", "ratio", "CPU", "ratio"],
        ["start", "100.0", "50.0", "1500.0", "250.0", "200.0", "2.5", "4.0"],
        ["gap", "10.0"],
        ["what", "ran"],
    ]


def test_the_calls_that_a_thread_is_in_are_named_from_the_innermost() -> None:
    def inner() -> str:
        return innermost_calls(inspect.currentframe())

    def outer() -> str:
        return inner()

    first, second, *_ = outer().split(" < ")
    assert re.fullmatch(r"test_viewer\.py:\d+ inner", first)
    assert re.fullmatch(r"test_viewer\.py:\d+ outer", second)
