"""The picture of box plots: what is where, by what was drawn."""

from io import BytesIO

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch
from PIL import Image

from engine.data import Region
from engine.evaluate.box_plot import COLOURS, draw_box_plot, plot_boxes
from engine.evaluate.table import CaseResult
from engine.score import Lesionwise, Score


def results(dice):
    """Cases of these Dice in every region, half of it lesion by lesion, and distances of 100 mm times it, and 10 mm."""
    return [
        CaseResult(
            f"p{number}",
            {region: Score(value, 100 * value, 1, 1, 1, 1) for region in Region},
            {region: Lesionwise(value / 2, 10 * value) for region in Region},
        )
        for number, value in enumerate(dice)
    ]


def panels(**methods):
    return plot_boxes(methods).axes


def boxes(axes, colour=COLOURS[0]):
    """Left and right edge, quartiles 1 and 3 of the boxes of a colour."""
    outlines = [patch for patch in axes.patches if isinstance(patch, PathPatch) and to_hex(patch.get_ec()) == colour]
    extents = [patch.get_path().get_extents() for patch in outlines]
    return [(found.x0, found.x1, found.y0, found.y1) for found in extents]


def test_each_measure_has_a_panel_and_each_column_a_box_at_its_quartiles():
    dice, lesions, distances, lesion_distances = panels(a=results([0.1, 0.4, 0.8, 0.9, 1.0]))
    for axes, low, high in (
        (dice, 0.4, 0.9),
        (lesions, 0.2, 0.45),
        (distances, 40, 90),
        (lesion_distances, 4, 9),
    ):
        found = boxes(axes)
        assert [sum(box[:2]) / 2 for box in found] == pytest.approx([0, 1, 2, 3])
        assert [box[2:] for box in found] == [pytest.approx((low, high))] * 4
    assert [label.get_text() for label in dice.get_xticklabels()] == ["ET", "TC", "WT", "average"]


def test_each_case_is_a_dot_and_the_mean_a_diamond():
    axes = panels(a=results([0.0, 0.6, 0.9]))[0]
    dots = axes.collections[0].get_offsets()
    assert sorted(dots[:, 1]) == [0.0, 0.6, 0.9]
    diamonds = [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "D"]
    assert diamonds == [pytest.approx([0.5])] * 4


def test_methods_stand_side_by_side_in_colours_of_their_own():
    axes = panels(a=results([0.5, 0.6, 0.7]), b=results([0.5, 0.6, 0.7]))[0]
    for (_, end, *_), (start, *_) in zip(boxes(axes), boxes(axes, COLOURS[1]), strict=True):
        assert end < start


def test_a_name_stands_as_it_is():
    figure = plot_boxes({"_$mine_1$": results([0.5]), "$": results([0.5, 0.6])})
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["_$mine_1$, 1 case", "$, 2 cases"]
    figure.savefig(BytesIO(), format="png")


def test_what_an_earlier_table_lacks_is_left_empty():
    old = [CaseResult(result.id, result.scores) for result in results([0.5, 0.6])]
    dice, lesions, *_ = panels(a=old)
    assert len(boxes(dice)) == 4
    assert boxes(lesions) == []


def test_the_picture_is_large_enough_to_print():
    with Image.open(BytesIO(draw_box_plot({"a": results([0.5]), "b": results([0.5, 1.0])}))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) >= 1000
