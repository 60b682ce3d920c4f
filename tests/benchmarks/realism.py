"""What tells synthetic cases from real ones: the same statistics of both, and their pictures side by side.

`python -m tests.benchmarks.realism -o FOLDER [--real DATASET_FOLDER] [--cases 100] [--seed S] [--spacing 2]`

FOLDER then holds `statistics.md` (tables), `statistics.json` (every case's values), `statistics.png` and `cases.png`.
Cases are measured as a network sees them: at the model's spacing, z-scored. No two scanners share a unit of intensity,
so within an image a value counts from the median of the healthy brain (brain without a label), in units of that brain's
interquartile range (IQR). Needs matplotlib (the extra `dev`).
"""

import argparse
import importlib.util
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cli.console import watch
from engine.data import CaseFiles, Label, Modality, Region, find_dataset, load_case
from engine.data.atomic import write_atomically
from engine.errors import CaseError, EngineError
from engine.predict.prepare import prepare
from engine.progress import Pace, Work, finish
from engine.synth.case import TRAINING_GRID
from engine.synth.preview import COLOURS
from engine.train.config import TrainConfig
from engine.train.publish import blank_card
from engine.train.sources import SyntheticSource, resample_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = (Label.NCR, Label.ED, Label.ET)
LEAST_VOXELS = 20
"""Of fewer voxels nothing but the volume is told."""
PICTURED = 10
"""Cases of either kind that are drawn: the first."""
LOW, HIGH = 5, 95
"""Percentiles of the synthetic cases between which a real value is taken to be covered."""
TABLES = {
    "volume": "Volumes in ml, of the cases that have the region",
    "intensity": "Median of a label, from the healthy brain's median in units of its IQR",
    "texture": "IQR within a label, and the median step between neighbouring healthy voxels, in the same units",
    "healthy": "Percentiles of the healthy brain in the same units; its IQR in those of the whole brain's deviation",
}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A case as a network sees it, axes to left, posterior, superior.

    images: (4, X, Y, Z) float32, z-scored, 0 outside the brain. labels: (X, Y, Z) uint8, values of `Label`.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.uint8]
    spacing_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is kept of a case: its statistics by name, without those of regions that it lacks; its picture or ()."""

    id: str
    values: Mapping[str, float]
    picture: Sequence[NDArray[np.float32]]


def real_view(files: CaseFiles, config: TrainConfig) -> View:
    """A case on disk; raises EngineError if it cannot be read or lacks an image or the truth."""
    case = finish(load_case(files))
    lacking = [modality.display_name for modality in Modality if modality not in case.images]
    if case.truth is None or lacking:
        raise CaseError(f"{files.folder}: {case.id} lacks {', '.join(lacking) or 'a truth'}")
    prepared = prepare(case, replace(blank_card(config), window=(1, 1, 1)))
    if prepared is None:
        raise CaseError(f"{files.folder}: all images of {case.id} are empty")
    labels = torch.from_numpy(prepared.orientation.forward(case.truth.data)[prepared.box].copy())
    x, y, z = prepared.inputs.shape[1:]
    return View(prepared.inputs.numpy(), resample_labels(labels, (x, y, z)).numpy(), config.spacing_mm)


def synthetic_view(seed: int, config: TrainConfig) -> View:
    """A case as a training makes it."""
    example = SyntheticSource(config, torch.device("cpu")).example(seed)
    return View(example.images.numpy(), example.labels.numpy(), config.spacing_mm)


def measure(view: View) -> dict[str, float]:
    """The statistics of a case by name, which begins with the one of `TABLES` that it belongs to."""
    masks = {label.name: view.labels == label for label in LABELS}
    inside = view.images != 0
    voxel_ml = view.spacing_mm**3 / 1000
    regions = {region.name: region.mask(view.labels) for region in Region} | masks | {"brain": inside.any(0)}
    values = {f"volume/{name}": voxel_ml * mask.sum() or math.nan for name, mask in regions.items()}
    units = []
    for modality, image, brain in zip(Modality, view.images, inside, strict=True):
        name, healthy = modality.display_name, brain & (view.labels == Label.BACKGROUND)
        low, middle, high = percentiles(image[healthy], 25, 50, 75)
        units.append((image - middle) / ((high - low) or math.nan))
        for label, mask in masks.items():
            quarter, values[f"intensity/{name}/{label}"], three = percentiles(units[-1][mask & brain], 25, 50, 75)
            values[f"texture/{name}/{label}"] = three - quarter
        values[f"texture/steps/{name}"] = step_between_neighbours(units[-1], healthy)
        for at in (1, 5, 95, 99, 99.9):
            (values[f"healthy/{name}/{at} %"],) = percentiles(units[-1][healthy], at)
        values[f"healthy/{name}/IQR"] = high - low
    t1n, t1c = list(Modality).index(Modality.T1N), list(Modality).index(Modality.T1C)
    uptake = (units[t1c] - units[t1n])[masks["ET"] & inside[t1c] & inside[t1n]]
    (values["intensity/T1CE - T1/ET"],) = percentiles(uptake, 50)
    return {name: float(value) for name, value in values.items() if not math.isnan(value)}


def percentiles(values: NDArray[np.float32], *at: float) -> list[float]:
    """Percentiles, linear between ranks; NaN of fewer than `LEAST_VOXELS` values."""
    return np.percentile(values, at).tolist() if values.size >= LEAST_VOXELS else [math.nan] * len(at)


def step_between_neighbours(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Median absolute difference of voxels of `mask` that share a face: how noisy, or how smooth, an image is."""
    steps = []
    for axis in range(3):
        along, inside = image.swapaxes(0, axis), mask.swapaxes(0, axis)
        steps.append(np.abs(along[1:] - along[:-1])[inside[1:] & inside[:-1]])
    return percentiles(np.concatenate(steps), 50)[0]


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


