from dataclasses import replace

import numpy as np
import pytest

from engine.data import Grid, LabelMap, Modality, Volume, case_warnings, find_dataset, load_case
from engine.progress import finish
from tests.phantoms import phantom_case

T1N, T1C, T2W, T2F = Modality


@pytest.fixture(scope="module")
def phantom():
    return phantom_case(shape=(60, 72, 56), spacing_mm=(2.2, 2.2, 2.2))


def warnings(case, truth=None, **changed):
    """Warnings for a phantom with the data of some images changed."""
    images = dict(case.images)
    for name, change in changed.items():
        volume = images[Modality[name]]
        images[Modality[name]] = replace(volume, data=np.ascontiguousarray(change(volume.data), dtype=np.float32))
    return case_warnings(images, truth)


def only(lines, *words):
    assert len(lines) == 1, lines
    assert all(word in lines[0] for word in words), lines
    return True


def test_a_good_case_has_none(phantom):
    assert warnings(phantom, phantom.truth) == ()
    assert case_warnings({}) == ()


def test_values_below_zero_and_another_background_are_no_fault(phantom):
    assert warnings(phantom, T1N=lambda data: data / data.max() * 2 - 1) == ()


def test_empty(phantom):
    assert only(warnings(phantom, T2W=np.zeros_like), "T2 is empty (every voxel is 0)")
    assert only(warnings(phantom, T2W=lambda data: data * 0 + 7), "T2 is empty (every voxel is 7)")


def test_the_same_image_twice(phantom):
    twin = phantom.images[T1C].data
    assert only(warnings(phantom, T1N=lambda _: twin), "T1 and T1CE are the same image")


def test_a_mask_in_an_images_place(phantom):
    truth = phantom.truth.data
    assert only(warnings(phantom, T2F=lambda _: truth), "FLAIR holds 3 different values only, like a mask")


def test_a_skull_of_more_than_a_brains_volume(phantom):
    """The phantom's brain has 1.0 litres; scaled up by half along each axis it has 3.3."""
    large = {
        modality: Volume(volume.data, replace(volume.grid, affine=volume.affine @ np.diag([1.5, 1.5, 1.5, 1.0])))
        for modality, volume in phantom.images.items()
    }
    assert only(case_warnings(large), "T1, T1CE, T2 and FLAIR do not look skull-stripped")


def test_noise_around_the_head_is_not_stripped(phantom):
    noise = np.random.default_rng(0).normal(5, 1, phantom.native.shape)
    assert only(warnings(phantom, T1N=lambda data: data + noise), "T1 does not look skull-stripped")


def test_an_image_that_lies_elsewhere(phantom):
    lines = warnings(phantom, T2W=lambda data: np.roll(data, (9, 7), (0, 1)))
    assert only(lines, "T2 may not be registered to the other images")


def test_two_images_that_do_not_fit_each_other(phantom):
    pair = {T1C: phantom.images[T1C], T2F: phantom.images[T2F]}
    pair[T2F] = replace(pair[T2F], data=np.roll(pair[T2F].data, (9, 7), (0, 1)))
    assert only(case_warnings(pair), "T1CE and FLAIR may not be registered to each other")


def test_a_mirrored_image(phantom):
    assert only(warnings(phantom, T1C=lambda data: data[::-1]), "T1CE may be mirrored left to right")


def test_noise_without_structure_is_not_judged():
    grid = Grid((20, 20, 20), np.diag([5.0, 5.0, 5.0, 1.0]))
    images = {}
    for seed, modality in enumerate(Modality):
        data = np.zeros(grid.shape, dtype=np.float32)
        data[3:17, 3:17, 3:17] = np.random.default_rng(seed).normal(100, 10, (14, 14, 14))
        images[modality] = Volume(data, grid)
    assert case_warnings(images) == ()


def test_one_image_and_tiny_images_are_not_judged(phantom):
    assert case_warnings({T1C: phantom.images[T1C]}) == ()
    data = np.zeros((5, 5, 5), dtype=np.float32)
    data[2, 2, 2] = 1.0
    tiny = Volume(data, Grid((5, 5, 5), np.eye(4)))
    assert case_warnings({T1C: tiny, T2F: replace(tiny, data=data * 2)}) == ()


def test_a_truth_that_marks_everything(phantom):
    everything = LabelMap(np.ones(phantom.native.shape, dtype=np.uint8), phantom.native)
    assert only(warnings(phantom, everything), "marks every voxel")
    brain = LabelMap((phantom.images[T1C].data > 0).astype(np.uint8), phantom.native)
    assert only(warnings(phantom, brain), "most of the brain")


def test_a_truth_of_other_images(phantom):
    elsewhere = LabelMap(np.roll(phantom.truth.data, 25, axis=2), phantom.native)
    assert only(warnings(phantom, elsewhere), "outside of the brain")
    nothing = LabelMap(np.zeros_like(phantom.truth.data), phantom.native)
    assert warnings(phantom, nothing) == ()


def test_real_cases_raise_no_false_alarm(real_data):
    cases = find_dataset(real_data).cases
    assert len(cases) == 11
    for files in cases:
        case = finish(load_case(files))
        assert case.warnings == (), case.id


def test_a_real_image_of_another_place_is_noticed(real_data):
    case = finish(load_case(find_dataset(real_data).cases[0]))
    assert only(warnings(case, T2F=lambda data: data[::-1]), "FLAIR may be mirrored")
    assert only(warnings(case, T2F=lambda data: np.roll(data, 12, 0)), "FLAIR may not be registered")
