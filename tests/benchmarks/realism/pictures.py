"""The comparison in pictures: distributions of the statistics, and the cases themselves side by side."""

import math
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Label, Modality, Region
from engine.synth.preview import COLOURS
from tests.benchmarks.realism.compare import HIGH, LOW
from tests.benchmarks.realism.measure import LABELS, Measured, View, percentiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURED = 10
"""Cases of either kind that are drawn: the first."""


def picture(view: View) -> list[NDArray[np.float32]]:
    """The axial slice with the largest tumour core (else tumour, else the middle one): four images, then the truth.

    An image (X, Y) runs from 0, the brain's 1st percentile, to 1, its 99.5th; the truth (X, Y, 3) is in colours.
    """
    areas = [region.mask(view.labels).sum((0, 1)) for region in (Region.TC, Region.WT)]
    level = next((int(area.argmax()) for area in areas if area.any()), view.labels.shape[2] // 2)
    tiles: list[NDArray[np.float32]] = []
    for image in view.images:
        low, high = percentiles(image[image != 0], 1, 99.5)
        shown = np.where(image[..., level] != 0, image[..., level], low)
        tiles.append(((shown - low) / ((high - low) or math.nan)).astype(np.float32))
    palette = np.array([_colour(label) for label in Label], np.float32)
    return [*tiles, palette[view.labels[..., level]]]


def draw_statistics(names: Sequence[str], real: Sequence[Measured], synthetic: Sequence[Measured]) -> bytes:
    """A PNG of the synthetic distributions as boxes (whiskers at `LOW` and `HIGH`), real cases as dots over them."""
    from matplotlib.figure import Figure

    figure = Figure((21, 15), layout="constrained")
    panels = figure.subplot_mosaic("VVUS;0123;4567")
    found: list[tuple[str, str, tuple[str, ...]]] = [
        ("V", "volume [ml]", ("volume/",)),
        ("U", "T1CE - T1 [healthy IQR]", ("intensity/T1CE - T1/",)),
        ("S", "median step between healthy neighbours [healthy IQR]", ("texture/steps/",)),
    ]
    for column, modality in enumerate(modality.display_name for modality in Modality):
        intensity = (f"intensity/{modality}/", f"healthy/{modality}/")
        found.append((f"{column}", f"{modality}: medians of labels, percentiles of healthy [healthy IQR]", intensity))
        found.append((f"{column + 4}", f"{modality}: IQR within a label [healthy IQR]", (f"texture/{modality}/",)))
    for panel, title, starts in found:
        shown = [name for start in starts for name in names if name.startswith(start) and not name.endswith("IQR")]
        panels[panel].set_title(title, fontsize=11)
        _draw_panel(panels[panel], shown, real, synthetic)
    panels["V"].set_yscale("log")
    key = f"boxes: quartiles of the synthetic cases, whiskers at {LOW} % and {HIGH} %; large dots: the real cases"
    figure.legend(*panels["V"].get_legend_handles_labels(), loc="outside lower center", ncols=5, title=key)
    return _png(figure)


def _draw_panel(axes: "Axes", names: Sequence[str], real: Sequence[Measured], synthetic: Sequence[Measured]) -> None:
    ticks = [name.rpartition("/")[2] for name in names]
    made = [[case.values[name] for case in synthetic if name in case.values] for name in names]
    style: dict[str, Any] = {"flierprops": {"marker": ".", "markersize": 3}, "medianprops": {"color": "black"}}
    boxes = axes.boxplot(made, whis=(LOW, HIGH), widths=0.8, patch_artist=True, **style)["boxes"]
    for box, tick in zip(boxes, ticks, strict=True):
        box.set(facecolor=_colour(Label[tick]) if tick in Label.__members__ else "grey", alpha=0.3)
    axes.set_xticks(range(1, len(names) + 1), ticks)
    axes.grid(axis="y", alpha=0.3)
    for index, case in enumerate(real):
        offset = 0.6 * (index + 0.5) / len(real) - 0.3
        places = [(place + offset, case.values[name]) for place, name in enumerate(names, 1) if name in case.values]
        x, y = np.array(places).reshape(-1, 2).T
        axes.plot(x, y, "o", markersize=5, color=f"C{index % 10}", label=case.id)


def draw_cases(real: Sequence[Measured], synthetic: Sequence[Measured], spacing_mm: float) -> bytes:
    """A PNG with a column for each case that has a picture, real ones on the left half; in radiological display."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    halves = [("real", real[:PICTURED])] * bool(real) + [("synthetic", synthetic[:PICTURED])]
    widths = [len(cases) for _, cases in halves]
    figure = Figure((1.3 * sum(widths), 8.2))
    subfigures = figure.subfigures(1, len(halves), squeeze=False, width_ratios=widths, wspace=0)[0]
    for half, (title, cases) in zip(subfigures, halves, strict=True):
        half.suptitle(title, fontsize=11)
        tiles = half.subplots(5, len(cases), squeeze=False)
        half.subplots_adjust(0.2 / len(cases), 0, 1, 0.93, 0.02, 0.02)
        for axes, name in zip(tiles[:, 0], (*(modality.display_name for modality in Modality), "truth"), strict=True):
            axes.set_ylabel(name, fontsize=9)
        for column, case in zip(tiles.T, cases, strict=True):
            column[0].set_title(case.id, fontsize=6.5)
            for axes, tile in zip(column, case.picture, strict=True):
                _draw_tile(axes, tile, spacing_mm)
    labels = [Patch(color=_colour(label), label=label.name) for label in LABELS]
    figure.legend(handles=labels, loc="lower right", fontsize=7, ncols=3)
    return _png(figure)


def _draw_tile(axes: "Axes", tile: NDArray[np.float32], spacing_mm: float) -> None:
    width, height = (spacing_mm * size / 2 for size in tile.shape[:2])
    axes.imshow(tile.swapaxes(0, 1), "gray", vmin=0, vmax=1, extent=(-width, width, height, -height))
    axes.set(xlim=(-80, 80), ylim=(96, -96), xticks=[], yticks=[], facecolor="black")


def _colour(label: Label) -> tuple[float, float, float]:
    red, green, blue = COLOURS.get(label, (0, 0, 0))
    return red / 255, green / 255, blue / 255


def _png(figure: "Figure") -> bytes:
    content = BytesIO()
    figure.savefig(content, dpi=100)
    return content.getvalue()
