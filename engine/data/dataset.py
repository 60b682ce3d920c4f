"""Finding all cases of a data set, by their names alone, in every layout that `find_case` knows.

A data set is a folder of case folders, at any depth (HGG and LGG of BraTS 2018 and 2019), or one of many cases' files
(Decathlon, nnU-Net). What looks like a case and is none is told with its reason, so that no case is lost in silence.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.data.case import CaseFiles
from engine.data.find import folders_in, named_cases, no_case
from engine.data.foreign import advice
from engine.data.mark import is_prediction
from engine.data.naming import is_nifti_name, read_name
from engine.errors import CaseError

_HASH_DIGITS = 24
_RESULTS = ("pred", "result", "output", "infer")


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """The cases found in a data set's folder, before anything of them is read.

    `cases` are sorted by id, and no two ids are equal, small and capital letters taken as the same: they name files.
    `unreadable` says of each folder that has images, but none that are a case's, what is wrong with it.
    """

    root: Path
    cases: tuple[CaseFiles, ...]
    unreadable: Mapping[Path, str]


def find_dataset(root: Path) -> DatasetFiles:
    """Every case in a folder and the folders inside it; hidden folders and results of evaluations are left out.

    An id that several cases have is made distinct by the names of their folders (visit1 becomes patient7_visit1).
    Raises CaseError if there is no such folder, no case in it, or an id that cannot be made distinct.
    """
    if not root.is_dir():
        raise CaseError(f"{root}: is not a folder; name the folder that holds the cases")
    cases: list[CaseFiles] = []
    unreadable: dict[Path, str] = {}
    of_one_case: set[Path] = set()

    def cannot_list(error: OSError) -> None:
        unreadable[Path(error.filename)] = f"{error.filename}: cannot be read ({error.strerror or error})"

    for folder in folders_in(root, on_error=cannot_list):
        try:
            found = named_cases(folder)
            if not found and of_one_case.isdisjoint(folder.parents) and _looks_like_a_case(folder):
                unreadable[folder] = str(no_case(folder))
        except CaseError as error:
            unreadable[folder] = str(error)
            continue
        cases += found
        if len(found) == 1:
            of_one_case.add(folder)
    if not cases:
        raise CaseError(next(iter(unreadable.values()), str(no_case(root))))
    return DatasetFiles(root, tuple(sorted(_distinct(cases, root), key=lambda case: case.id)), unreadable)


def _looks_like_a_case(folder: Path) -> bool:
    """Whether a folder has images, in any format, that are not all masks: somebody may take it for a case."""
    if folder.name.lower().startswith(("labels", *_RESULTS)):
        return False
    try:
        files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    except OSError as error:
        raise CaseError(f"{folder}: cannot be read ({error.strerror or error})") from error
    return any(_may_be_image(path) for path in files)


def _may_be_image(path: Path) -> bool:
    if not is_nifti_name(path.name):
        return advice(path) is not None
    reading = read_name(path.name)
    return (reading is None or reading.slot != "truth") and not is_prediction(path)


def _distinct(cases: Sequence[CaseFiles], root: Path) -> list[CaseFiles]:
    """The cases with ids of which no two are equal; raises CaseError where their folders do not tell them apart."""
    repeated = _repeated(case.id for case in cases)
    named = [replace(case, id=_long_id(case, root)) if case.id.casefold() in repeated else case for case in cases]
    if still := _repeated(case.id for case in named):
        one, other, *_ = (case for case in named if case.id.casefold() in still)
        raise CaseError(
            f"{root}: the cases in {one.folder.relative_to(root)} and {other.folder.relative_to(root)} would both be "
            f"named {one.id}; rename one"
        )
    return named


def _repeated(ids: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(name.casefold() for name in ids).items() if count > 1}


def _long_id(case: CaseFiles, root: Path) -> str:
    parts = list(case.folder.relative_to(root).parts)
    if not parts or parts[-1].casefold() != case.id.casefold():
        parts.append(case.id)
    return "_".join(parts)


def fingerprint(files: CaseFiles, root: Path) -> str:
    """A hash that changes when a case's files do: which they are, their sizes, their times, their labels' convention.

    What lies in them is not read.
    """
    sources = {str(modality): source for modality, source in files.images.items()}
    convention = files.convention
    lines = [f"{convention.name} {sorted(convention.values.items())}" if convention else ""]
    lines += [f"{slot} {source.volume} {_state(source.path, root)}" for slot, source in sources.items()]
    if files.truth is not None:
        lines.append(f"truth {_state(files.truth, root)}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_HASH_DIGITS]


def _state(path: Path, root: Path) -> str:
    try:
        facts = path.stat()
    except OSError:
        return f"{path.name} is gone"
    place = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{place.as_posix()} {facts.st_size} {facts.st_mtime_ns}"
