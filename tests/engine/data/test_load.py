import threading

import nibabel as nib
import numpy as np
import pytest

from engine.data import CONVENTIONS, ImageSource, Label, Modality, find_case, load_case
from engine.errors import CaseError, GridMismatchError, ImageFileError, LabelConventionError
from engine.progress import finish
from tests.engine.data.files import BRATS_AFFINE, write, write_case
from tests.phantoms import phantom_case

T1N, T1C, T2W, T2F = Modality
NAMES = ("t1", "t1ce", "t2", "flair")
ID = "BraTS20_Training_001"


@pytest.fixture
def folder(tmp_path):
    return write_case(tmp_path / ID, [f"{ID}_{name}" for name in NAMES], (f"{ID}_seg", 4))


def load(folder, assign=None, **options):
    return finish(load_case(find_case(folder, assign), **options))


def moved(mm: float) -> np.ndarray:
    affine = BRATS_AFFINE.copy()
    affine[0, 3] += mm
    return affine


def test_images_and_truth_on_one_grid(folder):
    case = load(folder)
    assert case.id == ID
    assert list(case.images) == list(Modality)
    assert all(volume.grid is case.native for volume in (*case.images.values(), case.truth))
    assert case.native.shape == (4, 5, 6)
    assert case.images[T2F].data[3, 4, 5] == 119
    assert case.truth.data[1, 1, 1:4].tolist() == [Label.NCR, Label.ED, Label.ET]


def test_progress_counts_the_files_to_the_end(folder):
    reports = list(load_case(find_case(folder)))
    assert [report.done for report in reports] == [0, 1, 2, 3, 4, 5]
    assert {report.total for report in reports} == {5}


def test_closing_ends_the_reading_and_its_threads(folder):
    before = threading.active_count()
    work = load_case(find_case(folder))
    next(work)
    work.close()
    assert threading.active_count() == before


def test_without_truth_its_file_is_not_touched(folder):
    (folder / f"{ID}_seg.nii.gz").write_bytes(b"broken")
    assert load(folder, truth=False).truth is None
    with pytest.raises(ImageFileError, match="seg"):
        load(folder)


def test_a_damaged_image_is_named(folder):
    path = folder / f"{ID}_t2.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ImageFileError, match=f"{ID}_t2"):
        load(folder)


def test_the_naming_says_how_to_read_the_truth_and_the_person_may_say_otherwise(tmp_path):
    folder = write_case(tmp_path / "p", ["p_t1ce"], ("p_seg", 3))
    with pytest.raises(LabelConventionError, match=r"p_seg.nii.gz: which integer .* --labels \(brats2015, brats2020"):
        load(folder)
    assert load(folder, truth=False).truth is None
    assert load(folder, convention=CONVENTIONS["brats2023"]).truth.data[1, 1, 1] == Label.NCR
    assert load(folder, convention=CONVENTIONS["decathlon"]).truth.data[1, 1, 1] == Label.ED


def test_a_truth_that_contradicts_the_naming_asks(tmp_path):
    folder = write_case(tmp_path / ID, [f"{ID}_t1ce"], (f"{ID}_seg", 3))
    with pytest.raises(LabelConventionError, match="3, which BraTS 2017-2021"):
        load(folder)


def test_another_grid_is_refused_in_mm_and_degrees_with_both_names(folder):
    write(folder / f"{ID}_t2.nii.gz", affine=moved(3.0))
    with pytest.raises(GridMismatchError, match=rf"{ID}_t2.nii.gz: lies up to 3.00 mm and 0.0 degrees .* {ID}_t1ce"):
        load(folder)
    turned = BRATS_AFFINE @ np.diag([-1.0, 1, 1, 1])
    write(folder / f"{ID}_t2.nii.gz", affine=turned)
    with pytest.raises(GridMismatchError, match=r"6.00 mm and 180.0 degrees"):
        load(folder)
    write(folder / f"{ID}_t2.nii.gz", np.zeros((4, 5, 7), dtype=np.int16))
    with pytest.raises(GridMismatchError, match="has 4 x 5 x 7 voxels where 4 x 5 x 6"):
        load(folder)


def test_less_than_a_hundredth_of_a_millimetre_is_one_grid(folder):
    write(folder / f"{ID}_t2.nii.gz", affine=moved(0.005))
    case = load(folder)
    assert case.images[T2W].grid is case.native


def test_resampling_is_linear_for_images_and_said(folder):
    """Moved by half a voxel along X, where the values rise by 30 a voxel: every value is 15 further on."""
    write(folder / f"{ID}_t2.nii.gz", affine=moved(0.5))
    case = load(folder, resample=True)
    assert case.images[T2W].data[1, 2, 3] == pytest.approx(1 * 30 + 2 * 6 + 3 + 15)
    assert case.images[T1C].data[1, 2, 3] == 45
    assert any("resampled linearly to" in line and "_t2" in line for line in case.warnings)
    assert case.images[T2W].grid is case.native


