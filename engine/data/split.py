"""Which cases of a data set train a model, which validate it while it trains, and which test it when all is decided.

Cases of one patient (two time points of one tumour) never lie in two parts: a network that has seen the first knows
the second, and the score would flatter it.
"""

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.data.atomic import write_atomically
from engine.errors import TrainingError

VALIDATION_SHARE = 0.2
TEST_SHARE = 0.2

_SHOWN = 3
_TIME_POINTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<patient>.*brats-[a-z]+(?:-[a-z]+)?-\d{4,5})-\d{1,3}$",  # BraTS 2023 and later
        r"(?P<patient>.*brats1[789]_\w+)_\d+$",  # BraTS 2017 to 2019
        r"(?P<patient>.*upenn-gbm-\d+)_\d+$",
        r"(?P<patient>.*ucsf-pdgm-\d+)_fu\w+$",
        r"(?P<patient>.+)[-_](?:visit|ses|session|week|timepoint|tp|scan)[-_]?[\w-]+$",
    )
)


def patient_of(case_id: str) -> str:
    """The patient that a case's id names, where the naming tells one; else the id, since nothing says otherwise.

    >>> patient_of("BraTS-GLI-00001-001"), patient_of("UPENN-GBM-00002_11"), patient_of("BraTS20_Training_001")
    ('BraTS-GLI-00001', 'UPENN-GBM-00002', 'BraTS20_Training_001')
    """
    for pattern in _TIME_POINTS:
        if found := pattern.match(case_id):
            return found["patient"]
    return case_id


@dataclass(frozen=True, slots=True)
class Split:
    """The ids of the cases of each part, none of them in two."""

    training: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @property
    def straddling(self) -> tuple[str, ...]:
        """Patients with cases in more than one part: only a split that somebody else made has any."""
        parts = [{patient_of(case_id) for case_id in part} for part in (self.training, self.validation, self.test)]
        return tuple(sorted((parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])))


def random_split(ids: Iterable[str], seed: int) -> Split:
    """60 % training, 20 % validation, 20 % test, rounded to cases, as the reference system has it.

    Of fewer than three cases all train. Parts follow from the ids and the seed, not from the order of the ids.

    >>> split = random_split([f"p{number:03}" for number in range(369)], seed=0)
    >>> len(split.training), len(split.validation), len(split.test)
    (221, 74, 74)
    """
    patients = _shuffled(ids, seed)
    count = sum(map(len, patients))
    test = _dealt(patients, round(TEST_SHARE * count))
    validation = _dealt(patients, round(VALIDATION_SHARE * count))
    return _split(patients, validation, test)


def fold_split(ids: Iterable[str], fold: int, folds: int, seed: int) -> Split:
    """Fold number `fold`, from 1, of `folds` is the test part; of the others a fifth validates and the rest train.

    So each case is tested once over all folds, by a model of which no choice (the best step, a threshold) was made on
    it. nnU-Net lets the fold validate instead, and its cross-validation scores are of models chosen on the same cases.
    Raises TrainingError if there is no such fold, or there are fewer patients than folds.
    """
    patients = _shuffled(ids, seed)
    if not 2 <= folds <= len(patients):
        raise TrainingError(f"{folds} folds cannot be made of {len(patients)} patients; ask for 2 to {len(patients)}")
    if not 1 <= fold <= folds:
        raise TrainingError(f"there is no fold {fold} of {folds}; they are numbered from 1")
    parts: list[list[list[str]]] = [[] for _ in range(folds)]
    for patient in sorted(patients, key=len, reverse=True):  # the largest first, so that the folds become even
        min(parts, key=lambda part: sum(map(len, part))).append(patient)
    others = [patient for patient in patients if patient not in parts[fold - 1]]
    validation = _dealt(others, round(VALIDATION_SHARE * sum(map(len, others))))
    return _split(others, validation, parts[fold - 1])


def parse_fold(text: str) -> tuple[int, int]:
    """The fold and the number of folds in a text such as "2/5"; raises TrainingError if it is none.

    >>> parse_fold("2/5")
    (2, 5)
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if found is None:
        raise TrainingError(f"{text!r} names no fold; write which of how many, such as 1/5")
    return int(found[1]), int(found[2])


def read_split(path: Path, ids: Iterable[str]) -> Split:
    """The split in a JSON file with lists of ids under "training", "validation" and "test", of a data set with `ids`.

    Other entries are left alone, the last two parts may be missing, and a case in no part takes no part. Raises
    TrainingError if the file is none, names a case that is not in the data set or one twice, or nothing trains.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        training, validation, test = (_listed(content.get(part, [])) for part in ("training", "validation", "test"))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(
            f'{path}: cannot be read as a split ({error}); it holds {{"training": [ids], "validation": [ids], '
            '"test": [ids]}'
        ) from error
    named = [*training, *validation, *test]
    if twice := sorted({case_id for case_id in named if named.count(case_id) > 1}):
        raise TrainingError(f"{path}: names {_shown(twice)} more than once; a case belongs to one part")
    if unknown := sorted(set(named) - set(ids)):
        raise TrainingError(f"{path}: names {_shown(unknown)}, which the data set does not have; correct the split")
    if not training:
        raise TrainingError(f'{path}: has no case under "training"; a model needs some')
    return Split(training, validation, test)


def write_split(path: Path, split: Split) -> None:
    """Write what `read_split` reads, whole or not at all. Raises ImageFileError where the disk does not take it."""
    write_atomically({path: (json.dumps(asdict(split), indent=2) + "\n").encode()})


def _listed(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("a part is not a list of ids")
    return tuple(values)


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")


def _shuffled(ids: Iterable[str], seed: int) -> list[list[str]]:
    """The cases of each patient, patients in an order that the seed decides."""
    patients: dict[str, list[str]] = {}
    for case_id in sorted(ids):
        patients.setdefault(patient_of(case_id), []).append(case_id)
    groups = list(patients.values())
    random.Random(f"split {seed}").shuffle(groups)
    return groups


def _dealt(patients: list[list[str]], count: int) -> list[list[str]]:
    """Take patients off the front of the list until they have `count` cases, none that would make it more."""
    taken: list[list[str]] = []
    for patient in list(patients):
        if sum(map(len, taken)) + len(patient) <= count:
            taken.append(patient)
            patients.remove(patient)
    return taken


def _split(training: list[list[str]], validation: list[list[str]], test: list[list[str]]) -> Split:
    parts = (tuple(sorted(case_id for patient in part for case_id in patient)) for part in (training, validation, test))
    return Split(*parts)
