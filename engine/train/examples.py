"""What a run learns from and is validated on: synthetic cases, or those of a data set as its split has them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from engine.data import CaseFiles, find_dataset
from engine.data.atomic import write_atomically
from engine.data.dataset_check import CheckedCase, check_dataset
from engine.data.split import Split, fold_split, parse_fold, random_split, read_split, write_split
from engine.errors import TrainingError
from engine.progress import Work
from engine.runs.folder import CASES_FILE, SPLIT_FILE
from engine.runs.folder import Source as RunSource
from engine.runs.settings import TrainConfig
from engine.train.feed import Example, Source
from engine.train.sources import FolderSource, SyntheticSource, prepare_dataset
from engine.train.validate import synthetic_cases

_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The training samples, and the cases that validate, by their ids.

    validation: of each case, how to get it, on the training grid; the first ones that the settings ask for. held_out:
    the files of all cases of the validation part, for the table at the end; empty for synthetic cases. remarks: what a
    person should know of the data. parts: how many cases each part of the split has. config: the settings, with the
    steps that so many training cases make of its epochs.
    """

    config: TrainConfig
    training: Source
    validation: Mapping[str, Callable[[], Example]]
    held_out: tuple[CaseFiles, ...] = ()
    remarks: tuple[str, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)

    def cases_of(self, numbers: Iterable[int]) -> list[str]:
        """The ids of the cases that samples were cut from; none of synthetic ones, which have no names."""
        source = self.training
        return [source.case_of(number).id for number in numbers] if isinstance(source, FolderSource) else []


def synthetic_examples(config: TrainConfig, device: torch.device) -> Examples:
    """Cases of `engine.synth`, made as training goes; validated on others of wider settings."""
    validation = synthetic_cases(config, device) if config.validate_every else {}
    return Examples(config, SyntheticSource(config, device), validation)


def folder_examples(
    folder: Path, config: TrainConfig, source: RunSource, device: torch.device, *, leads: bool = True
) -> Work[Examples]:
    """The cases of a data set: checked and split when the run begins, as the run's folder has them when it goes on.

    Raises TrainingError with the table of what is wrong with which case, unless bad cases are to be left out.
    """
    dataset = source.dataset
    if dataset is None:
        raise TrainingError("this run has no data set")
    left_out, before = _known_cases(folder)
    if before is None:
        check = yield from check_dataset(dataset, config.modalities)
        if check.bad and not source.leave_out_bad:
            raise TrainingError(_table(check.bad, len(check.cases)))
        left_out = {case.id: case.problem or "" for case in check.bad}
    ids = [case.id for case in find_dataset(dataset).cases if case.id not in left_out]
    split = _split(folder, config, source, ids)
    if leads:
        write_split(folder / SPLIT_FILE, split)
    training = yield from prepare_dataset(dataset, split.training, config, device)
    validated = split.validation if config.validate_every else ()
    validation = yield from prepare_dataset(dataset, validated, config, device)
    fingerprints = {case.id: case.fingerprint for case in (*training.cases, *validation.cases)}
    if before is None and leads:
        record = {"left_out": left_out, "fingerprints": fingerprints}
        write_atomically({folder / CASES_FILE: (json.dumps(record, indent=1) + "\n").encode()})
    changed = [case for case, state in fingerprints.items() if before is not None and before.get(case) != state]
    remarks = [f"the files of {', '.join(changed[:3])} are not those that the run began with"] if changed else []
    files = {case.id: case for case in find_dataset(dataset).cases}
    return Examples(
        config=config.with_cases(len(training.cases)),
        training=training,
        validation=_validation(validation, config.validation_cases, device),
        held_out=tuple(files[case.id] for case in validation.cases),
        remarks=tuple(remarks),
        parts={"training": len(split.training), "validation": len(split.validation), "test": len(split.test)},
    )


def _split(folder: Path, config: TrainConfig, source: RunSource, ids: list[str]) -> Split:
    if (folder / SPLIT_FILE).exists():
        return read_split(folder / SPLIT_FILE, ids)
    if source.fold is None:
        return random_split(ids, config.seed)
    fold, folds = parse_fold(source.fold)
    return fold_split(ids, fold, folds, config.seed)


def _validation(source: FolderSource, count: int, device: torch.device) -> dict[str, Callable[[], Example]]:
    def get(place: int) -> Callable[[], Example]:
        return lambda: source.cases[place].example(device)

    return {case.id: get(place) for place, case in enumerate(source.cases[:count])}


def _known_cases(folder: Path) -> tuple[dict[str, str], dict[str, str] | None]:
    """The cases left out and why, and the others' fingerprints, as an earlier start found them, None without one."""
    path = folder / CASES_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return dict(record["left_out"]), dict(record["fingerprints"])
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path}: cannot be read ({error}); delete it, and the data set is checked again"
        ) from error


def _table(bad: tuple[CheckedCase, ...], count: int) -> str:
    """What is wrong with which case, a line each."""
    lines = [f"  {case.id}: {case.problem}" for case in bad[:_SHOWN]]
    more = [f"  and {len(bad) - _SHOWN} more"] if len(bad) > _SHOWN else []
    heading = f"{len(bad)} of {count} cases cannot be trained on; mend them, or leave them out (--leave-out-bad):"
    return "\n".join([heading, *lines, *more])
