"""Names that programs read as BraTS and people do not take for patients."""

from pathlib import Path

import pytest

from engine.errors import CaseError
from engine.synth.layout import LAYOUTS, check_prefix

BRATS2020, BRATS2023 = LAYOUTS["brats2020"], LAYOUTS["brats2023"]


def test_the_names_are_those_of_the_layouts():
    case_id = BRATS2020.case_id(BRATS2020.prefix, 12)
    assert case_id == "BraTS20_Synthetic_012"
    assert BRATS2020.file_names(case_id) == [f"{case_id}_{end}.nii.gz" for end in ("t1", "t1ce", "t2", "flair", "seg")]
    case_id = BRATS2023.case_id(BRATS2023.prefix, 12)
    assert case_id == "BraTS-Synthetic-00012-000"
    assert BRATS2023.file_names(case_id) == [f"{case_id}-{end}.nii.gz" for end in ("t1n", "t1c", "t2w", "t2f", "seg")]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=str)
def test_the_prefix_of_each_layout_is_a_good_one(layout):
    check_prefix(layout, layout.prefix)
    assert layout.tells_labels(layout.case_id(layout.prefix, 1))


def test_an_id_tells_its_labels_whatever_folder_it_lies_in(tmp_path, monkeypatch):
    (tmp_path / "MICCAI_BraTS2020").mkdir()
    monkeypatch.chdir(tmp_path / "MICCAI_BraTS2020")
    assert BRATS2020.tells_labels("BraTS20_Synthetic_001")
    assert BRATS2023.tells_labels("Synthetic-BraTS-GLI-00001-000")
    assert not BRATS2020.tells_labels("Case_001")
    assert not BRATS2023.tells_labels("Synthetic-00001-000")
    assert not BRATS2020.tells_labels("Synthetic-BraTS-GLI-00001-000"), "those would be the labels of 2023"
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("layout", "prefix", "says"),
    [
        (BRATS2020, "", "letters"),
        (BRATS2020, "a/b", "letters"),
        (BRATS2020, "../x", "letters"),
        (BRATS2020, ".hidden", "letters"),
        (BRATS2020, "pred", "not be read back"),
        (BRATS2020, "BraTS20_Training", "real cases"),
        (BRATS2023, "BraTS-GLI", "real cases"),
        (BRATS2023, "BraTS-Met", "real cases"),
    ],
)
def test_a_prefix_that_misleads_is_refused(layout, prefix, says):
    with pytest.raises(CaseError, match=says):
        check_prefix(layout, prefix)


def test_a_known_prefix_may_be_used_that_says_synthetic_as_well():
    check_prefix(BRATS2023, "Synthetic-BraTS-GLI")