def measure_real(root: Path, config: TrainConfig) -> Work[list[Measured]]:
    """Measure every case of a data set, one at a time; those that cannot be measured are named on stderr.

    Raises CaseError if none can.
    """
    found = find_dataset(root)
    measured: list[Measured] = []
    left_out = list(found.unreadable.values())
    pace = Pace(len(found.cases), "measuring real cases")
    for done, files in enumerate(found.cases):
        yield pace.report(done)
        try:
            view = real_view(files, config)
        except EngineError as error:
            left_out.append(str(error))
            continue
        measured.append(Measured(files.id, measure(view), picture(view) if len(measured) < PICTURED else ()))
    for reason in left_out:
        print(f"left out: {reason}", file=sys.stderr)
    if not measured:
        raise CaseError(f"{root}: none of its cases has all four images and a truth")
    return measured


def measure_synthetic(count: int, config: TrainConfig) -> Work[list[Measured]]:
    """Make and measure `count` cases, one at a time."""
    chance = random.Random(f"realism {config.seed}")  # by text: shares its cases with no other seed, nor a training
    measured: list[Measured] = []
    pace = Pace(count, "making and measuring synthetic cases")
    for done in range(count):
        yield pace.report(done)
        view = synthetic_view(chance.getrandbits(32), config)
        measured.append(Measured(f"made {done + 1}", measure(view), picture(view) if done < PICTURED else ()))
    return measured


