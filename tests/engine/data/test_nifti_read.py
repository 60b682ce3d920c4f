import gzip
import os
import zlib

import nibabel as nib
import numpy as np
import pytest

from engine.data import CONVENTIONS, Grid, ImageSource, Label, file_bytes, read_labels, read_volume
from engine.errors import CaseError, ImageFileError, LabelConventionError
from tests.engine.data.files import BRATS_AFFINE, gunzip, patch, write

BRATS2020 = CONVENTIONS["brats2020"]


def read(path, volume=None, **options):
    return read_volume(ImageSource(path, volume), **options)


def refused(path, match, error=ImageFileError, **options):
    with pytest.raises(error, match=match) as caught:
        read(path, **options)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.fixture
def packed(tmp_path):
    return write(tmp_path / "image.nii.gz")


@pytest.fixture
def plain(tmp_path):
    return write(tmp_path / "image.nii")


# What is read, and how


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_real_type_in_both_byte_orders(tmp_path, dtype, order):
    data = np.arange(120).reshape(4, 5, 6).astype(order + dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(data.dtype)
    nib.save(nib.Nifti1Image(data, BRATS_AFFINE, header), tmp_path / "image.nii.gz")
    volume, notes = read(tmp_path / "image.nii.gz")
    assert volume.data.dtype == np.float32
    assert volume.data[3, 4, 5] == 119
    assert volume.data[1, 2, 3] == 1 * 30 + 2 * 6 + 3
    assert volume.grid.axis_codes == "LPS"
    assert notes == ()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti2(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    nib.save(nib.Nifti2Image(np.arange(120.0).reshape(4, 5, 6), BRATS_AFFINE), path)
    volume, _ = read(path)
    assert volume.data[3, 4, 5] == 119
    np.testing.assert_array_equal(volume.affine, BRATS_AFFINE)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_a_big_endian_header_with_an_extension(tmp_path, kind):
    header = kind.header_class(endianness=">")
    header.set_data_dtype(">i2")
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"between header and voxels"))
    nib.save(kind(np.arange(120, dtype=">i2").reshape(4, 5, 6), BRATS_AFFINE, header), tmp_path / "image.nii")
    volume, _ = read(tmp_path / "image.nii")
    assert volume.data[3, 4, 5] == 119


def test_slope_and_intercept_are_applied(plain):
    patch(plain, scl_slope=("ff", 0.5, -10.0))
    volume, _ = read(plain)
    assert volume.data[0, 0, 0] == -10.0
    assert volume.data[3, 4, 5] == 119 * 0.5 - 10.0


def test_a_slope_of_zero_means_no_scaling(plain):
    patch(plain, scl_slope=("ff", 0.0, 7.0))
    assert read(plain)[0].data[3, 4, 5] == 119


def test_a_slope_that_is_not_a_number_is_none_and_is_said(plain):
    patch(plain, scl_slope=("ff", float("nan"), float("nan")))
    volume, notes = read(plain)
    assert volume.data[3, 4, 5] == 119
    assert "scale in its header is not a number" in notes[0]


def test_large_integers_are_scaled_in_double_precision(tmp_path):
    data = np.full((2, 2, 2), 2**24 + 1, dtype=np.int32)
    patch(write(tmp_path / "image.nii", data), scl_slope=("ff", 1.0, -(2.0**24)))
    assert read(tmp_path / "image.nii")[0].data[0, 0, 0] == 1.0


def test_nan_and_infinity_become_the_background_and_are_counted(tmp_path):
    data = np.full((5, 5, 5), -1.0, dtype=np.float32)
    data[2, 2, 1:5] = 0.5, np.nan, np.inf, -np.inf
    volume, notes = read(write(tmp_path / "image.nii.gz", data))
    assert volume.data[2, 2].tolist() == [-1.0, 0.5, -1.0, -1.0, -1.0]
    assert notes == ("image.nii.gz: 3 voxels were NaN or infinite and were set to the background",)


