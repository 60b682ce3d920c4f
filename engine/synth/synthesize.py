"""A folder of synthetic cases that one seed decides, made case by case, so that a stopped run goes on later."""

import json
import os
import random
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from engine import RESEARCH_USE, __version__
from engine.data.atomic import write_atomically
from engine.errors import CaseError, DeviceError, ImageFileError
from engine.progress import Pace, Work
from engine.synth.anatomy import FieldOfView
from engine.synth.atlas import Atlas, load_atlas
from engine.synth.case import make_case
from engine.synth.folder import HEAD_GRID, file_names, write_case
from engine.synth.layout import Layout, check_prefix
from engine.synth.scaling import draw_scalings

RECORD_FILE = "synthetic.json"
_WRITERS = 4
_SEED_BITS = 32  # torch's generator on the CPU looks at no more


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides a case, with its number, the kind of device and the program's version.

    prefix: what ids begin with, mostly the layout's own. scaling: of `SCALINGS`.
    """

    seed: int
    layout: Layout
    prefix: str
    grid: FieldOfView = HEAD_GRID
    scaling: str = "brats"

    def case_id(self, number: int) -> str:
        """The id of case `number`, from 1."""
        return self.layout.case_id(self.prefix, number)


@dataclass(frozen=True, slots=True)
class Synthesized:
    """The ids of the cases asked for, in order, and how many of them had to be made."""

    ids: tuple[str, ...]
    made: int


def synthesize(folder: Path, count: int, recipe: Recipe, device: torch.device) -> Work[Synthesized]:
    """Write the cases 1 to `count` of a recipe into `folder`: a generator that reports the cases made.

    A case follows from the recipe, its number and the kind of device, not from `count`. Cases that are there already
    are left as they are. Closing the generator stops between cases; each case's folder is whole or not there.
    Raises CaseError where the folder, the number or the prefix do not allow it, ImageFileError where a file cannot be
    written, DeviceError where the device's memory is too small.
    """
    if count < 1:
        raise CaseError(f"--cases {count}: ask for one case at least")
    check_prefix(recipe.layout, recipe.prefix)
    _claim(folder, recipe, device)
    missing = [number for number in range(1, count + 1) if not _is_there(folder, recipe, number)]
    pace = Pace(len(missing), "making cases")
    yield pace.report(0)
    atlas = load_atlas().to(device)
    pool = ThreadPoolExecutor(_WRITERS, "writing a case")
    writing: deque[Future[None]] = deque()
    try:
        for begun, number in enumerate(missing, start=1):
            writing.append(_begin(pool, atlas, folder, recipe, number))
            while writing and (writing[0].done() or len(writing) > _WRITERS or begun == len(missing)):
                writing.popleft().result()
                yield pace.report(begun - len(writing))
    finally:
        pool.shutdown(cancel_futures=True)
    return Synthesized(tuple(recipe.case_id(number) for number in range(1, count + 1)), len(missing))


def _begin(pool: ThreadPoolExecutor, atlas: Atlas, folder: Path, recipe: Recipe, number: int) -> Future[None]:
    """Make a case, and begin to write it while the next is made."""
    chance = random.Random(f"synthesize {recipe.seed} {number}")  # by text: shared with no other seed, nor a training
    try:
        case = make_case(atlas, recipe.grid, chance.getrandbits(_SEED_BITS))
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"{atlas.maps.device}: not enough memory for a case; choose the cpu") from error
    scalings = draw_scalings(recipe.scaling, len(case.images), chance)
    remark = f"synthetic, BraTS Viewer {__version__}, seed {recipe.seed}, case {number}"
    target = folder / recipe.case_id(number)
    return pool.submit(write_case, case, target, recipe.layout, recipe.grid, scalings, remark)


def _claim(folder: Path, recipe: Recipe, device: torch.device) -> None:
    """Make the folder this recipe's, or find that it is; raises CaseError if it holds anything else."""
    path = folder / RECORD_FILE
    wanted = {
        "version": __version__,
        "seed": recipe.seed,
        "layout": recipe.layout.name,
        "prefix": recipe.prefix,
        "spacing_mm": recipe.grid.spacing_mm,
        "scaling": recipe.scaling,
        "device": device.type,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            _compare(path, wanted)
            return
        foreign = next((path.name for path in sorted(folder.iterdir()) if not path.name.startswith(".")), None)
    except OSError as error:
        raise ImageFileError(f"{folder}: cannot be used ({error.strerror or error}); choose another folder") from error
    if foreign is not None:
        raise CaseError(f"{folder}: holds {foreign} and is none of this command's; choose a new or an empty folder")
    record = {"program": "brats-viewer", "kind": "synthetic cases", "notice": RESEARCH_USE, **wanted}
    write_atomically({path: (json.dumps(record, indent=2) + "\n").encode()})


def _compare(path: Path, wanted: dict[str, object]) -> None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = {key: record[key] for key in wanted}
    except (ValueError, KeyError, TypeError) as error:
        raise CaseError(f"{path}: is no record of this command; choose another folder") from error
    other = [key for key in wanted if found[key] != wanted[key]]
    if other:
        has, asked = (", ".join(f"{key} {values[key]}" for key in other) for values in (found, wanted))
        raise CaseError(f"{path.parent}: its cases are of {has}, not of {asked}; choose another folder")


def _is_there(folder: Path, recipe: Recipe, number: int) -> bool:
    """Whether a case is there whole; raises CaseError if only a part of it is."""
    case = folder / recipe.case_id(number)
    if not os.path.lexists(case):
        return False
    names = file_names(recipe.layout, case.name)
    lacking = [name for name in names if not (case / name).is_file()]
    if lacking:
        raise CaseError(f"{case}: lacks {lacking[0]}; remove the folder, and the case is made again")
    return True
