"""Real files that break readers: each opens right or is refused with one line. Skipped where they are not there."""

import nibabel as nib
import numpy as np
import pytest

from engine.data import (
    CONVENTIONS,
    Grid,
    ImageSource,
    LabelMap,
    decide_convention,
    find_case,
    load_case,
    open_nifti,
    orient,
    read_labels,
    read_volume,
    write_labels,
)
from engine.errors import EngineError, LabelConventionError
from engine.progress import finish

ORIENTATIONS = ("ASR", "IRP", "LPS", "PIR", "RAS", "SAL")
OPENS = {  # file: shape, axes
    "anatomical.nii": ((33, 41, 25), "LAS"),
    "lesion.nii.gz": ((124, 160, 140), "RAS"),
    "reoriented_anat_moved.nii": ((21, 26, 22), "RAS"),
    "resampled_anat_moved.nii": ((17, 21, 3), "LAS"),
    "shear.nii.gz": ((306, 422, 54), "RAS"),
    "someones_anatomy.nii.gz": ((57, 67, 56), "RAS"),
    "someones_epi.nii.gz": ((53, 61, 33), "RAS"),
    "standard.nii.gz": ((4, 5, 7), "RAS"),
    **{f"orientation_{codes}.nii.gz": (None, codes) for codes in ORIENTATIONS},
}
VOLUMES = {"example4d.nii.gz": 2, "example_nifti2.nii.gz": 2, "functional.nii": 20}
REFUSED = {
    "complex_image.nii.gz": "voxels are complex numbers",
    "test.mgz": "mri_convert",
    "small.mnc": "mnc2nii",
    "README.rst": "not a NIfTI image",
    "COPYING": "not a NIfTI image",
}


def test_every_awkward_file_has_an_expectation(real_data):
    assert {path.name for path in (real_data / "awkward").iterdir()} == {*OPENS, *VOLUMES, *REFUSED}


@pytest.mark.parametrize("name", OPENS)
def test_opens_as_nibabel_opens_it(real_data, name):
    path = real_data / "awkward" / name
    shape, codes = OPENS[name]
    volume, notes = read_volume(ImageSource(path))
    expected = nib.load(path)
    assert volume.data.shape == (shape or expected.shape)
    assert volume.grid.axis_codes == codes
    np.testing.assert_allclose(volume.affine, expected.affine, rtol=1e-6)
    values = expected.get_fdata()
    finite = np.isfinite(values)
    np.testing.assert_allclose(volume.data[finite], values[finite], rtol=1e-6)
    assert bool(notes) == (name in {"shear.nii.gz", "resampled_anat_moved.nii"})


@pytest.mark.parametrize("name", VOLUMES)
def test_4d_asks_which_volume_and_opens_it(real_data, name):
    path = real_data / "awkward" / name
    count = VOLUMES[name]
    with pytest.raises(EngineError, match=f"holds {count} volumes"):
        read_volume(ImageSource(path))
    volume, _ = read_volume(ImageSource(path, count - 1))
    np.testing.assert_allclose(volume.data, nib.load(path).get_fdata()[..., count - 1], rtol=1e-6)


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_with_one_line(real_data, name):
    with pytest.raises(EngineError, match=REFUSED[name]) as error:
        open_nifti(real_data / "awkward" / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_six_orientations_are_one_anatomy(real_data):
    reference, _ = read_volume(ImageSource(real_data / "awkward" / "orientation_RAS.nii.gz"))
    for codes in ORIENTATIONS:
        volume, _ = read_volume(ImageSource(real_data / "awkward" / f"orientation_{codes}.nii.gz"))
        there = orient(volume.grid, "RAS")
        np.testing.assert_allclose(there.forward(volume.data), reference.data, atol=1e-4)
        assert there.canonical.matches(Grid(reference.grid.shape, reference.affine))


def test_a_mask_in_six_orientations_is_one_mask_in_the_world(real_data, tmp_path):
    marked = {}
    for codes in ORIENTATIONS:
        volume, _ = read_volume(ImageSource(real_data / "awkward" / f"orientation_{codes}.nii.gz"))
        there = orient(volume.grid, "RAS")
        canonical = np.zeros(there.canonical.shape, dtype=np.uint8)
        canonical[10:20, 30:33, 40:47] = 1
        labels = LabelMap(np.ascontiguousarray(there.inverse(canonical)), volume.grid)
        write_labels(tmp_path / "mask.nii.gz", labels, CONVENTIONS["brats2023"])
        image = nib.load(tmp_path / "mask.nii.gz")
        np.testing.assert_array_equal(image.affine, nib.load(volume_path(real_data, codes)).affine)
        ijk = np.argwhere(np.asarray(image.dataobj))
        marked[codes] = np.unique(np.round(nib.affines.apply_affine(image.affine, ijk), 2) + 0.0, axis=0)
    for points in marked.values():
        np.testing.assert_allclose(points, marked["RAS"], atol=0.02)


def volume_path(real_data, codes):
    return real_data / "awkward" / f"orientation_{codes}.nii.gz"


@pytest.mark.parametrize("name", [*OPENS, *VOLUMES])
def test_a_mask_for_each_file_has_its_grid_and_codes(real_data, tmp_path, name):
    path = real_data / "awkward" / name
    grid = open_nifti(path).header.grid
    labels = LabelMap(np.random.default_rng(0).integers(0, 2, grid.shape).astype(np.uint8) * 3, grid)
    write_labels(tmp_path / "mask.nii", labels, CONVENTIONS["brats2020"])
    given, written = nib.load(path), nib.load(tmp_path / "mask.nii")
    np.testing.assert_allclose(written.affine, given.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(written.dataobj), (labels.data > 0) * 4)
    for code in ("sform_code", "qform_code"):
        assert written.header[code] == given.header[code]
    if given.header["qform_code"]:
        np.testing.assert_allclose(written.get_qform(), given.get_qform(), atol=1e-3)


def test_the_glioma_has_no_truth_and_foreign_segmentations_are_not_taken_for_it(real_data):
    files = find_case(real_data / "BraTS-GLI-00001-000")
    assert (files.id, len(files.images), files.truth) == ("BraTS-GLI-00001-000", 4, None)
    case = finish(load_case(files))
    assert case.native.shape == (240, 240, 155)
    assert case.native.axis_codes == "LPS"


def test_two_models_masks_for_one_case_in_two_conventions(real_data):
    """The name says BraTS 2023 for both; the one with a 4 contradicts it, so the person is asked."""
    folder = real_data / "BraTS-GLI-00001-000" / "model_segmentations"
    new, old = folder / "seg-BraTS23_1.nii.gz", folder / "seg-bratstoolkit_isen.nii.gz"
    for path in (new, old):
        assert decide_convention(path)[0] is CONVENTIONS["brats2023"]
    read_labels(new, CONVENTIONS["brats2023"])
    with pytest.raises(LabelConventionError, match="holds the label value 4"):
        read_labels(old, CONVENTIONS["brats2023"])
    read_labels(old, CONVENTIONS["brats2020"])