def test_nan_around_the_brain_becomes_zero(tmp_path):
    data = np.full((5, 5, 5), np.nan, dtype=np.float32)
    data[2, 2, 2] = 8.0
    volume, notes = read(write(tmp_path / "image.nii.gz", data))
    assert volume.data.sum() == 8.0
    assert "124 voxels" in notes[0]


def test_values_past_float32_count_as_infinite(tmp_path):
    data = np.zeros((5, 5, 5))
    data[2, 2, 2], data[2, 2, 3] = 1e300, 3.0
    volume, notes = read(write(tmp_path / "image.nii.gz", data))
    assert volume.data.max() == 3.0
    assert "1 voxels" in notes[0]


def test_no_finite_value_is_refused(tmp_path):
    refused(write(tmp_path / "image.nii.gz", np.full((2, 2, 2), np.nan)), "none of its voxels is a finite number")


def test_4d_asks_which_volume(tmp_path):
    data = np.arange(24, dtype=np.int16).reshape(2, 2, 2, 3)
    path = write(tmp_path / "image.nii.gz", data)
    refused(path, "holds 3 volumes; say which one")
    refused(path, "has no volume 3", volume=3)
    refused(path, "has no volume -1", volume=-1)
    volume, _ = read(path, volume=1)
    assert volume.data.ravel().tolist() == list(range(1, 24, 3))


@pytest.mark.parametrize("shape", [(2, 3, 4, 1), (2, 3, 4, 1, 1)])
def test_4d_with_one_volume_is_3d(tmp_path, shape):
    assert read(write(tmp_path / "image.nii.gz", np.ones(shape, dtype=np.int16)))[0].data.shape == (2, 3, 4)


def test_5d_with_one_time_point_counts_its_last_axis(tmp_path):
    data = np.arange(24, dtype=np.int16).reshape(2, 2, 2, 1, 3)
    assert read(write(tmp_path / "image.nii.gz", data), volume=2)[0].data[0, 0, 0] == 2


def test_one_slice_is_a_3d_image(tmp_path):
    assert read(write(tmp_path / "image.nii.gz", np.ones((3, 4, 1), dtype=np.int16)))[0].data.shape == (3, 4, 1)


# Where it lies


def test_sform_first_then_qform_then_voxel_size(plain):
    sform = np.array([[-2.0, 0, 0, 1], [0, -2, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]])
    image = nib.load(plain)
    image.set_sform(sform, 2)
    image.set_qform(BRATS_AFFINE, 1)
    nib.save(image, plain)
    grid = read(plain)[0].grid
    np.testing.assert_array_equal(grid.affine, sform)
    np.testing.assert_array_equal(grid.qform_affine, BRATS_AFFINE)
    assert (grid.sform_code, grid.qform_code) == (2, 1)
    assert "sform and qform lie up to" in read(plain)[1][0]

    patch(plain, sform_code=("h", 0))
    np.testing.assert_allclose(read(plain)[0].affine, BRATS_AFFINE, atol=1e-6)

    patch(plain, qform_code=("h", 0), pixdim=("4f", 1, 3, 4, 5))
    volume, notes = read(plain)
    assert volume.grid.spacing_mm == (3, 4, 5)
    assert "no sform and no qform" in notes[0]
    np.testing.assert_array_equal(volume.affine, nib.load(plain).affine)


def test_an_unknown_code_is_taken_as_none_and_is_said(plain):
    patch(plain, qform_code=("hh", 1, 77))
    volume, notes = read(plain)
    assert (volume.grid.sform_code, volume.grid.qform_code) == (0, 1)
    assert "sform_code 77" in notes[0]


