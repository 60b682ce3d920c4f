"""How fast a training goes, beside a plain MONAI loop on the same cases, and what a step costs beyond its network.

`python -m tests.benchmarks.training DATASET [--cases 8] [--steps 6] [--rounds 5] [--workers 1] [--only steps|loops]`

Of one network (the default one), patches of 64^3 at 1 mm and batches of two. Ours is the loop of `engine.train` in a
run's folder, with all that it does beside (log, state, averaged weights, checkpoints), at the precision that it chooses
and at float32. MONAI's is its CacheDataset, transforms that do about the same with the same probabilities, DataLoader
with workers, DiceFocalLoss, torch's AdamW, float32. Each takes its turn in every round, then the median of the rounds
counts. A step is `Trainer.train_on`; it is compared with the network's forward and backward alone, at one precision.

Seconds of CPU, of all threads and workers, are the ones to compare where the machine does other things too.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
import torch

from engine.data import find_dataset
from engine.model.unet import UNet
from engine.runs.folder import Source, create
from engine.runs.settings import TrainConfig
from engine.runs.state import Stage
from engine.train.feed import Batch
from engine.train.loop import train
from engine.train.network import network_config
from engine.train.trainer import Trainer

CPU = torch.device("cpu")
PATCH = (64, 64, 64)
CONFIG = TrainConfig(
    steps=1_000_000, batch=2, shape=PATCH, patch=PATCH, spacing_mm=1.0, focal_gamma=2.0, drop_modality=0.0
)
_SETTLING = 4  # more than any of them makes ahead
COMPARED = (
    ("step at bfloat16", "network at bfloat16"),
    ("step at float32", "network at float32"),
    ("MONAI", "ours"),
    ("MONAI", "ours at float32"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Of a step: seconds on the clock, and of CPU in all threads and worker processes."""

    wall_s: float
    cpu_s: float


def cpu_seconds() -> float:
    """Of this process and its workers, so far."""
    workers = 0.0
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        workers += times.user + times.system
    return time.process_time() + workers


def timed(steps: int, step: Callable[[], object]) -> Timing:
    """A step, as a mean of some."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    for _ in range(steps):
        step()
    return Timing((time.perf_counter() - wall) / steps, (cpu_seconds() - cpu) / steps)


def in_turns(
    rounds: int, steps: int, contenders: dict[str, Callable[[], object]], settling: int = 0
) -> dict[str, Timing]:
    """The median step of each, taken in turns after a round that warms up.

    settling: steps at the beginning of each turn that do not count; they use up the batches that were made before, and
    give the others' threads and workers time to come to rest.
    """
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, step in contenders.items():
            for _ in range(settling):
                step()
            timing = timed(steps, step)
            if number:
                timings[name].append(timing)
    return {
        name: Timing(median(one.wall_s for one in found), median(one.cpu_s for one in found))
        for name, found in timings.items()
    }


@contextmanager
def our_loop(dataset: Path, folder: Path, config: TrainConfig) -> Iterator[Callable[[], object]]:
    """A step of a run on a data set."""
    create(folder, config, Source(dataset=dataset, device="cpu"))
    work = train(folder, device=CPU)
    with closing(work):
        while next(work).stage != Stage.TRAINING:
            pass
        yield lambda: next(work)


@contextmanager
def monai_loop(dataset: Path, config: TrainConfig, workers: int) -> Iterator[Callable[[], object]]:
    """A step of a plain loop of MONAI on the training cases of the same split."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from monai.data import CacheDataset, DataLoader
        from monai.losses import DiceFocalLoss
    cases = [
        {"image": [str(image.path) for image in files.images.values()], "label": str(files.truth)}
        for files in find_dataset(dataset).cases
    ]
    data = CacheDataset(cases, monai_transforms(), progress=False)
    loader = DataLoader(data, batch_size=config.batch, shuffle=True, num_workers=workers, persistent_workers=True)
    network, loss_of = UNet(network_config(config)), DiceFocalLoss(sigmoid=True, gamma=config.focal_gamma)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def batches() -> Generator[dict[str, torch.Tensor], None, None]:
        while True:
            yield from loader

    feed = batches()

    def step() -> None:
        batch = next(feed)
        optimiser.zero_grad()
        loss = loss_of(network(batch["image"].as_tensor()), batch["label"].as_tensor())
        loss.backward()
        optimiser.step()
        loss.item()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield step
    feed.close()


