"""The picture of box plots: what is where, by its colours."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from engine.data import Region
from engine.evaluate.box_plot import draw_box_plot
from engine.evaluate.table import CaseResult
from engine.score import Lesionwise, Score

BLUE, VERMILION = (0, 114, 178), (213, 94, 0)  # the outlines of the first and the second method's boxes
PANELS = {"dice": (0, 0), "lesionwise_dice": (1, 0), "hd95_mm": (0, 1), "lesionwise_hd95_mm": (1, 1)}
PX = 2  # per unit of length


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


def picture(**methods):
    return np.asarray(Image.open(BytesIO(draw_box_plot(methods))).convert("RGB")).astype(int)


def boxes(pixels, colour, panel, legends=1):
    """The rows, from the top of a panel, and columns of the picture where something has nearly this colour."""
    column, row = PANELS[panel]
    top, left = PX * (16 + 20 * legends + 300 * row), PX * 560 * column
    part = pixels[top : top + PX * 300, left : left + PX * 560]
    near = np.abs(part - colour).max(axis=-1) < 12
    return np.nonzero(near)


def height(value):
    """Where a share of 0 to 1 is in a panel, in pixels."""
    return PX * (34 + (1 - value) * (300 - 34 - 30))


def test_a_box_is_where_its_quartiles_are():
    # Quartiles .6 and .8.
    rows, columns = boxes(picture(a=results([0.0, 0.6, 0.7, 0.8, 0.9])), BLUE, "dice")
    strong = np.bincount(rows, minlength=600) > PX * 4 * 30  # the long edges of four boxes
    assert np.flatnonzero(strong).min() == pytest.approx(height(0.8), abs=3)
    assert np.flatnonzero(strong).max() == pytest.approx(height(0.6), abs=3)
    assert columns.min() > PX * 52


def test_lesions_and_distances_have_panels_of_their_own():
    pixels = picture(a=results([0.1, 0.4, 0.8, 0.9, 1.0]))  # quartiles .4 and .9
    for panel, low, high in (
        ("lesionwise_dice", 0.2, 0.45),
        ("hd95_mm", np.log1p(40) / np.log1p(374), np.log1p(90) / np.log1p(374)),
        ("lesionwise_hd95_mm", np.log1p(4) / np.log1p(374), np.log1p(9) / np.log1p(374)),
    ):
        strong = np.flatnonzero(np.bincount(boxes(pixels, BLUE, panel)[0], minlength=600) > PX * 4 * 30)
        assert (strong.min(), strong.max()) == (pytest.approx(height(high), abs=3), pytest.approx(height(low), abs=3))


def test_methods_stand_side_by_side_in_colours_of_their_own():
    pixels = picture(a=results([0.5, 0.6, 0.7]), b=results([0.5, 0.6, 0.7]))
    (_, first), (_, second) = boxes(pixels, BLUE, "dice", 2), boxes(pixels, VERMILION, "dice", 2)
    in_one_column = PX * (52 + (560 - 52 - 14) / 4)
    assert first[first < in_one_column].max() < second[second < in_one_column].min()


def test_what_an_earlier_table_lacks_is_left_empty():
    old = [CaseResult(result.id, result.scores) for result in results([0.5, 0.6])]
    pixels = picture(a=old)
    assert boxes(pixels, BLUE, "lesionwise_dice")[0].size == 0
    assert boxes(pixels, BLUE, "dice")[0].size > 0
