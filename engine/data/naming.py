"""What the name of an image file says: whose it is, and which sequence (or that it is the truth).

A name is read from its end: `UCSF-PDGM-0004_T1c_bias.nii.gz` is the case UCSF-PDGM-0004, the sequence T1c, the remark
"bias". What stands in front of the sequence is the case's id, so several cases may share one folder.
"""

import re
from dataclasses import dataclass
from typing import Literal

from engine.data.case import Modality

Slot = Modality | Literal["truth"]

_SUFFIX = re.compile(r"\.nii(\.gz)?$", re.IGNORECASE)
_WORD = re.compile(r"[^\s_\-.+]+")

_SPELLINGS = {
    Modality.T1N: "t1n t1 t1w t1pre t1_pre t1_n t1_native t1w_pre pre_t1",
    Modality.T1C: (
        "t1c t1ce t1gd t1gad t1post t1km t1cw t1wce ct1 cet1 t1contrast t1_c t1_ce t1_gd t1_gad t1_post t1_contrast "
        "t1_post_contrast t1_contrast_enhanced t1w_ce t1w_gd t1w_post gd_t1 ce_t1 post_t1 contrast_t1 ce_gd_t1w "
        "ce_gadolinium_t1w ce_t1w gd_t1w"
    ),
    Modality.T2W: "t2w t2 t2_w",
    Modality.T2F: "t2f flair fla t2flair t2_flair t2_fla t2w_flair flair_t2 t2_f",
    "truth": (
        "seg segm segmentation label labels gt truth groundtruth ground_truth tumorseg tumourseg tumormask tumourmask "
        "tumor_mask tumour_mask tumorsegmentation"
    ),
}
_SLOTS: dict[tuple[str, ...], Slot] = {
    tuple(spelling.split("_")): slot  # type: ignore[misc]  # the keys are the slots
    for slot, spellings in _SPELLINGS.items()
    for spelling in spellings.split()
}
_LONGEST = max(map(len, _SLOTS))


def _costs(words_by_cost: dict[int, str]) -> dict[str, int]:
    return {word: cost for cost, words in words_by_cost.items() for word in words.split()}


# What a remark makes of an image as input for a BraTS model: stripped and registered is what such a model was trained
# on, BraTS images are not bias-corrected, and one that is named as unstripped is the last to take.
_REMARKS = _costs(
    {
        -4: "bet hdbet brain stripped skullstripped brainextracted ss",
        -1: "reg registered coreg coregistered resampled sri sri24 mni mni152 preprocessed iso lps ras",
        1: "bias n4 bfc biascorrected",
        8: "unstripped raw orig original native defaced withskull",
    }
)
_TRUTH_REMARKS = _costs(
    {
        0: "tumor tumour glioma lesion final manual expert corrected consensus",
        4: "automated automatic auto approx",
    }
)
_NOT_TUMOUR = {"brain", "parenchyma", "tissue", "white", "gray", "grey", "csf", "aseg", "vessel", "skull"}
_NOT_TRUTH = {"pred", "prediction", "predicted", "predictions", "output"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A name read: the case's id ("" where the name is nothing but a sequence), what the file is, and its rank.

    Among several files for one slot of a case the one with the lowest `cost` is taken, if it is the only one.
    """

    id: str
    slot: Slot
    cost: int


def stem(name: str) -> str:
    """A NIfTI file's name without .nii or .nii.gz.

    >>> stem("BraTS20_Training_001_t1ce.nii.gz")
    'BraTS20_Training_001_t1ce'
    """
    return _SUFFIX.sub("", name)


def is_nifti_name(name: str) -> bool:
    """Whether a file's name ends as a NIfTI image's, and is no hidden file (such as macOS puts beside every file)."""
    return not name.startswith(".") and _SUFFIX.search(name) is not None


def read_name(name: str) -> Reading | None:
    """What a file's name says, or None if it ends in no sequence's name and is not called a segmentation.

    >>> read_name("BraTS20_Training_001_t1ce.nii.gz")
    Reading(id='BraTS20_Training_001', slot=<Modality.T1C: 'T1C'>, cost=0)
    >>> read_name("W39_1998.09.19_Segm.nii")
    Reading(id='W39_1998.09.19', slot='truth', cost=1)
    >>> read_name("UCSF-PDGM-0004_brain_segmentation.nii.gz") is None
    True
    """
    text = stem(name)
    places = list(_WORD.finditer(text))
    words = [place.group().lower() for place in places]
    end = len(words)
    cost = 0 if name.lower().endswith(".gz") else 1  # beside x.nii.gz, x.nii is mostly its unpacked copy
    while end and words[end - 1] in _REMARKS and _slot_at_end(words[:end]) is None:
        cost += _REMARKS[words[end - 1]]
        end -= 1
    found = _slot_at_end(words[:end])
    if found is None:
        return None
    slot, start = found
    if slot == "truth":
        if end < len(words) or _NOT_TRUTH & set(words):
            return None
        remarks = _TRUTH_REMARKS
    else:
        remarks = _REMARKS
    while start and words[start - 1] in remarks:
        start -= 1
        cost += remarks[words[start]]
    if slot == "truth" and start and words[start - 1] in _NOT_TUMOUR:
        return None
    return Reading(text[: places[start].start()].rstrip(" _-.+"), slot, cost)


def modality_named(text: str) -> Modality | None:
    """The sequence that a channel's name means, as dataset.json files give it ("T1w", "t1gd", "FLAIR").

    >>> modality_named("T1-Gd"), modality_named("ADC")
    (<Modality.T1C: 'T1C'>, None)
    """
    found = read_name(text)
    return found.slot if found is not None and isinstance(found.slot, Modality) else None


def _slot_at_end(words: list[str]) -> tuple[Slot, int] | None:
    """The slot that the last words name, in its longest spelling, and where that spelling starts."""
    for length in range(min(_LONGEST, len(words)), 0, -1):
        slot = _SLOTS.get(tuple(words[-length:]))
        if slot is not None:
            return slot, len(words) - length
    return None
