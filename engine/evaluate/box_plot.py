"""How the scores of one or several methods lie, as a picture: box plots with a dot for each case."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from engine import RESEARCH_USE
from engine.evaluate.table import COLUMNS, CaseResult
from engine.score import box
from engine.score.lesions import ABSENT_LESION_HD95_MM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart with any of the common colour visions (Okabe and Ito 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_INK, _MUTED, _GRID = "#1b1f27", "#5b6472", "#dfe3ea"
_LEGEND = "box: quartiles and median; diamond: mean; whiskers: last values within 1.5 of the box's height; dots: cases"
_MANY = 120
"""Dots of more cases than this are fainter, so that they do not run together."""
_DPI = 150


@dataclass(frozen=True, slots=True)
class _Panel:
    """One measure: its title, the ticks of its axis from end to end, and whether that is logarithmic, with a 0."""

    measure: str
    title: str
    ticks: tuple[float, ...]
    logarithmic: bool = False


_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_DISTANCES = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, ABSENT_LESION_HD95_MM)  # ends with what a missing region costs
_PANELS = (
    _Panel("dice", "Dice", _SHARES),
    _Panel("lesionwise_dice", "Lesion-wise Dice (BraTS 2023)", _SHARES),
    _Panel("hd95_mm", "HD95 (mm), less is better", _DISTANCES, logarithmic=True),
    _Panel("lesionwise_hd95_mm", "Lesion-wise HD95 (mm), less is better", _DISTANCES, logarithmic=True),
)


def draw_box_plot(methods: Mapping[str, Sequence[CaseResult]]) -> bytes:
    """A PNG of the scores of each method, by its name: Dice and HD95 of regions and of lesions, in ET, TC, WT, average.

    Boxes are Tukey's (`engine.score.Box`), with a white diamond at the mean. Each case is a dot, set off to the side by
    what its name always gives, so that it is in one place of every box.
    """
    content = BytesIO()
    plot_boxes(methods).savefig(content, format="png", dpi=_DPI)
    return content.getvalue()


def plot_boxes(methods: Mapping[str, Sequence[CaseResult]]) -> "Figure":
    """What `draw_box_plot` draws. Nothing of matplotlib's global state is touched."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure((11.2, 6.6 + 0.22 * len(methods)), layout="constrained")
    figure.supxlabel(f"{_LEGEND}\n{RESEARCH_USE}", fontsize=8, color=_MUTED)
    patches = [Patch(color=_colour(number), label=str(number), alpha=0.75) for number in range(len(methods))]
    legend = figure.legend(handles=patches, loc="outside upper left", frameon=False)
    for text, (name, results) in zip(legend.get_texts(), methods.items(), strict=True):
        text.set_parse_math(False)  # a name is a person's: neither "$" nor a "_" before it has a meaning
        text.set_text(f"{name}, {len(results)} case{'' if len(results) == 1 else 's'}")
    for panel, axes in zip(_PANELS, figure.subplots(2, 2).flat, strict=True):
        _prepare(axes, panel)
        width = min(0.62 / len(methods), 0.36)
        for number, results in enumerate(methods.values()):
            for place, column in enumerate(COLUMNS):
                known = {result.id: result.value(panel.measure, column) for result in results}
                values = {case: value for case, value in known.items() if value is not None}
                if values:
                    at = place + (number - (len(methods) - 1) / 2) * 1.2 * width
                    _plot_box(axes, at, width, values, _colour(number))
    return figure


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _prepare(axes: "Axes", panel: _Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=11, color=_INK)
    if panel.logarithmic:
        axes.set_yscale("function", functions=(np.log1p, np.expm1))
    margin = 0.0 if panel.logarithmic else 0.02  # a dot at the end is cut by no edge, as clipping is off
    axes.set_ylim(panel.ticks[0] - margin, panel.ticks[-1] + margin)
    axes.set_yticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
    axes.set_xlim(-0.5, len(COLUMNS) - 0.5)
    axes.set_xticks(range(len(COLUMNS)), COLUMNS)
    axes.tick_params(length=0, labelcolor=_MUTED)
    axes.grid(axis="y", color=_GRID)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _plot_box(axes: "Axes", at: float, width: float, values: Mapping[str, float], colour: str) -> None:
    found = box(list(values.values()))
    beside = [at + _beside(case) * 0.45 * width for case in values]
    alpha = 0.35 if len(values) > _MANY else 0.6
    axes.scatter(beside, list(values.values()), s=12, color=colour, alpha=alpha, linewidths=0, clip_on=False)
    statistics = {
        "med": found.median,
        "q1": found.quartile_1,
        "q3": found.quartile_3,
        "whislo": found.low,
        "whishi": found.high,
        "mean": sum(values.values()) / len(values),
    }
    axes.bxp(
        [statistics],
        positions=[at],
        widths=width,
        manage_ticks=False,
        patch_artist=True,
        showfliers=False,
        showmeans=True,
        boxprops={"facecolor": (colour, 0.25), "edgecolor": colour},
        medianprops={"color": _INK, "linewidth": 1.5},
        whiskerprops={"color": _MUTED},
        capprops={"color": _MUTED},
        meanprops={"marker": "D", "markersize": 5, "markerfacecolor": "white", "markeredgecolor": _INK},
    )


def _beside(case: str) -> float:
    """How far to the side a case's dot is, in [-1, 1], whatever cases are beside it."""
    return zlib.crc32(case.encode()) / 0xFFFFFFFF * 2 - 1