def test_resampling_keeps_a_background_exact(folder):
    data = np.full((8, 8, 8), -1.0, dtype=np.float32)
    data[3:5, 3:5, 3:5] = 0.7
    write(folder / f"{ID}_t2.nii.gz", data, moved(0.3))
    resampled = load(folder, resample=True).images[T2W].data
    assert resampled.dtype == np.float32
    assert resampled[0, 0, 0] == -1.0
    assert (resampled == -1.0).sum() > 60


def test_the_truth_is_never_blended(folder):
    labels = np.zeros((4, 5, 6), dtype=np.uint8)
    labels[1:3, 1:4, 1:5] = 4
    write(folder / f"{ID}_seg.nii.gz", labels, moved(0.4))
    with pytest.raises(GridMismatchError, match="_seg"):
        load(folder)
    case = load(folder, resample=True)
    np.testing.assert_array_equal(case.truth.data, np.where(labels == 4, Label.ET, 0))
    assert any("by the nearest voxel" in line for line in case.warnings)


@pytest.mark.parametrize("resample", [False, True])
def test_a_file_that_lost_its_position_is_named_and_never_resampled(folder, resample):
    write(folder / f"{ID}_seg.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8), np.eye(4))
    with pytest.raises(CaseError, match=rf"{ID}_seg.nii.gz: has lost its position"):
        load(folder, resample=resample)
    load(folder, truth=False, resample=resample)
    write(folder / f"{ID}_t1ce.nii.gz", affine=np.eye(4))
    with pytest.raises(CaseError, match=rf"{ID}_t1ce.nii.gz: has lost its position"):
        load(folder, truth=False, resample=resample)


def test_the_reference_is_t1c_else_flair_else_t2(folder):
    for name, spacing in (("t1", 5.0), ("t1ce", 2.0), ("t2", 3.0), ("flair", 4.0)):
        write(folder / f"{ID}_{name}.nii.gz", affine=np.diag([spacing, spacing, spacing, 1.0]))
    for gone, spacing in ((None, 2.0), ("t1ce", 4.0), ("flair", 3.0), ("t2", 5.0)):
        if gone:
            (folder / f"{ID}_{gone}.nii.gz").unlink()
        assert load(folder, truth=False, resample=True).native.spacing_mm == (spacing,) * 3


def test_one_4d_file_is_read_once_for_all_its_volumes(tmp_path):
    data = np.stack([np.full((4, 5, 6), value, dtype=np.int16) for value in (10, 20, 30, 40)], axis=-1)
    data[0, 0, 0] = 0
    write(tmp_path / "imagesTr" / "BRATS_001.nii.gz", data)
    files = find_case(tmp_path / "imagesTr" / "BRATS_001.nii.gz")
    reports = list(load_case(files))
    case = finish(load_case(files))
    assert reports[-1].total == 1
    assert [case.images[modality].data[1, 1, 1] for modality in Modality] == [20, 30, 40, 10]


def test_notes_of_files_become_warnings(folder):
    image = nib.load(folder / f"{ID}_t1.nii.gz")
    data = image.get_fdata(dtype=np.float32)
    data[1, 1, 1] = np.nan
    write(folder / f"{ID}_t1.nii.gz", data)
    assert any("1 voxels were NaN" in line for line in load(folder).warnings)


def test_what_was_ambiguous_is_left_out_and_said(folder):
    write(folder / f"{ID}_t1gd.nii.gz")
    case = load(folder)
    assert T1C not in case.images
    assert any("T1CE was left out" in line and "t1gd" in line for line in case.warnings)
    chosen = load(folder, {T1C: ImageSource(folder / f"{ID}_t1gd.nii.gz")})
    assert T1C in chosen.images


def test_no_image_is_one_line(tmp_path):
    folder = write_case(tmp_path / "p", ["scan_a", "scan_b"])
    with pytest.raises(CaseError, match=r"do not say which image .* \(scan_a.nii.gz, scan_b.nii.gz\)") as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_a_phantom_comes_back_without_warnings(tmp_path):
    phantom = phantom_case(tilt_deg=7.0)
    for modality, volume in phantom.images.items():
        write(tmp_path / "p" / f"p_{modality.lower()}.nii.gz", volume.data, volume.affine)
    case = load(tmp_path / "p")
    assert case.warnings == ()
    for modality, volume in phantom.images.items():
        np.testing.assert_array_equal(case.images[modality].data, volume.data)
    np.testing.assert_allclose(case.native.affine, phantom.native.affine, atol=1e-5)