@dataclass(frozen=True, slots=True)
class Outlier:
    """A real case's value outside the synthetic `LOW` to `HIGH` percentile.

    reached: share of the synthetic cases that lie as far out; 0 means that such a value is never made.
    distance: how far outside, in units of the width from `LOW` to `HIGH`.
    """

    case: str
    value: float
    reached: float
    distance: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A statistic of real cases (minimum, median, maximum; empty if none has it) and of synthetic ones (`LOW`, median,
    `HIGH`), with the real cases that lie outside, the furthest first.
    """

    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    outside: tuple[Outlier, ...]

    @property
    def apart(self) -> str:
        """Where half of the synthetic cases lie beyond every real one: "low", "high" or "".

        Were they alike, that would happen to ten real cases one time in five hundred.
        """
        if not self.real or self.real[0] <= self.synthetic[1] <= self.real[2]:
            return ""
        return "low" if self.synthetic[1] < self.real[0] else "high"


def compare(real: Mapping[str, float], synthetic: Sequence[float]) -> Comparison:
    """Compare a statistic's values of real cases, by id, with those of at least one synthetic case."""
    made = np.array(synthetic)
    low, middle, high = np.percentile(made, (LOW, 50, HIGH)).tolist()
    outside = []
    for case, value in real.items():
        if not low <= value <= high:
            reached = float((made <= value if value < low else made >= value).mean())
            outside.append(Outlier(case, value, reached, max(low - value, value - high) / max(high - low, 1e-6)))
    ends = tuple(np.percentile(list(real.values()), (0, 50, 100)).tolist()) if real else ()
    return Comparison(ends, (low, middle, high), tuple(sorted(outside, key=lambda one: -one.distance)))


def compare_all(real: Sequence[Measured], synthetic: Sequence[Measured]) -> dict[str, Comparison]:
    """The comparison of each statistic that any synthetic case has, by its name."""
    fullest = max(synthetic, key=lambda case: len(case.values))
    comparisons = {}
    for name in dict.fromkeys(name for case in (fullest, *synthetic) for name in case.values):
        of_real = {case.id: case.values[name] for case in real if name in case.values}
        comparisons[name] = compare(of_real, [case.values[name] for case in synthetic if name in case.values])
    return comparisons


def to_markdown(comparisons: Mapping[str, Comparison], real: Sequence[Measured], synthetic: Sequence[Measured]) -> str:
    """The tables for people: what is never made first, then every statistic."""
    lines = [f"# {len(synthetic)} synthetic cases beside {len(real)} real ones", ""]
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


def to_json(comparisons: Mapping[str, Comparison], real: Sequence[Measured], synthetic: Sequence[Measured]) -> str:
    """Every comparison, and every case's values."""
    content: dict[str, Any] = {"comparisons": {name: asdict(row) for name, row in comparisons.items()}}
    for kind, cases in (("real", real), ("synthetic", synthetic)):
        content[kind] = {
            "without": {region: _share_without(region, cases) for region in Region if cases},
            "cases": {case.id: case.values for case in cases},
        }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


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


def run(folder: Path, dataset: Path | None, count: int, seed: int, spacing_mm: float) -> None:
    """Measure, compare and write the four files; raises EngineError for what a person can mend."""
    if importlib.util.find_spec("matplotlib") is None:
        raise EngineError('matplotlib is not installed; install it with: pip install -e ".[dev]"')
    if count < 1 or not 1 <= spacing_mm <= 4:
        raise EngineError("--cases must be 1 or more, and --spacing from 1 to 4 mm")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{folder}: cannot be used ({error.strerror or error}); choose another folder") from error
    x, y, z = (round(size / spacing_mm) for size in TRAINING_GRID.size_mm)
    config = TrainConfig(seed=seed, shape=(x, y, z), spacing_mm=spacing_mm)
    real = watch(measure_real(dataset, config)) if dataset is not None else []
    synthetic = watch(measure_synthetic(count, config))
    comparisons = compare_all(real, synthetic)
    write_atomically(
        {
            folder / "statistics.md": to_markdown(comparisons, real, synthetic).encode(),
            folder / "statistics.json": to_json(comparisons, real, synthetic).encode(),
            folder / "statistics.png": draw_statistics(list(comparisons), real, synthetic),
            folder / "cases.png": draw_cases(real, synthetic, spacing_mm),
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.realism", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--real", type=Path, metavar="DATASET_FOLDER", help="real cases with their truth")
    parser.add_argument("--cases", type=int, default=100, help="synthetic cases to make (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other cases (%(default)s)")
    parser.add_argument("--spacing", type=float, default=2.0, metavar="MM", help="of the voxels (%(default)s)")
    options = parser.parse_args()
    try:
        run(options.output, options.real, options.cases, options.seed, options.spacing)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
