"""How the scores of one or several methods lie, as a picture: box plots with a dot for each case."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from engine import RESEARCH_USE
from engine.evaluate.table import COLUMNS, CaseResult
from engine.score import box
from engine.score.lesions import ABSENT_LESION_HD95_MM

_Colour = tuple[int, int, int]
# Told apart with any of the common colour visions (Okabe and Ito 2008).
_COLOURS: tuple[_Colour, ...] = (
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
)
_INK, _MUTED, _GRID, _PAPER = (27, 31, 39), (91, 100, 114), (223, 227, 234), (255, 255, 255)

_LEGEND = "box: quartiles and median; diamond: mean; whiskers: last values within 1.5 of the box's height; dots: cases"

_DRAWN, _KEPT = 4, 2
"""Pixels per unit of length while it is drawn, and in the picture: edges become smooth where these are reduced."""
_PANEL = (560, 300)
_LEFT, _RIGHT, _ABOVE, _BELOW = 52, 14, 34, 30  # of a panel, around its plot
_HEAD, _LEGEND_LINE, _FOOT = 16, 20, 44
_BOX_SHARE, _WIDEST_BOX = 0.62, 46
_DOT, _MANY = 2.4, 120
"""A dot's radius; of more cases than this dots are fainter, so that they do not run together."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """One measure: its title, the ticks of its axis, and where a value is on it, from 0 to 1."""

    measure: str
    title: str
    ticks: tuple[float, ...]
    place: Callable[[float], float]


def _distance(mm: float) -> float:
    """Logarithmic, but 0 has a place as well; at the end is what a missing region costs."""
    return math.log1p(min(mm, ABSENT_LESION_HD95_MM)) / math.log1p(ABSENT_LESION_HD95_MM)


_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_DISTANCES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, ABSENT_LESION_HD95_MM)
_PANELS = (
    _Panel("dice", "Dice", _SHARES, float),
    _Panel("lesionwise_dice", "Lesion-wise Dice (BraTS 2023)", _SHARES, float),
    _Panel("hd95_mm", "HD95 (mm), less is better", _DISTANCES, _distance),
    _Panel("lesionwise_hd95_mm", "Lesion-wise HD95 (mm), less is better", _DISTANCES, _distance),
)


def draw_box_plot(methods: Mapping[str, Sequence[CaseResult]]) -> bytes:
    """A PNG of the scores of each method, by its name: Dice and HD95 of regions and of lesions, in ET, TC, WT, average.

    Boxes are Tukey's (`engine.score.Box`), with a white diamond at the mean. Each case is a dot, set off to the side by
    what its name always gives, so that it is in one place of every box.
    """
    width = 2 * _PANEL[0]
    above = _HEAD + _LEGEND_LINE * len(methods)
    canvas = _Canvas(width, above + 2 * _PANEL[1] + _FOOT)
    _draw_legend(canvas, methods)
    for number, panel in enumerate(_PANELS):
        row, column = divmod(number, 2)
        _draw_panel(canvas, panel, (column * _PANEL[0], above + row * _PANEL[1]), list(methods.values()))
    foot = above + 2 * _PANEL[1]
    canvas.write((_LEFT, foot + 12), _LEGEND, 11, _MUTED)
    canvas.write((_LEFT, foot + 28), RESEARCH_USE, 11, _MUTED)
    return canvas.png()


def _draw_legend(canvas: "_Canvas", methods: Mapping[str, Sequence[CaseResult]]) -> None:
    for number, (name, results) in enumerate(methods.items()):
        y = _HEAD + _LEGEND_LINE * (number + 0.5)
        canvas.rectangle((_LEFT, y - 5, _LEFT + 14, y + 5), _COLOURS[number % len(_COLOURS)], 200)
        canvas.write((_LEFT + 22, y), f"{name}, {len(results)} case{'' if len(results) == 1 else 's'}", 13, _INK)


