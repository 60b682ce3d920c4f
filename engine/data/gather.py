"""Gathering the images of one folder into cases, by their names and a dataset.json."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.data.case import CaseFiles, ImageSource, Modality
from engine.data.convention import decide_convention
from engine.data.dataset_json import Dataset, dataset_of
from engine.data.mark import is_prediction
from engine.data.naming import Slot, is_nifti_name, read_name, stem
from engine.data.nifti import read_header
from engine.errors import CaseError, ImageFileError

_CHANNEL = re.compile(r"(.+)_(000\d)$")  # nnU-Net's file for one channel
_DECATHLON = re.compile(r"BRATS_\d+$")
_DECATHLON_CHANNELS = (Modality.T2F, Modality.T1N, Modality.T1C, Modality.T2W)
_FOREIGN_ID_COST = 2
_MOST_VOLUMES = 16
_UPENN_TRUTHS = (("images_segm", "_segm"), ("automated_segm", "_automated_approx_segm"))


@dataclass(slots=True)
class _Group:
    """The images of one case: per slot its candidates with their cost, and the slots that the names leave open."""

    id: str
    candidates: dict[Slot, list[tuple[int, ImageSource]]] = field(default_factory=dict)

    def add(self, slot: Slot, source: ImageSource, cost: int = 0) -> None:
        self.candidates.setdefault(slot, []).append((cost, source))

    @property
    def has_images(self) -> bool:
        return any(slot != "truth" for slot in self.candidates)


def cases_in(folder: Path) -> list[CaseFiles]:
    """The cases whose images lie directly in `folder`, sorted by id. Raises CaseError if it cannot be read."""
    try:
        paths = sorted(path for path in folder.iterdir() if is_nifti_name(path.name) and path.is_file())
    except PermissionError:
        return []  # a tree may hold folders of others
    except OSError as error:
        raise CaseError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if not paths or folder.name.lower().startswith("labels"):
        return []
    dataset = dataset_of(folder)
    groups: dict[str, _Group] = {}
    loose: list[tuple[Path, int]] = []
    for path in paths:
        volumes, ours = _peek(path)
        if not ours and not _place(groups, path, volumes, dataset):
            loose.append((path, volumes))
    if not any(group.has_images for group in groups.values()):
        for path, volumes in loose:
            _place_unsure(groups, path, volumes)
        loose = [(path, volumes) for path, volumes in loose if not _is_candidate(groups, path)]
    return _cases(folder, list(groups.values()), [path for path, _ in loose])


def loose_case(folder: Path, paths: Sequence[Path]) -> CaseFiles:
    """A case of images whose names say nothing: none is in place, a person must say which is what."""
    name = stem(paths[0].name) if len(paths) == 1 else folder.resolve().name
    group = _Group(name)
    for path in paths:
        _add_volumes(group, path, _peek(path)[0])
    return _case(folder, group, [path for path in paths if not _is_candidate({name: group}, path)])


def _peek(path: Path) -> tuple[int, bool]:
    """Number of volumes of a file, and whether it is a prediction of ours; what is damaged is reported on opening."""
    try:
        header = read_header(path)
    except ImageFileError:
        return 1, is_prediction(path, "")
    return header.volumes, is_prediction(path, header.description)


def _place(groups: dict[str, _Group], path: Path, volumes: int, dataset: Dataset | None) -> bool:
    """Put a file into the group of its case if its name, or a dataset.json, says what it is."""
    name = stem(path.name)
    channels: Mapping[int, Modality | None] = dataset.channels if dataset is not None else {}
    numbered = _CHANNEL.match(name)
    if channels and numbered is not None:
        modality = channels.get(int(numbered[2]))
        if modality is not None:
            _group(groups, numbered[1]).add(modality, ImageSource(path))
        return modality is not None
    if volumes > 1:
        if not channels and _DECATHLON.match(name):
            channels = dict(enumerate(_DECATHLON_CHANNELS))
        if len(channels) == volumes:
            for index, modality in channels.items():
                if modality is not None:
                    _group(groups, name).add(modality, ImageSource(path, index))
            return True
    reading = read_name(path.name)
    if reading is None:
        return False
    group = _group(groups, reading.id or path.parent.resolve().name)
    for index in range(min(volumes, _MOST_VOLUMES)):
        group.add(reading.slot, ImageSource(path, index if volumes > 1 else None), reading.cost)
    return True


def _place_unsure(groups: dict[str, _Group], path: Path, volumes: int) -> None:
    """Put a file that can be any modality into the group of its case: nnU-Net's numbered channels, or a 4D file."""
    numbered = _CHANNEL.match(stem(path.name))
    if numbered is not None:
        for modality in Modality:
            _group(groups, numbered[1]).add(modality, ImageSource(path))
    elif volumes > 1:
        _add_volumes(_group(groups, stem(path.name)), path, volumes)