def test_lengths_in_micrometres_are_said(plain):
    patch(plain, xyzt_units=("B", 3))
    assert "micrometres" in read(plain)[1][0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((float("nan"), 0, 0, 0), "not finite"),
        ((float("inf"), 0, 0, 0), "not finite"),
        ((0, 0, 0, 0), "voxels of 0 x"),
        ((0, 1, 0, 0), "voxels of 0 x"),
        ((1e20, 0, 0, 0), r"voxels of 1e\+20 x"),
    ],
)
def test_a_damaged_affine_is_refused(plain, row, why):
    refused(patch(plain, srow_x=("4f", *row), sform_code=("h", 1)), f"position in space is damaged.*{why}")


def test_two_axes_in_one_direction_are_refused(plain):
    rows = (1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0)
    refused(patch(plain, srow_x=("12f", *rows), sform_code=("h", 1)), "singular")


def test_a_zero_voxel_size_is_refused_where_it_counts(plain):
    patch(plain, sform_code=("h", 0), qform_code=("h", 0), pixdim=("4f", 1, 0, 1, 1))
    refused(plain, "position in space is damaged")


def test_an_impossible_quaternion_is_refused(plain):
    patch(plain, sform_code=("h", 0), qform_code=("h", 1), quatern_b=("3f", 2, 2, 2))
    refused(plain, "qform")


# What is refused


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"scl_slope": ("ff", float("inf"), 0)}, "scale in its header is not finite"),
        ({"scl_slope": ("ff", 1, float("nan"))}, "scale in its header is not finite"),
        ({"vox_offset": ("f", 10)}, "data at byte 10"),
        ({"vox_offset": ("f", float("nan"))}, "header is damaged"),
        ({"dim": ("8h", 0, 4, 5, 6, 1, 1, 1, 1)}, "dimensions"),
        ({"dim": ("8h", 3, 4, -5, 6, 1, 1, 1, 1)}, "dimensions"),
        ({"dim": ("8h", 3, 4, 0, 6, 1, 1, 1, 1)}, "dimensions"),
        ({"dim": ("8h", 2, 20, 6, 1, 1, 1, 1, 1)}, "2D image"),
        ({"dim": ("8h", 5, 2, 2, 5, 2, 3, 1, 1)}, "image of 5 dimensions"),
        ({"dim": ("8h", 3, 4, 5, 7, 1, 1, 1, 1)}, "cut off"),
        ({"dim": ("8h", 3, 4, 5, 5, 1, 1, 1, 1)}, "goes on after"),
        ({"bitpix": ("h", 32)}, "contradicts itself"),
        ({"datatype": ("hh", 32, 64)}, "complex"),
        ({"datatype": ("hh", 128, 24)}, "colours"),
        ({"datatype": ("hh", 1, 1)}, "single bits"),
        ({"datatype": ("hh", 99, 16)}, "unknown type 99"),
        ({"magic": ("4s", b"ni1\0")}, "NIfTI pair"),
        ({"magic": ("4s", b"\0\0\0\0")}, "not a NIfTI image"),
    ],
)
def test_a_header_that_claims_what_cannot_be(plain, fields, why):
    refused(patch(plain, **fields), why)


@pytest.fixture(params=["isal.isal_zlib", "zlib"])
def inflate(request, monkeypatch):
    """Each of the libraries that may decompress here."""
    library = pytest.importorskip(request.param)
    monkeypatch.setattr(file_bytes, "inflate", library)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_cut_off_anywhere_is_refused(tmp_path, suffix, inflate):
    path = write(tmp_path / f"image{suffix}")
    content = path.read_bytes()
    for length in range(1, len(content), 7):
        path.write_bytes(content[:length])
        refused(path, "cut off|not a NIfTI image|damaged")


def test_bytes_after_the_end_are_refused(packed, plain):
    for path in (packed, plain):
        path.write_bytes(path.read_bytes() + b"more")
        refused(path, "foreign bytes|goes on after")
    inside = gzip.compress(gunzip(write(packed)).read_bytes() + b"more")
    packed.write_bytes(inside)
    refused(packed, "goes on after")


