"""How long the scores of a case take, beside MONAI's Dice and Hausdorff distance of the same masks.

`python -m tests.benchmarks.scoring [--dataset FOLDER] [--runs 5] [--json]`; without a data set on a phantom of BraTS's
size. Every case's truth is scored against itself moved a little (as a good prediction would lie), moved far, with
specks strewn over the image, and against the next case's truth. Ours are the scores of the three regions: Dice, HD95,
sensitivity, specificity, volumes; then the lesion-wise ones. MONAI's are Dice and HD95 alone, both on one thread.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from engine.data import LabelMap, Region, find_dataset, read_labels
from engine.score import lesion_scores, score
from tests.phantoms import phantom_case

BRATS_SHAPE = (240, 240, 155)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, help="cases with a truth, in place of a phantom")
    parser.add_argument("--runs", type=int, default=5, help="of each of which the median counts (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print the medians of every pair")
    options = parser.parse_args()
    monai_scores = load_monai()
    rows = []
    for name, prediction, truth in pairs(truths(options.dataset)):
        both = seconds_of(
            options.runs,
            lambda p=prediction, t=truth: score(p, t),
            lambda p=prediction, t=truth: lesion_scores(p, t),
            monai_scores(prediction, truth),
        )
        rows.append(dict(zip(("scores_s", "lesions_s", "monai_s"), both, strict=True)) | {"pair": name})
        if not options.json:
            print_row(name, *both)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print_row("median", *(statistics.median(row[key] for row in rows) for key in ("scores_s", "lesions_s", "monai_s")))
    print(
        f"most: scores {max(row['scores_s'] for row in rows):.3f} s, "
        f"with lesions {max(row['scores_s'] + row['lesions_s'] for row in rows):.3f} s; "
        f"MONAI at least {min(row['monai_s'] / row['scores_s'] for row in rows):.1f} times as long as the scores"
    )


def print_row(name: str, ours: float, lesions: float, monai: float) -> None:
    print(
        f"{name:45} scores {ours:5.3f} s, with lesions {ours + lesions:5.3f} s; MONAI {monai:5.2f} s, "
        f"{monai / ours:5.1f} times as long as the scores"
    )


def load_monai() -> Callable[[LabelMap, LabelMap], Callable[[], None]]:
    """For two label maps: MONAI's Dice and HD95 of the three regions, whose masks are made before it is timed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from monai.metrics import DiceMetric, HausdorffDistanceMetric
    torch.set_num_threads(1)
    dice = DiceMetric(include_background=True, ignore_empty=False)
    hd95 = HausdorffDistanceMetric(include_background=True, percentile=95)

    def regions(labels: LabelMap) -> torch.Tensor:
        return torch.from_numpy(np.stack([region.mask(labels.data) for region in Region])[None])

    def prepared(prediction: LabelMap, truth: LabelMap) -> Callable[[], None]:
        masks = regions(prediction), regions(truth)

        def scores() -> None:
            dice(*masks)
            hd95(*masks, spacing=truth.grid.spacing_mm)
            for metric in (dice, hd95):
                metric.aggregate()
                metric.reset()

        return scores

    return prepared


def seconds_of(runs: int, *works: Callable[[], object]) -> list[float]:
    """The median seconds of CPU of each of `works`, taken in turns after one that does not count."""
    seconds: list[list[float]] = [[] for _ in works]
    for run in range(runs + 1):
        for work, taken in zip(works, seconds, strict=True):
            begun = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # MONAI's of empty regions
                work()
            if run:
                taken.append(time.process_time() - begun)
    return [statistics.median(taken) for taken in seconds]


def truths(dataset: Path | None) -> dict[str, LabelMap]:
    if dataset is None:
        return {"phantom": phantom_case(shape=BRATS_SHAPE, modalities=[]).truth}
    cases = [files for files in find_dataset(dataset).cases if files.truth]
    return {files.id: read_labels(files.truth, files.convention) for files in cases}


def pairs(truths: dict[str, LabelMap]) -> Iterator[tuple[str, LabelMap, LabelMap]]:
    names = list(truths)
    for number, (name, truth) in enumerate(truths.items()):
        data, rng = truth.data, np.random.default_rng(number)
        strewn = data.copy()
        for _ in range(40):
            i, j, k = (int(rng.integers(size // 8, size - size // 8)) for size in data.shape)
            strewn[i : i + 3, j : j + 2, k : k + 4] = rng.integers(1, 4)
        yield f"{name}, moved 2 mm", LabelMap(np.roll(data, (1, 1, 1), (0, 1, 2)), truth.grid), truth
        yield f"{name}, moved 15 mm", LabelMap(np.roll(data, 15, 0), truth.grid), truth
        yield f"{name}, 40 specks", LabelMap(strewn, truth.grid), truth
        other = truths[names[(number + 1) % len(names)]].data
        if len(names) > 1 and other.shape == data.shape:
            yield f"{name}, the next case's truth", LabelMap(other, truth.grid), truth


if __name__ == "__main__":
    main()
