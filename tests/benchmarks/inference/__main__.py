"""How long a case takes from its files to a saved mask, beside MONAI's and nnU-Net v2's way with the same weights.

`python -m tests.benchmarks.inference [--case FOLDER] [--model NAME] [--runs 3] [--full] [--plot FILE.png]`

Ours is `segment` with eight mirrorings on the CPU, ready from the case before, and each backend that the CPU has units
for. The others read, prepare, label and save as ours does; their network's time is that of a window of theirs with its
eight mirrorings, timed anew in each run, by the number of their windows; with --full the whole is timed instead.
nnU-Net takes part where nnunetv2 is installed. --plot times one pass over five brains of different size, by a network
of the model's size that sees them whole.

Seconds are of the wall clock: let nothing else run meanwhile. One run of all in turn, then the next; told are medians,
and the medians of the ratios within a run.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import torch

from engine.data import LabelMap, Segmentation, find_case, load_case, output_convention, save_segmentation
from engine.model import DEFAULT_MODEL, find_model
from engine.model.bundle import load_network
from engine.predict import segment, warm_up
from engine.predict.backends.choice import candidates
from engine.predict.pipeline import labels_of
from engine.predict.prepare import prepare
from engine.progress import finish
from engine.resources import resource
from tests.benchmarks.inference.peers import CPU, PEERS, ROI, window_count
from tests.benchmarks.inference.sizes import plot_sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", type=Path, help="default: the sample case")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, help="default: what torch takes")
    parser.add_argument("--full", action="store_true", help="time the others whole, not a window of theirs")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="time five sizes instead, and draw them")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.plot:
        print(plot_sizes(options.plot, options.model, options.runs))
        return
    folder = options.case or next(path for path in sorted(resource("sample").iterdir()) if path.is_dir())
    seconds = {name: [] for name in (*candidates(CPU), *PEERS)}
    shape = None
    for run in range(options.runs):
        print(f"run {run + 1} of {options.runs}", file=sys.stderr)
        for name in list(seconds):
            if name in PEERS:
                taken, shape = peer_seconds(name, folder, options.model, full=options.full)
            else:
                finish(warm_up(model=options.model, device="cpu", backend=name))
                taken = our_seconds(name, folder, options.model)
            if taken is None:
                print(f"{name} is not installed", file=sys.stderr)
                del seconds[name]
            else:
                seconds[name].append(taken)
    print(table(seconds, shape))


def table(seconds: dict[str, list[float]], shape: tuple[int, int, int] | None) -> str:
    ours = [name for name in seconds if name not in PEERS]
    windows = f"their windows: {window_count(shape)} over {shape}" if shape else ""
    lines = [f"{torch.get_num_threads()} threads; {windows}"]
    for name, taken in seconds.items():
        ratios = "".join(
            f"  {median(one / our for one, our in zip(taken, seconds[mine], strict=True)):5.1f} x {mine}"
            for mine in ours
        )
        lines.append(f"{name:14} {median(taken):7.2f} s{ratios}")
    return "\n".join(lines)


def our_seconds(backend: str, folder: Path, model: str) -> float:
    """From files to a saved mask."""
    began = perf_counter()
    files = find_case(folder)
    case = finish(load_case(files, truth=False))
    made = finish(segment(case, model=model, device="cpu", backend=backend, tta="flips"))
    with TemporaryDirectory() as out:
        save_segmentation(Path(out, "mask.nii.gz"), made, case, output_convention(files))
        return perf_counter() - began


def peer_seconds(name: str, folder: Path, model: str, *, full: bool) -> tuple[float | None, tuple[int, int, int]]:
    """The same by a peer, None if it is not installed; and the shape of what it is given."""
    began = perf_counter()
    files = find_case(folder)
    case = finish(load_case(files, truth=False))
    card = find_model(model)
    prepared = prepare(case, card)
    assert prepared is not None, "an empty case"
    network = load_network(card)
    try:
        predict = PEERS[name](network)
    except ImportError:
        return None, prepared.shape
    before = perf_counter() - began
    given = prepared.inputs if full else torch.zeros((len(card.modalities), *ROI))
    began = perf_counter()
    logits = predict(given)
    passes = (perf_counter() - began) * (1 if full else window_count(prepared.shape))
    began = perf_counter()
    crop = labels_of(logits if full else torch.zeros((len(card.regions), *prepared.shape)), prepared, card)
    labels = LabelMap(prepared.paste(crop), case.native)
    made = Segmentation(labels, case.id, card.name, card.sha256, "cpu", "flips", seconds=0.0)
    with TemporaryDirectory() as out:
        save_segmentation(Path(out, "mask.nii.gz"), made, case, output_convention(files))
        return before + passes + perf_counter() - began, prepared.shape


if __name__ == "__main__":
    main()