def _draw_panel(
    canvas: "_Canvas", panel: _Panel, corner: tuple[float, float], methods: Sequence[Sequence[CaseResult]]
) -> None:
    left, top = corner[0] + _LEFT, corner[1] + _ABOVE
    width, height = _PANEL[0] - _LEFT - _RIGHT, _PANEL[1] - _ABOVE - _BELOW

    def y_of(value: float) -> float:
        return top + (1 - panel.place(value)) * height

    canvas.write((left, corner[1] + 18), panel.title, 14, _INK)
    for tick in panel.ticks:
        canvas.line(((left, y_of(tick)), (left + width, y_of(tick))), _GRID)
        canvas.write((left - 8, y_of(tick)), f"{tick:g}", 11, _MUTED, "rm")
    room = width / len(COLUMNS)
    half = min(_BOX_SHARE * room / len(methods), _WIDEST_BOX) / 2
    for place, column in enumerate(COLUMNS):
        middle = left + (place + 0.5) * room
        canvas.write((middle, top + height + 15), column, 12, _INK, "mm")
        for number, results in enumerate(methods):
            x = middle + (number - (len(methods) - 1) / 2) * 2.4 * half
            known = {result.id: result.value(panel.measure, column) for result in results}
            values = {case: value for case, value in known.items() if value is not None}
            if values:
                _draw_box(canvas, x, half, values, y_of, _COLOURS[number % len(_COLOURS)])


def _draw_box(
    canvas: "_Canvas",
    x: float,
    half: float,
    values: Mapping[str, float],
    y_of: Callable[[float], float],
    colour: _Colour,
) -> None:
    found = box(list(values.values()))
    for case, value in values.items():
        canvas.dot((x + _beside(case) * half * 0.9, y_of(value)), _DOT, colour, 90 if len(values) > _MANY else 150)
    for end, start in ((found.high, found.quartile_3), (found.low, found.quartile_1)):
        canvas.line(((x, y_of(start)), (x, y_of(end))), _MUTED, 1.2)
        canvas.line(((x - half / 2, y_of(end)), (x + half / 2, y_of(end))), _MUTED, 1.2)
    canvas.rectangle((x - half, y_of(found.quartile_3), x + half, y_of(found.quartile_1)), colour, 60, outline=colour)
    canvas.line(((x - half, y_of(found.median)), (x + half, y_of(found.median))), _INK, 2)
    canvas.diamond((x, y_of(sum(values.values()) / len(values))), 4, _PAPER, _INK)


def _beside(case: str) -> float:
    """How far to the side a case's dot is, in [-1, 1], whatever cases are beside it."""
    return zlib.crc32(case.encode()) / 0xFFFFFFFF * 2 - 1


class _Canvas:
    """A white picture that is drawn on in units of length, of which the upper left corner is 0, 0."""

    def __init__(self, width: float, height: float) -> None:
        self._image = Image.new("RGB", (round(width * _DRAWN), round(height * _DRAWN)), _PAPER)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def write(self, at: tuple[float, float], words: str, size: int, colour: _Colour, anchor: str = "lm") -> None:
        self._draw.text(_scaled(at), words, colour, ImageFont.load_default(size * _DRAWN), anchor=anchor)

    def line(self, ends: Sequence[tuple[float, float]], colour: _Colour, width: float = 1) -> None:
        self._draw.line([_scaled(end) for end in ends], colour, round(width * _DRAWN))

    def rectangle(
        self, edges: tuple[float, float, float, float], colour: _Colour, alpha: int, outline: _Colour | None = None
    ) -> None:
        corners = [_scaled(edges[:2]), _scaled(edges[2:])]
        self._draw.rectangle(corners, (*colour, alpha), outline, width=round(1.2 * _DRAWN) if outline else 0)

    def dot(self, at: tuple[float, float], radius: float, colour: _Colour, alpha: int) -> None:
        self._draw.circle(_scaled(at), radius * _DRAWN, (*colour, alpha))

    def diamond(self, at: tuple[float, float], radius: float, colour: _Colour, outline: _Colour) -> None:
        x, y = at
        corners = ((x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius))
        self._draw.polygon([_scaled(corner) for corner in corners], colour, outline, width=round(1.2 * _DRAWN))

    def png(self) -> bytes:
        content = BytesIO()
        self._image.reduce(_DRAWN // _KEPT).save(content, "PNG")
        return content.getvalue()


def _scaled(at: Sequence[float]) -> tuple[float, float]:
    return at[0] * _DRAWN, at[1] * _DRAWN
