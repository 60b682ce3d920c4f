"""What all contenders share: the folder of a comparison, its cases, their split, and the window they train on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from engine.data import CaseFiles, find_case
from engine.data.atomic import write_atomically
from engine.data.split import Split, random_split, read_split, write_split
from engine.errors import TrainingError
from engine.progress import Work
from engine.synth.anatomy import FieldOfView
from engine.synth.layout import LAYOUTS
from engine.synth.synthesize import Recipe, synthesize

PATCH = (64, 64, 64)
BATCH = 2
SPACING_MM = 2.0
GRID = FieldOfView((120, 120, 78), SPACING_MM)
"""The field of BraTS on a grid of 2 mm."""

CONVENTION = "brats2020"
_SETUP_FILE = "setup.json"
_SPLIT_FILE = "split.json"


@dataclass(frozen=True, slots=True)
class Setup:
    """A comparison in a folder.

    minutes: of training, on the clock. threads: of the CPU, for the network of each contender; one more process or
    thread of each makes its batches. test_cases: how many of the test part are predicted.
    """

    folder: Path
    cases: int = 60
    minutes: float = 45.0
    seed: int = 0
    threads: int = 1
    test_cases: int = 12

    @property
    def dataset(self) -> Path:
        """The folder of the cases, laid out as BraTS 2020 is."""
        return self.folder / "cases"

    def split(self) -> Split:
        """Which cases train, which are left alone (no contender validates) and which are predicted."""
        layout = LAYOUTS[CONVENTION]
        ids = [layout.case_id(layout.prefix, number) for number in range(1, self.cases + 1)]
        path = self.folder / _SPLIT_FILE
        if not path.exists():
            write_split(path, random_split(ids, self.seed))
        return read_split(path, ids)

    @property
    def split_file(self) -> Path:
        """The split as a file."""
        return self.folder / _SPLIT_FILE

    def files(self, case_id: str) -> CaseFiles:
        """The files of a case."""
        return find_case(self.dataset / case_id)

    def tested(self) -> tuple[str, ...]:
        """The ids of the cases that are predicted and scored."""
        return self.split().test[: self.test_cases]

    def keep(self) -> None:
        """Write the settings into the folder; raises TrainingError if it holds a comparison of others."""
        path = self.folder / _SETUP_FILE
        wanted = asdict(self) | {"folder": None}
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            different = [name for name in wanted if found.get(name) != wanted[name] and name != "test_cases"]
            if different:
                raise TrainingError(f"{self.folder}: was begun with another {different[0]}; choose another folder")
        write_atomically({path: (json.dumps(wanted, indent=1) + "\n").encode()})

    @classmethod
    def read(cls, folder: Path) -> "Setup":
        """The settings in a folder."""
        values = json.loads((folder / _SETUP_FILE).read_text(encoding="utf-8"))
        return cls(**values | {"folder": folder})


def make_cases(setup: Setup) -> Work[None]:
    """Make the cases, as far as they are not there."""
    layout = LAYOUTS[CONVENTION]
    recipe = Recipe(setup.seed, layout, layout.prefix, GRID)
    yield from synthesize(setup.dataset, setup.cases, recipe, torch.device("cpu"))