def test_several_gzip_members_and_zero_padding_are_allowed(packed, inflate):
    content = gzip.decompress(packed.read_bytes())
    packed.write_bytes(gzip.compress(content[:400]) + gzip.compress(content[400:]) + b"\0" * 512)
    assert read(packed)[0].data[3, 4, 5] == 119


def test_a_flipped_bit_never_changes_an_image_in_silence(tmp_path, inflate):
    """300 single bits of a compressed file: each is refused, or in a field (a time stamp) that is not image."""
    data = np.random.default_rng(0).integers(0, 50, (9, 8, 7)).astype(np.int16)
    path = write(tmp_path / "image.nii.gz", data)
    content = path.read_bytes()
    expected = read(path)[0]
    refusals = 0
    for bit in np.random.default_rng(1).choice(len(content) * 8, 300, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(flipped)
        try:
            volume, _ = read(path)
        except ImageFileError:
            refusals += 1
        else:
            np.testing.assert_array_equal(volume.data, expected.data)
            np.testing.assert_array_equal(volume.affine, expected.affine)
    assert refusals > 280


def test_a_tiny_file_that_claims_gigabytes_is_refused_before_memory_is_taken(packed):
    content = bytearray(gzip.decompress(packed.read_bytes()))
    content[40:56] = np.array([3, 32767, 32767, 32767, 1, 1, 1, 1], dtype="<i2").tobytes()
    packed.write_bytes(gzip.compress(bytes(content)))
    refused(packed, "cut off: its header announces")


def test_a_checksum_or_length_that_does_not_fit_is_refused(packed, inflate):
    content = packed.read_bytes()
    for place in range(-8, 0):  # the last bytes: CRC-32, then the length
        changed = bytearray(content)
        changed[place] ^= 1
        packed.write_bytes(changed)
        refused(packed, "is damaged")


def test_a_gzip_bomb_stops_at_what_the_header_announces(packed, inflate):
    content = gzip.decompress(packed.read_bytes())
    deflate = zlib.compressobj(9, wbits=31)
    bomb = deflate.compress(content + bytes(200_000_000)) + deflate.flush()
    packed.write_bytes(bomb)
    refused(packed, "goes on after")


def test_the_memory_budget_is_held(packed):
    need = 352 + 240 + 12 * 120  # header, int16 voxels, float32 and float64 per voxel
    assert read(packed, budget_bytes=need)[0].data.shape == (4, 5, 6)
    refused(packed, "GB may be used", budget_bytes=need - 1)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.nii.gz", b"", "is empty"),
        ("text.nii", b"hello", "not a NIfTI image"),
        ("page.nii.gz", b"<!DOCTYPE html><html>", "web page"),
        ("pointer.nii.gz", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("twice.nii.gz", gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "compressed twice"),
        ("archive.nii.gz", b"PK\x03\x04rest", "zip archive"),
        ("other.nii.bz2", b"BZh91AY", "bzip2"),
        ("brain.mgz", gzip.compress(b"\0\0\0\1" + bytes(300), mtime=0), "mri_convert"),
        ("brain.mnc", b"CDF\1" + bytes(100), "mnc2nii"),
        ("brain.nrrd", b"NRRD0004\n", "NRRD"),
        ("brain.mha", b"ObjectType = Image\n", "MetaImage"),
        ("slice.dcm", bytes(128) + b"DICM", "dcm2niix"),
        ("slice", bytes(128) + b"DICM", "dcm2niix"),
        ("brain.hdr", b"\x5c\x01\0\0" + bytes(344), "pair"),
        ("half.nii.gz", b"\x1f\x8b", "cut off"),
    ],
)
def test_what_is_no_nifti_image_is_named(tmp_path, name, content, why):
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, why)


def test_a_name_that_lies_about_compression_is_said(packed, plain, tmp_path):
    as_plain, as_packed = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    as_plain.write_bytes(packed.read_bytes())
    as_packed.write_bytes(plain.read_bytes())
    for path, word in ((as_plain, "is compressed"), (as_packed, "is not compressed")):
        volume, notes = read(path)
        assert volume.data[3, 4, 5] == 119
        assert word in notes[0]