def monai_transforms() -> object:
    """What MONAI's tutorials do with BraTS, then nnU-Net's augmentation as far as MONAI has it."""
    from monai import transforms as m

    both = ["image", "label"]
    return m.Compose(
        [
            m.LoadImaged(both, image_only=True),
            m.EnsureChannelFirstd(both),
            m.ConvertToMultiChannelBasedOnBratsClassesd("label"),
            m.Orientationd(both, "LPS", labels=None),
            m.CropForegroundd(both, source_key="image", allow_smaller=True),
            m.NormalizeIntensityd("image", nonzero=True, channel_wise=True),
            m.RandCropByPosNegLabeld(both, label_key="label", spatial_size=PATCH, pos=1, neg=1, num_samples=1),
            m.RandRotated(both, *(3 * [0.52]), prob=0.2, mode=("bilinear", "nearest")),
            m.RandZoomd(both, prob=0.2, min_zoom=0.7, max_zoom=1.4, mode=("trilinear", "nearest")),
            m.RandGaussianNoised("image", prob=0.1, std=0.2),
            m.RandGaussianSmoothd("image", *(3 * [(0.5, 1.0)]), prob=0.2),
            m.RandScaleIntensityd("image", factors=0.25, prob=0.15),
            m.RandAdjustContrastd("image", gamma=(0.7, 1.5), prob=0.3),
            m.RandSimulateLowResolutiond("image", zoom_range=(0.5, 1), prob=0.25),
            *(m.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in range(3)),
        ]
    )


def time_loops(dataset: Path, rounds: int, steps: int, workers: int) -> dict[str, Timing]:
    """A step of each loop."""
    with (
        TemporaryDirectory() as folder,
        our_loop(dataset, Path(folder, "chosen"), CONFIG) as chosen,
        our_loop(dataset, Path(folder, "float32"), replace(CONFIG, precision="float32")) as float32,
        monai_loop(dataset, CONFIG, workers) as monai,
    ):
        return in_turns(rounds, steps, {"ours": chosen, "ours at float32": float32, "MONAI": monai}, _SETTLING)


def time_steps(rounds: int, steps: int) -> dict[str, Timing]:
    """Our step on a batch that is there, and the network's forward and backward on it, at each precision."""
    chance = torch.Generator().manual_seed(0)
    batch = Batch(
        torch.randn((CONFIG.batch, len(CONFIG.modalities), *PATCH), generator=chance),
        torch.randint(0, 4, (CONFIG.batch, *PATCH), generator=chance, dtype=torch.uint8),
    )
    contenders: dict[str, Callable[[], object]] = {}
    for precision in ("bfloat16", "float32"):
        trainer = Trainer(replace(CONFIG, precision=precision), CPU)
        contenders[f"step at {precision}"] = lambda trainer=trainer: trainer.train_on(batch)
        contenders[f"network at {precision}"] = lambda trainer=trainer: forward_and_backward(trainer, batch)
    return in_turns(rounds, steps, contenders)


def forward_and_backward(trainer: Trainer, batch: Batch) -> None:
    """No loss, no optimiser."""
    trainer.network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=trainer.half):
        logits = trainer.network(batch.images)
    logits.backward(torch.ones_like(logits))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, help="cases with a truth, in BraTS 2020 layout")
    parser.add_argument("--cases", type=int, default=8, help="how many of them (%(default)s)")
    parser.add_argument("--steps", type=int, default=6, help="of a turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of turns, after one that warms up (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of MONAI's DataLoader (%(default)s)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the CPU (%(default)s)")
    parser.add_argument("--only", choices=("steps", "loops"), help="one of the two comparisons")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    timings: dict[str, Timing] = {}
    if options.only != "loops":
        timings |= time_steps(options.rounds, options.steps)
    if options.only != "steps":
        with TemporaryDirectory() as folder:
            for files in find_dataset(options.dataset).cases[: options.cases]:
                Path(folder, files.folder.name).symlink_to(files.folder.resolve())
            timings |= time_loops(Path(folder), options.rounds, options.steps, options.workers)
    ratios = {
        f"{one} / {other}, {measure}": asdict(timings[one])[measure] / asdict(timings[other])[measure]
        for one, other in COMPARED
        if one in timings
        for measure in ("wall_s", "cpu_s")
    }
    if options.json:
        figures = {name: asdict(timing) for name, timing in timings.items()}
        print(json.dumps(figures | ratios, indent=2))
        return
    for name, timing in timings.items():
        print(f"{name:22} {timing.wall_s:6.2f} s a step, {timing.cpu_s:6.2f} s of CPU")
    for name, ratio in ratios.items():
        print(f"{name:42} {ratio:5.2f}")


if __name__ == "__main__":
    main()
