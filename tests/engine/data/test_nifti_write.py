import errno
import gzip
import os

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import from_matvec
from nibabel.eulerangles import euler2mat

from engine.data import (
    CONVENTIONS,
    Grid,
    ImageSource,
    Label,
    LabelMap,
    nifti_write,
    open_nifti,
    read_labels,
    read_volume,
    write_labels,
)
from engine.errors import ImageFileError, LabelConventionError
from tests.engine.data.files import BRATS_AFFINE, write

BRATS2020, BRATS2023 = CONVENTIONS["brats2020"], CONVENTIONS["brats2023"]
OBLIQUE = from_matvec(euler2mat(0.2, -0.4, 0.7) @ np.diag([0.9, 1.1, 2.5]), [12.5, -30, 7])
FLIPPED = OBLIQUE @ np.diag([-1.0, 1, -1, 1])
LEFT_HANDED = OBLIQUE @ np.diag([1.0, 1, -1, 1])
SHEARED = from_matvec([[1.0, 0.3, 0], [0, 1, 0.2], [0, 0, 1.5]], [1, 2, 3])


def labels_on(grid: Grid) -> LabelMap:
    return LabelMap(np.random.default_rng(0).integers(0, 4, grid.shape).astype(np.uint8), grid)


def test_integers_are_the_conventions(tmp_path):
    data = np.array([Label.BACKGROUND, Label.NCR, Label.ED, Label.ET], dtype=np.uint8).reshape(4, 1, 1)
    labels = LabelMap(data, Grid((4, 1, 1), BRATS_AFFINE))
    for convention, integers in ((BRATS2020, [0, 1, 2, 4]), (BRATS2023, [0, 1, 2, 3])):
        write_labels(tmp_path / "seg.nii.gz", labels, convention, "made by a test")
        image = nib.load(tmp_path / "seg.nii.gz")
        assert np.asarray(image.dataobj).ravel().tolist() == integers
        assert image.get_data_dtype() == np.uint8
        assert image.header.get_xyzt_units()[0] == "mm"
        assert image.header["descrip"].item() == b"made by a test"
        assert np.asarray(image.dataobj).dtype == np.uint8, "no scaling in the header"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("affine", [BRATS_AFFINE, OBLIQUE, FLIPPED, LEFT_HANDED, SHEARED])
@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1), (2, 4), (0, 0)])
def test_any_grid_comes_back_voxel_for_voxel(tmp_path, affine, codes, suffix):
    """Read a file with these codes, write a mask for it, and find the mask where the file was, by nibabel."""
    source = write(tmp_path / "image.nii", np.zeros((5, 6, 7), dtype=np.int16), affine)
    image = nib.load(source)
    image.set_sform(affine if codes[0] else None, codes[0])
    image.set_qform(affine, codes[1])
    nib.save(image, source)
    given = nib.load(source)
    volume, _ = read_volume(ImageSource(source))
    labels = labels_on(volume.grid)
    path = tmp_path / f"mask{suffix}"
    write_labels(path, labels, BRATS2023)
    written = nib.load(path)
    np.testing.assert_array_equal(np.asarray(written.dataobj), labels.data)
    np.testing.assert_allclose(written.affine, given.affine, atol=1e-5)
    assert (written.header["sform_code"], written.header["qform_code"]) == codes
    if codes[1]:
        np.testing.assert_allclose(written.get_qform(), given.get_qform(), atol=1e-5)
    if codes[0]:
        np.testing.assert_array_equal(written.get_sform(), given.get_sform())


def test_a_sheared_grid_without_its_own_qform_is_not_given_a_wrong_one(tmp_path):
    for codes in ((2, 1), (0, 1)):
        write_labels(tmp_path / "mask.nii", labels_on(Grid((3, 4, 5), SHEARED, *codes)), BRATS2023)
        header = nib.load(tmp_path / "mask.nii").header
        assert header["qform_code"] == 0
        assert header["sform_code"] == max(codes[0], 1)
        np.testing.assert_allclose(header.get_best_affine(), SHEARED, atol=1e-6)


def test_an_affine_without_codes_is_not_lost(tmp_path):
    write_labels(tmp_path / "mask.nii", labels_on(Grid((3, 4, 5), OBLIQUE, 0, 0)), BRATS2023)
    np.testing.assert_allclose(nib.load(tmp_path / "mask.nii").affine, OBLIQUE, atol=1e-6)


def test_both_transforms_are_kept_where_they_differ(tmp_path):
    write_labels(tmp_path / "mask.nii", labels_on(Grid((3, 4, 5), SHEARED, 4, 1, BRATS_AFFINE)), BRATS2023)
    image = nib.load(tmp_path / "mask.nii")
    np.testing.assert_allclose(image.get_sform(), SHEARED, atol=1e-6)
    np.testing.assert_allclose(image.get_qform(), BRATS_AFFINE, atol=1e-6)
    np.testing.assert_allclose(open_nifti(tmp_path / "mask.nii").header.grid.qform_affine, BRATS_AFFINE, atol=1e-6)