def test_missing_files_and_folders(tmp_path):
    refused(tmp_path / "none.nii.gz", "no such file")
    (tmp_path / "folder.nii.gz").mkdir()
    refused(tmp_path / "folder.nii.gz", "is a folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii")
    refused(tmp_path / "pipe.nii", "not a regular file")


@pytest.mark.parametrize(
    ("error", "why"),
    [(PermissionError(13, "Permission denied"), "may not be read"), (OSError(5, "I/O error"), "I/O error")],
)
def test_no_permission_and_a_failing_disk_are_one_line(plain, monkeypatch, error, why):
    def fail(*_):
        raise error

    monkeypatch.setattr("pathlib.Path.open", fail)
    refused(plain, why)


# Labels


def test_labels_saved_as_floats_are_rounded(tmp_path):
    data = np.array([0.0, 1.0, 1.9999, 4.0001], dtype=np.float32).reshape(4, 1, 1)
    labels = read_labels(write(tmp_path / "seg.nii.gz", data), BRATS2020)
    assert labels.data.ravel().tolist() == [0, Label.NCR, Label.ED, Label.ET]
    assert labels.data.dtype == np.uint8


def test_scaled_labels_are_scaled_before_they_are_read(tmp_path):
    path = write(tmp_path / "seg.nii", np.array([0, 2, 4, 8], dtype=np.int16).reshape(4, 1, 1))
    labels = read_labels(patch(path, scl_slope=("ff", 0.5, 0.0)), BRATS2020)
    assert labels.data.ravel().tolist() == [0, Label.NCR, Label.ED, Label.ET]


@pytest.mark.parametrize("value", [0.5, 2.3, np.nan, np.inf])
def test_what_is_no_integer_is_refused(tmp_path, value):
    data = np.array([0.0, value], dtype=np.float32).reshape(2, 1, 1)
    with pytest.raises(ImageFileError, match="no label map"):
        read_labels(write(tmp_path / "seg.nii.gz", data), BRATS2020)


def test_labels_that_contradict_the_convention_ask_the_person(tmp_path):
    path = write(tmp_path / "seg.nii.gz", np.array([0, 3], dtype=np.uint8).reshape(2, 1, 1))
    with pytest.raises(LabelConventionError, match=r"seg.nii.gz: .* 3, which BraTS 2017-2021 .* \(--labels\)"):
        read_labels(path, BRATS2020)


def test_a_mask_on_another_grid_is_refused_with_the_difference(tmp_path):
    mask = np.zeros((4, 5, 6), dtype=np.uint8)
    grid = Grid((4, 5, 6), BRATS_AFFINE)
    moved = BRATS_AFFINE.copy()
    moved[:3, 3] += (3.0, 4.0, 0.0)
    for name, affine, shape, why in [
        ("moved", moved, (4, 5, 6), "5.00 mm and 0.0 degrees"),
        ("bare", np.eye(4), (4, 5, 6), "lost its position in space"),
        ("cropped", BRATS_AFFINE, (4, 5, 5), "has 4 x 5 x 5 voxels where 4 x 5 x 6"),
    ]:
        path = write(tmp_path / f"{name}.nii.gz", mask[: shape[0], : shape[1], : shape[2]], affine)
        with pytest.raises(CaseError, match=why):
            read_labels(path, BRATS2020, grid=grid)


def test_a_mask_on_the_grid_takes_exactly_that_grid(tmp_path):
    nearly = BRATS_AFFINE.copy()
    nearly[0, 3] += 0.001
    path = write(tmp_path / "seg.nii.gz", np.zeros((4, 5, 6), dtype=np.uint8), nearly)
    grid = Grid((4, 5, 6), BRATS_AFFINE)
    assert read_labels(path, BRATS2020, grid=grid).grid is grid
