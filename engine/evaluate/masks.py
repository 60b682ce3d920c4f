"""Masks that somebody else made of a data set's cases, to be scored and compared like those of a model of ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.data import CONVENTIONS, CaseFiles, LabelConvention, LabelMap, decide_convention, read_labels
from engine.data.find import folders_in
from engine.data.naming import is_nifti_name, read_name, stem
from engine.errors import CaseError, EvaluationError, LabelConventionError

_BETWEEN_WORDS = "_-."
_OWN_FOLDER = "masks"
"""Where an evaluation keeps its masks: of such a folder, the name of the one above says more."""


@dataclass(frozen=True, slots=True)
class Masks:
    """A folder that holds, at any depth, a mask for each case, named by the case.

    That is `<id>.nii.gz`, or `<id>_` and anything that is no image's name, or any such name in a folder `<id>`.
    convention: what their integers mean; by default what a file's own naming or record says, and else the case's.
    """

    folder: Path
    convention: LabelConvention | None = None

    @property
    def name(self) -> str:
        """What people call them."""
        folder = self.folder.resolve()
        return folder.parent.name if folder.name == _OWN_FOLDER and folder.parent.name else folder.name

    def find(self, cases: Iterable[str]) -> "FoundMasks":
        """Which file is the mask of which case; raises EvaluationError if the folder is none or holds no masks."""
        if not self.folder.is_dir():
            raise EvaluationError(f"{self.folder}: is not a folder; name the folder that holds the masks")
        ids = {case.casefold(): case for case in cases}
        found: dict[str, list[Path]] = {}
        some = False
        for path in _mask_files(self.folder):
            some = True
            case = _case_of(path, ids)
            if case is not None:
                found.setdefault(ids[case], []).append(path)
        if not some:
            raise EvaluationError(f"{self.folder}: holds no masks (.nii or .nii.gz); name the folder that does")
        return FoundMasks(self.folder, found)

    def read(self, path: Path, files: CaseFiles, truth: LabelMap) -> LabelMap:
        """The mask of a case, on the truth's grid.

        Raises CaseError if it lies on another grid, ImageFileError, and LabelConventionError where it is not known
        what its integers mean, or they contradict it.
        """
        convention = self.convention or decide_convention(path)[0] or files.convention
        if convention is None:
            names = "|".join(CONVENTIONS)
            raise LabelConventionError(
                f"{path}: which integer means which label is not known; say --mask-labels {names}"
            )
        try:
            return read_labels(path, convention, grid=truth.grid)
        except LabelConventionError as error:
            raise LabelConventionError(f"{error}; for masks that are given: --mask-labels") from error


@dataclass(frozen=True, slots=True)
class FoundMasks:
    """The files that could be the mask of each case, by its id."""

    folder: Path
    of_case: Mapping[str, list[Path]]

    def mask_of(self, case: str) -> Path:
        """The one file that is named as the case, or else the only one whose name begins so; raises CaseError."""
        files = self.of_case.get(case, [])
        exact = [path for path in files if stem(path.name).casefold() == case.casefold()]
        for choice in (exact, files):
            if len(choice) == 1:
                return choice[0]
        if not files:
            raise CaseError(f"{self.folder}: holds no mask of {case}; name it {case}.nii.gz")
        names = ", ".join(str(path.relative_to(self.folder)) for path in exact or files)
        raise CaseError(f"{self.folder}: several files could be the mask of {case} ({names}); keep one of them")


def _mask_files(folder: Path) -> Iterable[Path]:
    for inside in folders_in(folder):
        for path in sorted(inside.iterdir()):
            if path.is_file() and is_nifti_name(path.name):
                reading = read_name(path.name)
                if reading is None or reading.slot == "truth":
                    yield path


def _case_of(path: Path, ids: Mapping[str, str]) -> str | None:
    """The longest of `ids` that the file's name is or begins with, up to the end of a word, or its folder's is."""
    name = stem(path.name).casefold()
    ends = [len(name), *(place for place in range(len(name) - 1, 0, -1) if name[place] in _BETWEEN_WORDS)]
    begun = next((name[:end] for end in ends if name[:end] in ids), None)
    folder = path.parent.name.casefold()
    return begun or (folder if folder in ids else None)
