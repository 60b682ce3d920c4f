"""Finding the files of cases, by their names alone, in the layouts that BraTS data come in.

What the names do not decide comes back as data (`CaseFiles.ambiguous`, `missing`, `unused`), for a person to correct.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from engine.data.case import CaseFiles, ImageSource, Modality
from engine.data.foreign import advice
from engine.data.gather import cases_in, loose_case
from engine.data.mark import is_evaluation
from engine.data.naming import is_nifti_name, stem
from engine.errors import CaseError

_DEPTH = 3
_SHOWN = 3


def find_case(path: Path, assign: Mapping[Modality, ImageSource] | None = None) -> CaseFiles:
    """The case in a folder, or the one that an image file belongs to.

    Where one folder holds several cases, they are told apart by what stands before the sequence's name, and `path`
    is a file of the one meant. A folder without images may hold the case in a folder inside. `assign` is a person's
    correction: it puts these images in these places, whatever the names say.
    Raises CaseError if nothing is there that could be a case, or more than one.
    """
    assign = assign or {}
    for source in assign.values():
        if not source.path.is_file():
            raise CaseError(f"{source.path}: there is no such file; choose another")
    if path.is_dir():
        found = _case_of_folder(path, assign)
    elif path.is_file():
        found = _case_of_file(path)
    else:
        raise CaseError(f"{path}: there is no such file or folder; check the name")
    return _assigned(found, assign)


def named_cases(folder: Path) -> list[CaseFiles]:
    """The cases whose images lie directly in `folder`; a 4D file is one only where a name says what its volumes are."""
    return [case for case in cases_in(folder) if _is_named(case)]


def _is_named(case: CaseFiles) -> bool:
    candidates = (source for sources in case.ambiguous.values() for source in sources)
    return bool(case.images) or any(source.volume is None for source in candidates)


def _case_of_folder(folder: Path, assign: Mapping[Modality, ImageSource]) -> CaseFiles:
    cases = cases_in(folder)
    if not cases:
        inside = (case for deeper in folders_in(folder, _DEPTH) for case in named_cases(deeper))
        cases = list(islice(inside, _SHOWN + 1))
    if len(cases) == 1:
        return cases[0]
    if assign:
        return _case_of_file(next(iter(assign.values())).path)
    if not cases:
        if images := _images(folder):
            return loose_case(folder, images)
        raise no_case(folder)
    if any(case.folder != folder for case in cases):
        folders = dict.fromkeys(str(case.folder.relative_to(folder)) for case in cases[:_SHOWN])
        examples = ", ".join(folders)
        raise CaseError(f"{folder}: holds several cases; open the folder of one ({examples}, ...)")
    examples = ", ".join(case.id for case in cases[:_SHOWN])
    raise CaseError(
        f"{folder}: holds {len(cases)} cases ({examples}{', ...' if len(cases) > _SHOWN else ''}); open a file of one"
    )


def _case_of_file(path: Path) -> CaseFiles:
    if not is_nifti_name(path.name):
        raise CaseError(f"{path}: {advice(path) or 'is not a NIfTI image (.nii or .nii.gz)'}")
    cases = cases_in(path.parent)
    for case in cases:
        if path.name in {file.name for file in _files_of(case) if file.parent == path.parent}:
            return case
    if len(cases) == 1:
        return cases[0]
    owners = [case for case in cases if stem(path.name).startswith(case.id)]
    return owners[0] if len(owners) == 1 else loose_case(path.parent, [path])


def _files_of(case: CaseFiles) -> Iterator[Path]:
    yield from (source.path for source in case.images.values())
    yield from (source.path for sources in case.ambiguous.values() for source in sources)
    if case.truth is not None:
        yield case.truth


def _assigned(case: CaseFiles, assign: Mapping[Modality, ImageSource]) -> CaseFiles:
    """The case with a person's choice of images in place of what the names said."""
    if not assign:
        return case
    taken = set(assign.values())
    images = {modality: source for modality, source in case.images.items() if source not in taken}
    images.update(assign)
    open_slots = {
        slot: tuple(source for source in sources if source not in taken)
        for slot, sources in case.ambiguous.items()
        if slot not in assign
    }
    ambiguous = {slot: sources for slot, sources in open_slots.items() if sources}
    paths = {source.path for source in images.values()}
    return replace(
        case,
        images={modality: images[modality] for modality in Modality if modality in images},
        truth=None if case.truth in paths else case.truth,
        ambiguous=ambiguous,
        missing=tuple(modality for modality in Modality if modality not in images and modality not in ambiguous),
        unused=tuple(path for path in case.unused if path not in paths),
    )


def folders_in(
    root: Path, depth: int | None = None, on_error: Callable[[OSError], None] | None = None
) -> Iterator[Path]:
    """`root` and the folders inside, sorted; links are followed, but never twice to one place.

    Hidden folders are left out, and those that hold the results of an evaluation. `on_error` is told of a folder that
    cannot be listed.
    """
    seen: set[str] = set()
    for current, names, _ in os.walk(root, followlinks=True, onerror=on_error):
        place = os.path.realpath(current)
        level = len(Path(current).relative_to(root).parts)
        if place in seen:
            names.clear()
            continue
        seen.add(place)
        beyond = depth is not None and level >= depth
        names[:] = [] if beyond else sorted(name for name in names if not _is_skipped(Path(current, name)))
        yield Path(current)


def _is_skipped(folder: Path) -> bool:
    return folder.name.startswith((".", "~", "__MACOSX")) or is_evaluation(folder)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_nifti_name(path.name) and path.is_file())


def no_case(folder: Path) -> CaseError:
    """The error that says what a folder without a case holds instead, as far as that helps."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        return CaseError(f"{folder}: cannot be read ({error.strerror or error})")
    for file in files:
        if text := advice(file):
            return CaseError(f"{folder}: holds no NIfTI image; {file.name} {text}")
    return CaseError(
        f"{folder}: holds no images that are named as a case's (such as id_t1.nii.gz, id_t1ce.nii.gz, id_t2.nii.gz, "
        "id_flair.nii.gz); choose another folder or rename them"
    )