def test_data_that_is_a_view_in_another_order_is_written_right(tmp_path):
    labels = labels_on(Grid((4, 5, 6), BRATS_AFFINE))
    turned = LabelMap(np.asfortranarray(labels.data[::-1]), labels.grid)
    write_labels(tmp_path / "mask.nii.gz", turned, BRATS2023)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj), labels.data[::-1])


def test_the_same_labels_give_the_same_bytes(tmp_path):
    labels = labels_on(Grid((4, 5, 6), BRATS_AFFINE))
    for name in ("one.nii.gz", "two.nii.gz"):
        write_labels(tmp_path / name, labels, BRATS2023)
    assert (tmp_path / "one.nii.gz").read_bytes() == (tmp_path / "two.nii.gz").read_bytes()


@pytest.mark.parametrize(("library", "level"), [("isal.igzip", 1), ("gzip", 6)])
def test_either_library_compresses_to_the_same_content_without_a_time(tmp_path, monkeypatch, library, level):
    monkeypatch.setattr(nifti_write, "deflate", pytest.importorskip(library))
    monkeypatch.setattr(nifti_write, "LEVEL", level)
    labels = labels_on(Grid((4, 5, 6), BRATS_AFFINE))
    write_labels(tmp_path / "mask.nii.gz", labels, BRATS2023)
    write_labels(tmp_path / "mask.nii", labels, BRATS2023)
    packed = (tmp_path / "mask.nii.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "mask.nii").read_bytes()
    assert packed[3:8] == bytes(5), "no name in the gzip header, and no time"


def test_labels_at_the_edge_of_a_mask_that_is_mostly_empty_are_written(tmp_path):
    data = np.zeros((4, 5, 6), dtype=np.uint8)
    data[0, 4, 2] = Label.ET
    write_labels(tmp_path / "mask.nii.gz", LabelMap(data, Grid((4, 5, 6), BRATS_AFFINE)), BRATS2020)
    integers = np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj)
    assert (integers[0, 4, 2], integers.sum()) == (4, 4)


def test_what_was_written_is_read_back_by_us(tmp_path):
    labels = labels_on(Grid((4, 5, 6), OBLIQUE))
    write_labels(tmp_path / "mask.nii.gz", labels, BRATS2020)
    found = read_labels(tmp_path / "mask.nii.gz", BRATS2020, grid=labels.grid)
    np.testing.assert_array_equal(found.data, labels.data)


# Failures leave what was there


def failing(number):
    def fail(*_args, **_options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.read_bytes"])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, call):
    path = tmp_path / "mask.nii.gz"
    labels = labels_on(Grid((4, 5, 6), BRATS_AFFINE))
    write_labels(path, labels, BRATS2023)
    with path.open("rb") as file:
        old = file.read()
    monkeypatch.setattr(call, failing(errno.ENOSPC))
    with pytest.raises(ImageFileError, match=r"mask.nii.gz: could not be written \(No space left on device\)"):
        write_labels(path, LabelMap(labels.data * 0, labels.grid), BRATS2023)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["mask.nii.gz"]
    assert path.read_bytes() == old


def test_a_disk_that_gives_back_other_bytes_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: b"other")
    with pytest.raises(ImageFileError, match="reads back different"):
        write_labels(tmp_path / "mask.nii", labels_on(Grid((2, 2, 2), BRATS_AFFINE)), BRATS2023)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_labels(tmp_path / "mask.nii", labels_on(Grid((2, 2, 2), BRATS_AFFINE)), BRATS2023)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mask.png", "let its name end in .nii.gz"),
        ("none/mask.nii", "folder does not exist"),
        ("dir.nii", "is a folder"),
    ],
)
def test_places_where_no_mask_can_go(tmp_path, name, why):
    (tmp_path / "dir.nii").mkdir()
    with pytest.raises(ImageFileError, match=why):
        write_labels(tmp_path / name, labels_on(Grid((2, 2, 2), BRATS_AFFINE)), BRATS2023)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_is_written_through(tmp_path):
    write(tmp_path / "real.nii")
    (tmp_path / "link.nii").symlink_to(tmp_path / "real.nii")
    labels = labels_on(Grid((2, 2, 2), BRATS_AFFINE))
    write_labels(tmp_path / "link.nii", labels, BRATS2023)
    assert (tmp_path / "link.nii").is_symlink()
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "real.nii").dataobj), labels.data)


def test_a_name_at_the_length_limit(tmp_path):
    path = tmp_path / f"{'m' * 248}.nii.gz"
    write_labels(path, labels_on(Grid((2, 2, 2), BRATS_AFFINE)), BRATS2023)
    assert path.is_file()


def test_labels_without_integer_are_refused_before_anything_is_written(tmp_path):
    labels = LabelMap(np.full((2, 2, 2), Label.RC, dtype=np.uint8), Grid((2, 2, 2), BRATS_AFFINE))
    with pytest.raises(LabelConventionError):
        write_labels(tmp_path / "mask.nii", labels, BRATS2020)
    assert list(tmp_path.iterdir()) == []


def test_a_grid_too_large_for_the_format(tmp_path):
    grid = Grid((40000, 1, 1), BRATS_AFFINE)
    with pytest.raises(ImageFileError, match="too large for NIfTI-1"):
        write_labels(tmp_path / "mask.nii", labels_on(grid), BRATS2023)
