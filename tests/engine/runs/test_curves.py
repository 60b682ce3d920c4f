"""The picture of the curves, looked at through matplotlib's own objects and as a file."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from engine.data import Region
from engine.runs.curves import draw_curves
from engine.runs.log import Event, Point, Validation

RECORDS = [
    Point(10, 1.0, 2.0, 1e-3),
    Validation(10, 1.0, {Region.ET: 0.1, Region.TC: 0.2, Region.WT: 0.3}, best=True),
    Event(12, 1.2, "memory ran out"),
    Point(20, 2.0, 1.5, 2e-3),
    Validation(20, 2.0, {Region.ET: 0.4, Region.TC: 0.5, Region.WT: 0.6}, best=True),
    Point(30, 3.0, 1.25, 5e-4),
    Validation(30, 3.0, {Region.ET: 0.3, Region.TC: 0.5, Region.WT: 0.6}, best=False),
]


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """The figures as they are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def line_of(axes, place: int) -> tuple[list[float], list[float]]:
    line = axes.lines[place]
    return list(line.get_xdata()), list(line.get_ydata())


def test_the_curves_are_those_of_the_log(drawn: list[Figure]):
    draw_curves(RECORDS)
    above, below, rate = drawn[0].axes
    assert line_of(above, 0) == ([10, 20, 30], [2.0, 1.5, 1.25])
    assert line_of(rate, 0) == ([10, 20, 30], [1e-3, 2e-3, 5e-4])
    curves = {line.get_label(): list(line.get_ydata()) for line in below.lines}
    assert curves.pop("best: 0.500") == [0, 1]
    assert curves == {"ET": [0.1, 0.4, 0.3], "TC": [0.2, 0.5, 0.5], "WT": [0.3, 0.6, 0.6]}
    assert line_of(below, -1)[0] == [20, 20]  # the best one is marked at its step


@pytest.mark.parametrize("records", [[], RECORDS[:1], RECORDS], ids=["nothing", "no validation", "all"])
def test_it_is_a_picture_of_any_log(records: list[object]):
    with Image.open(BytesIO(draw_curves(records))) as picture:
        assert (picture.format, picture.size) == ("PNG", (800, 600))
        assert np.asarray(picture.convert("L")).min() < 100  # something is drawn