def _add_volumes(group: _Group, path: Path, volumes: int) -> None:
    if 1 < volumes <= _MOST_VOLUMES:
        for modality in Modality:
            for index in range(volumes):
                group.add(modality, ImageSource(path, index))


def _group(groups: dict[str, _Group], case_id: str) -> _Group:
    return groups.setdefault(case_id.lower(), _Group(case_id))


def _is_candidate(groups: Mapping[str, _Group], path: Path) -> bool:
    found = (source for group in groups.values() for slot in group.candidates.values() for _, source in slot)
    return any(source.path == path for source in found)


def _cases(folder: Path, groups: list[_Group], loose: list[Path]) -> list[CaseFiles]:
    """The cases of a folder's groups; a truth of another id belongs to the images if they are of one case only."""
    with_images = sorted((group for group in groups if group.has_images), key=lambda group: group.id)
    orphans = [found for group in groups if not group.has_images for found in group.candidates.get("truth", ())]
    if len(with_images) == 1:
        for cost, source in orphans:
            with_images[0].add("truth", source, cost + _FOREIGN_ID_COST)
        return [_case(folder, with_images[0], loose)]
    loose = sorted([*loose, *(source.path for _, source in orphans)])
    return [_case(folder, group, [path for path in loose if path.name.startswith(group.id)]) for group in with_images]


def _case(folder: Path, group: _Group, loose: list[Path]) -> CaseFiles:
    images: dict[Modality, ImageSource] = {}
    ambiguous: dict[str, tuple[ImageSource, ...]] = {}
    truth: Path | None = None
    beaten: list[Path] = []
    for slot, candidates in group.candidates.items():
        least = min(cost for cost, _ in candidates)
        best = [source for cost, source in candidates if cost == least]
        beaten += [source.path for cost, source in candidates if cost > least]
        if len(best) > 1:
            ambiguous[slot] = tuple(best)
        elif isinstance(slot, Modality):
            images[slot] = best[0]
        else:
            truth = best[0].path
    if truth is None and "truth" not in ambiguous:
        truth = _truth_elsewhere(folder, group.id)
    known = truth or next((source.path for source in images.values()), folder)
    convention, reason = decide_convention(known)
    return CaseFiles(
        id=group.id,
        folder=folder,
        images={modality: images[modality] for modality in Modality if modality in images},
        truth=truth,
        missing=tuple(m for m in Modality if m not in images and m not in ambiguous),
        ambiguous=ambiguous,
        unused=tuple(sorted({*loose, *beaten})),
        convention=convention,
        convention_reason=reason,
    )


def _truth_elsewhere(folder: Path, case_id: str) -> Path | None:
    """The truth in a folder beside the images': labelsTr beside imagesTr, UPENN-GBM's two folders of segmentations."""
    places: list[Path] = []
    if folder.name.lower().startswith("images"):
        places.append(folder.with_name("labels" + folder.name[len("images") :]) / case_id)
    if folder.parent.name == "images_structural":
        places += [folder.parent.parent / name / (case_id + ending) for name, ending in _UPENN_TRUTHS]
    for place in places:
        for suffix in (".nii.gz", ".nii"):
            path = place.with_name(place.name + suffix)
            if path.is_file() and not is_prediction(path):
                return path
    return None
