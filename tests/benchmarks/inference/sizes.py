"""How the time of a case grows with the brain: five sizes, one pass each, by a network that sees the brain whole."""

from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import torch

from engine.model import find_model
from engine.model.bundle import architecture, network_config, save_bundle
from engine.model.unet import UNet
from engine.predict import segment, warm_up
from engine.progress import finish
from tests.phantoms import phantom_case

SHAPES = [(140, 140, 90), (170, 170, 110), (195, 195, 126), (220, 220, 142), (240, 240, 155)]


def plot_sizes(path: Path, model: str, runs: int) -> str:
    """Draw median seconds by millilitres of brain to `path`; returns the figures as lines.

    The network is of the model's shape, with batch norms, so that it may see a brain whole, random weights and 1 mm.
    """
    with TemporaryDirectory() as folder:
        bundle = whole_brain_bundle(Path(folder, "whole"), model)
        finish(warm_up(model=bundle, device="cpu"))
        rows = [measured(shape, bundle, runs) for shape in SHAPES]
    volumes, seconds = np.array(rows).T
    slope, start = np.polyfit(volumes, seconds, 1)
    apart = np.abs(slope * volumes + start - seconds).max() / seconds.max()
    draw(path, volumes, seconds, slope, start)
    lines = [f"{volume:6.0f} ml {taken:6.2f} s" for volume, taken in rows]
    return "\n".join([*lines, f"{1000 * slope:.2f} s a litre and {start:.2f} s; off the line by {apart:.1%} at most"])


def whole_brain_bundle(folder: Path, model: str) -> str:
    card = find_model(model)
    config = replace(network_config(card), norm="batch")
    torch.manual_seed(0)
    whole = replace(card, architecture=architecture(config), spacing_mm=(1.0, 1.0, 1.0), any_window=True)
    save_bundle(folder, whole, UNet(config).state_dict())
    return str(folder)


def measured(shape: tuple[int, int, int], bundle: str, runs: int) -> tuple[float, float]:
    """The brain's millilitres, and the median seconds of a pass over it after one that does not count."""
    case = phantom_case(shape=shape)
    volume_ml = np.count_nonzero(next(iter(case.images.values())).data) * case.native.voxel_ml
    taken = []
    for _ in range(runs + 1):
        began = perf_counter()
        finish(segment(case, model=bundle, device="cpu", tta="none"))
        taken.append(perf_counter() - began)
    return volume_ml, median(taken[1:])


def draw(path: Path, volumes: np.ndarray, seconds: np.ndarray, slope: float, start: float) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    axes.plot(volumes, seconds, "o")
    axes.plot(volumes, slope * volumes + start, "-", linewidth=1)
    axes.set(xlabel="brain (ml)", ylabel="seconds of a pass, from images to labels", ylim=(0, None), xlim=(0, None))
    figure.savefig(path, dpi=120)
