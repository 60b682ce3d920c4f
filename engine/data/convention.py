"""Which label convention a case's files follow: decided by what names it, never by what its voxels hold.

The integers of a mask cannot tell BraTS 2023 from Decathlon, or a resection cavity from enhancing tumour, so the
content may only contradict what the naming says (`LabelConvention.decode` then asks the person).
"""

import re
from pathlib import Path

from engine.data.case import CaseFiles
from engine.data.dataset_json import dataset_of
from engine.data.labels import CONVENTIONS, LabelConvention
from engine.data.mark import is_prediction, prediction_convention
from engine.data.naming import stem

_POST_TREATMENT = 100  # BraTS-GLI 2024 counts its time points from here on, 2023 from 0
_NAMES = (
    (r"brats-gli-\d+-(?P<timepoint>\d{3})", "", ""),
    (r"brats-ped-\d+", None, "BraTS-PED changed its integers from 2023 to 2024 and not its names"),
    (r"brats-men-rt-\d+", None, "BraTS-MEN-RT has a target volume and none of our labels"),
    (r"brats-(gli|ssa|men|met|goat|synthetic)-\d+", "brats2023", "naming of BraTS 2023"),
    (r"brats1[789]_[a-z0-9]+_[a-z0-9]+", "brats2020", "naming of BraTS 2017-2019"),
    (r"brats20_[a-z]+_\d{3}", "brats2020", "naming of BraTS 2020"),
    (r"brats2021_\d{5}", "brats2020", "naming of BraTS 2021"),
    (r"miccai_brats_?20(17|18|19|20|21)", "brats2020", "naming of BraTS 2017-2021"),
    (r"fets(20)?2[12]_", "brats2020", "naming of FeTS, which has the integers of BraTS 2017-2021"),
    (r"ucsf-pdgm-\d+", "brats2020", "naming of UCSF-PDGM, which has the integers of BraTS 2017-2021"),
    (r"upenn-gbm-\d+", "brats2020", "naming of UPENN-GBM, which has the integers of BraTS 2017-2021"),
    (r"^brats_\d{3}$", "decathlon", "naming of Decathlon Task01"),
    (r"vsd\.brain|brats_(2013|tcia)_pat\d+", "brats2015", "naming of BraTS 2015"),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), name, reason) for pattern, name, reason in _NAMES)
_LEVELS = 3  # the file, its folder, and that one's folder


def decide_convention(path: Path) -> tuple[LabelConvention | None, str]:
    """The label convention of a mask, or of the truth of a case folder, and in words what decided.

    What our own outputs record about themselves comes first, then a dataset.json (which names the labels, also where
    case names of another data set were kept), then the names of the file and of its folders. None: the person must say.
    Raises CaseError for a dataset.json that cannot be read.
    """
    path = path.absolute()
    if path.is_file() and is_prediction(path):
        return prediction_convention(path), "recorded by this program when it wrote the file"
    dataset = dataset_of(path if path.is_dir() else path.parent)
    if dataset is not None:
        return dataset.convention, dataset.reason
    for name in [stem(path.name), *(parent.name for parent in path.parents[: _LEVELS - 1])]:
        for pattern, convention, reason in _PATTERNS:
            found = pattern.search(name)
            if found is not None:
                return _named(found, convention, reason)
    return None, "neither the names nor a dataset.json say it"


def output_convention(files: CaseFiles) -> LabelConvention:
    """The convention to write a case's mask in: that of its naming, and of BraTS 2023 where nothing says it."""
    return files.convention or CONVENTIONS["brats2023"]


def _named(found: re.Match[str], convention: str | None, reason: str) -> tuple[LabelConvention | None, str]:
    if "timepoint" in found.re.groupindex:
        year = 2024 if int(found["timepoint"]) >= _POST_TREATMENT else 2023
        convention, reason = f"brats{year}", f"naming of BraTS-GLI {year}"
    return (CONVENTIONS[convention] if convention else None), f"{found.group()}: {reason}"
