import pickle

import numpy as np
import pytest

from engine.data import CONVENTIONS, Label, Region
from engine.errors import LabelConventionError


@pytest.mark.parametrize(
    ("name", "integers"),
    [
        ("brats2020", [0, 1, 2, 4]),
        ("brats2023", [0, 1, 2, 3]),
        ("decathlon", [0, 2, 1, 3]),
    ],
)
def test_each_convention_has_its_integers_for_background_ncr_ed_et(name, integers):
    convention = CONVENTIONS[name]
    labels = convention.decode(np.array(integers), "mask")
    assert labels.tolist() == [Label.BACKGROUND, Label.NCR, Label.ED, Label.ET]
    assert convention.encode(labels).tolist() == integers


def test_the_same_four_is_enhancing_tumour_or_a_cavity():
    assert CONVENTIONS["brats2020"].decode(np.array([4]), "mask") == [Label.ET]
    assert CONVENTIONS["brats2024"].decode(np.array([4]), "mask") == [Label.RC]


def test_brats2015_has_two_integers_for_one_label():
    assert CONVENTIONS["brats2015"].decode(np.array([1, 3]), "mask").tolist() == [Label.NCR, Label.NCR]
    assert CONVENTIONS["brats2015"].encode(np.array([Label.NCR], dtype=np.uint8)).tolist() == [1]


@pytest.mark.parametrize("dtype", ["i1", ">i2", "u2", "<i8", ">u8"])
def test_integers_of_any_width_and_byte_order(dtype):
    assert CONVENTIONS["brats2020"].decode(np.array([4, 0], dtype=dtype), "mask").tolist() == [Label.ET, 0]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
@pytest.mark.parametrize("step", [1, -1, 2])
def test_arrays_in_any_memory_order_keep_their_places(axes, step):
    integers = np.random.default_rng(0).choice([0, 1, 2, 4], size=(6, 5, 4)).transpose(axes)[::step]
    labels = CONVENTIONS["brats2020"].decode(integers, "mask")
    np.testing.assert_array_equal(labels, np.where(integers == 4, Label.ET, integers))
    assert labels.flags.writeable
    np.testing.assert_array_equal(CONVENTIONS["brats2020"].encode(labels), integers)
    view = labels.transpose(2, 0, 1)[:, ::-1]
    np.testing.assert_array_equal(CONVENTIONS["brats2020"].encode(view), integers.transpose(2, 0, 1)[:, ::-1])


def test_an_empty_array_has_no_labels():
    assert CONVENTIONS["brats2020"].decode(np.zeros((0, 3), np.int16), "mask").shape == (0, 3)
    assert CONVENTIONS["brats2020"].encode(np.zeros((0, 3), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize(
    ("region", "there"), [("ET", [0, 0, 0, 1, 0]), ("TC", [0, 1, 0, 1, 0]), ("WT", [0, 1, 1, 1, 0])]
)
def test_a_region_is_the_set_of_its_labels(region, there):
    mask = Region(region).mask(np.arange(5, dtype=np.uint8))
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == there


@pytest.mark.parametrize("foreign", [3, -1, 255, 256, 30000])
def test_a_foreign_integer_is_refused_in_one_line(foreign):
    with pytest.raises(
        LabelConventionError, match=rf"^mask\.nii: holds the label value {foreign}, .*--labels"
    ) as error:
        CONVENTIONS["brats2020"].decode(np.array([0, foreign]), "mask.nii")
    assert "\n" not in str(error.value)


def test_an_image_instead_of_a_mask_does_not_list_every_value():
    with pytest.raises(LabelConventionError, match=r"label values 5, 6, 7, 8 and 91 more,"):
        CONVENTIONS["brats2020"].decode(np.arange(5, 100), "flair.nii.gz")


def test_a_label_without_integer_is_not_written_as_another():
    with pytest.raises(LabelConventionError, match="no value for the label RC"):
        CONVENTIONS["brats2020"].encode(np.array([Label.RC], dtype=np.uint8))


def test_conventions_travel_to_another_process():
    for convention in CONVENTIONS.values():
        assert pickle.loads(pickle.dumps(convention)) == convention  # noqa: S301
