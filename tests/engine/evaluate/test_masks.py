"""Which file is the mask of which case, by its name."""

import pytest

from engine.errors import CaseError, EvaluationError
from engine.evaluate.masks import Masks

FIRST, SECOND = "BraTS-GLI-00001-000", "BraTS-GLI-00001-001"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    "name",
    [
        f"{FIRST}.nii.gz",
        f"{FIRST.lower()}.nii",
        f"{FIRST}_prediction.nii.gz",
        f"{FIRST}-seg.nii.gz",
        f"deep/down/{FIRST}.nii.gz",
        f"{FIRST}/seg.nii.gz",
        f"{FIRST}/mask_of_somebody.nii.gz",
    ],
)
def test_a_mask_is_named_by_its_case(tmp_path, name):
    touch(tmp_path, name, f"{SECOND}.nii.gz", f"{FIRST}-t1c.nii.gz", "notes.txt")
    found = Masks(tmp_path).find([FIRST, SECOND])
    assert found.mask_of(FIRST) == tmp_path / name
    assert found.mask_of(SECOND) == tmp_path / f"{SECOND}.nii.gz"


def test_a_name_belongs_to_the_longest_id_that_it_begins_with(tmp_path):
    touch(tmp_path, "p1_visit2_seg.nii.gz", "p1_seg.nii.gz", "p10.nii.gz")
    found = Masks(tmp_path).find(["p1", "p1_visit2", "p2"])
    assert found.mask_of("p1").name == "p1_seg.nii.gz"
    assert found.mask_of("p1_visit2").name == "p1_visit2_seg.nii.gz"
    with pytest.raises(CaseError, match="no mask of p2"):
        found.mask_of("p2")


def test_the_exact_name_comes_first_and_two_others_are_a_question(tmp_path):
    touch(tmp_path, "a.nii.gz", "a_entropy.nii.gz", "b_one.nii.gz", "b_two.nii.gz")
    found = Masks(tmp_path).find(["a", "b"])
    assert found.mask_of("a").name == "a.nii.gz"
    with pytest.raises(CaseError, match=r"\(b_one.nii.gz, b_two.nii.gz\)"):
        found.mask_of("b")


def test_a_folder_without_masks_is_told(tmp_path):
    touch(tmp_path, "a_t1.nii.gz")
    with pytest.raises(EvaluationError, match="holds no masks"):
        Masks(tmp_path).find(["a"])
    with pytest.raises(EvaluationError, match="is not a folder"):
        Masks(tmp_path / "none").find(["a"])


def test_masks_that_an_evaluation_kept_have_its_name(tmp_path):
    assert Masks(tmp_path / "scores" / "masks").name == "scores"
    assert Masks(tmp_path / "theirs").name == "theirs"
