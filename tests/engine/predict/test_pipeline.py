import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data import Case, Grid, Label, Modality, Region, Volume, orient
from engine.errors import DeviceError, ModelError
from engine.model import read_card
from engine.model.bundle import load_network
from engine.predict import devices, segment
from engine.predict.backends import TORCH
from engine.predict.backends.torch_backend import TorchBackend
from engine.predict.prepare import model_shape, prepare
from engine.predict.regions import drop_small_et, fill_core
from engine.predict.windows import ALL_FLIPS
from engine.progress import finish
from tests.engine.bundles import threshold_bundle
from tests.phantoms import phantom_case

LEVELS = {Region.ET: 2.0, Region.TC: 1.0, Region.WT: 0.0}


@pytest.fixture
def model(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    return str(tmp_path / "tiny")


def expected_labels(case: Case, modality: Modality = Modality.T1C) -> np.ndarray:
    """What `threshold_network` must say: the z-score of each brain voxel against the three levels."""
    image = case.images[modality].data.astype(np.float64)
    brain = image != 0
    scores = np.zeros_like(image)
    scores[brain] = (image[brain] - image[brain].mean()) / image[brain].std()
    labels = np.zeros(image.shape, dtype=np.uint8)
    for region, label in ((Region.WT, Label.ED), (Region.TC, Label.NCR), (Region.ET, Label.ET)):
        labels[brain & (np.maximum(scores, 0) > LEVELS[region])] = label
    return labels


def run(case, model, **options):
    return finish(segment(case, model=model, device="cpu", **options))


@pytest.mark.parametrize("tta", ["none", "flips", "reference"])
@pytest.mark.parametrize("shape", [(40, 48, 36), (17, 9, 33), (16, 16, 16), (5, 7, 6)])
def test_a_known_network_gives_the_labels_computed_by_hand(model, tta, shape):
    case = phantom_case(shape=shape)
    result = run(case, model, tta=tta)
    np.testing.assert_array_equal(result.labels.data, expected_labels(case))
    assert result.labels.data.dtype == np.uint8
    assert result.labels.grid is case.native
    assert (result.case_id, result.device, result.tta) == (case.id, "cpu", tta)
    assert len(result.model_sha256) == 64


@pytest.mark.parametrize("axis_codes", ["RAS", "LPS", "PIR", "SAL", "ASR", "IRP"])
def test_the_mask_is_the_same_in_the_world_however_the_case_is_stored(model, axis_codes):
    here = phantom_case("LPS", tilt_deg=12.0)
    there = phantom_case(axis_codes, tilt_deg=12.0)
    masks = [orient(case.native, "RAS").forward(run(case, model, tta="none").labels.data) for case in (here, there)]
    assert masks[0].any()
    np.testing.assert_array_equal(masks[0], masks[1])


def test_another_spacing_is_brought_to_the_models_and_back(tmp_path):
    threshold_bundle(tmp_path / "coarse", spacing_mm=(2.0, 2.0, 2.0))
    case = phantom_case(shape=(60, 64, 30), spacing_mm=(1.0, 1.0, 2.0))
    labels = run(case, str(tmp_path / "coarse"), tta="none").labels
    assert labels.data.shape == case.native.shape
    centres = [np.argwhere(Region.TC.mask(data)).mean(axis=0) for data in (labels.data, expected_labels(case))]
    np.testing.assert_allclose(centres[0], centres[1], atol=0.25)  # in voxels: not off by half of one
    assert model_shape((60, 64, 30), (1.0, 1.0, 2.0), (2.0, 2.0, 2.0)) == (30, 32, 30)


def test_a_brats_grid_is_not_resampled_to_itself():
    assert model_shape((240, 240, 155), (1.0, 1.0, 1.000001), (1.0, 1.0, 1.0)) == (240, 240, 155)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0.5, 3.0, 1.0)])
def test_a_brain_of_one_voxel_is_no_reason_to_fail(tmp_path, spacing):
    threshold_bundle(tmp_path / "any", spacing_mm=spacing)
    case = phantom_case()
    data = np.zeros(case.native.shape, dtype=np.float32)
    data[7, 8, 9] = 5.0
    lone = replace(case, images=dict.fromkeys(Modality, Volume(data, case.native)))
    labels = run(lone, str(tmp_path / "any")).labels.data
    assert labels.shape == case.native.shape
    assert not labels.any(), "the z-score of a single voxel is 0, which is not above any level"


def test_all_zero_images_give_an_empty_mask_and_say_so(model):
    case = phantom_case()
    empty = Volume(np.zeros(case.native.shape, dtype=np.float32), case.native)
    result = run(replace(case, images=dict.fromkeys(Modality, empty)), model)
    assert not result.labels.data.any()
    assert any("empty" in note for note in result.notes)


def test_rescaled_intensities_change_nothing(model):
    case = phantom_case()
    plain = run(case, model, tta="none").labels.data
    images = {}
    for modality, volume in case.images.items():
        top = volume.data.max()
        images[modality] = Volume((volume.data / top * 2 - 1).astype(np.float32), volume.grid)  # background is -1
    np.testing.assert_array_equal(run(replace(case, images=images), model, tta="none").labels.data, plain)


def test_a_missing_modality_is_named_or_refused(tmp_path, model):
    case = phantom_case(modalities=(Modality.T1C, Modality.T2F))
    assert any("T1, T2" in note for note in run(case, model).notes)
    threshold_bundle(tmp_path / "strict", optional=(Modality.T1N,))
    with pytest.raises(ModelError, match="needs T2, which the case does not have"):
        run(case, str(tmp_path / "strict"))
    with pytest.raises(ModelError, match="none of the images"):
        run(replace(case, images={}), model)


def test_progress_counts_windows_times_passes_and_estimates_the_rest(model):
    case = phantom_case(shape=(40, 48, 36))
    seen = list(segment(case, model=model, device="cpu", backend=TORCH, tta="flips"))
    steps = [progress for progress in seen if progress.stage == "segmenting" and not progress.amid]
    total = steps[0].total
    assert total % 8 == 0
    assert total > 8
    assert list(dict.fromkeys(progress.done for progress in steps)) == list(range(total + 1))
    assert steps[0].seconds_left is None
    assert all(progress.seconds_left is not None and progress.seconds_left >= 0 for progress in steps if progress.done)
    assert steps[-1].seconds_left == 0


def test_closing_stops_before_the_next_forward_pass(model, monkeypatch):
    calls = []
    plain = TorchBackend.logits

    def counted(backend, windows):
        calls.append(1)
        return plain(backend, windows)

    monkeypatch.setattr(TorchBackend, "logits", counted)
    work = segment(phantom_case(), model=model, device="cpu", backend=TORCH, tta="flips")
    while len(calls) < 2:
        next(work)
    work.close()
    assert len(calls) == 2


def test_mirrored_passes_of_a_network_that_looks_at_single_voxels_equal_the_plain_one(model):
    torch.manual_seed(0)
    backend = TorchBackend(load_network(read_card(Path(model))), torch.device("cpu"), bfloat16=False)
    inputs = torch.rand(1, 4, 16, 16, 16)
    plain = finish(backend.logits(inputs))
    for flips in ALL_FLIPS:
        axes = [axis + 1 for axis in flips]
        torch.testing.assert_close(finish(backend.logits(inputs.flip(axes))).flip(axes), plain)


def test_small_et_becomes_necrotic_core_by_total_volume():
    labels = np.array([3, 3, 1, 2, 0], dtype=np.uint8)
    assert not drop_small_et(labels, voxel_ml=0.1, min_et_ml=0.2)
    assert labels.tolist() == [3, 3, 1, 2, 0]
    assert drop_small_et(labels, voxel_ml=0.1, min_et_ml=0.21)
    assert labels.tolist() == [1, 1, 1, 2, 0]
    assert not drop_small_et(labels, voxel_ml=0.1, min_et_ml=0.21), "none left: nothing to drop"


def test_the_et_rule_of_the_card_is_applied_and_told(tmp_path):
    threshold_bundle(tmp_path / "rule", min_et_ml=1000.0)
    result = run(phantom_case(), str(tmp_path / "rule"), tta="none")
    assert not (result.labels.data == Label.ET).any()
    assert (result.labels.data == Label.NCR).any()
    assert any("1000 ml" in note for note in result.notes)


@pytest.mark.parametrize("axis", range(3))
def test_oedema_that_the_core_encloses_in_any_plane_is_core(axis):
    labels = np.zeros((9, 9, 9), dtype=np.uint8)
    labels[1:8, 1:8, 1:8] = Label.ED
    ring = np.full((5, 5), Label.ET, dtype=np.uint8)
    ring[1:4, 1:4] = Label.ED
    ring[2, 2] = 0  # within it, but no oedema
    np.moveaxis(labels, axis, 0)[2:7, 2:7, 2:7] = ring  # a tube, open at both ends
    expected = labels.copy()
    tube = np.moveaxis(expected, axis, 0)[2:7, 3:6, 3:6]
    tube[tube == Label.ED] = Label.NCR
    fill_core(labels)
    np.testing.assert_array_equal(labels, expected)


def test_oedema_in_a_cleft_of_the_core_stays():
    labels = np.full((7, 7, 7), Label.ED, dtype=np.uint8)
    labels[2:5, 2:5, 2:5] = Label.NCR
    labels[3:5, 2:5, 3] = Label.ED  # to the outside within each plane
    before = labels.copy()
    fill_core(labels)
    np.testing.assert_array_equal(labels, before)


def test_the_core_is_filled_where_the_card_says_so(tmp_path):
    case = phantom_case()
    case.images[Modality.T1C].data[case.truth.data == Label.NCR] = 450.0  # which looks like oedema to it
    threshold_bundle(tmp_path / "filled", fill_core=True)
    expected = expected_labels(case)
    before = expected.copy()
    filled = fill_core(expected)
    assert filled == np.count_nonzero(expected != before) > 50
    result = run(case, str(tmp_path / "filled"), tta="none")
    np.testing.assert_array_equal(result.labels.data, expected)
    assert f"{filled / 1000:.1f} ml of oedema that the tumour core encloses was taken for core" in result.notes


def test_each_region_has_its_own_threshold(tmp_path):
    plain = run(phantom_case(), str(threshold_bundle(tmp_path / "plain").folder), tta="none").labels.data
    shifted = threshold_bundle(tmp_path / "shifted", thresholds=(1 / (1 + math.exp(1.0)), 0.5, 0.5))
    labels = run(phantom_case(), str(shifted.folder), tta="none").labels.data
    # ET's logit is that of TC minus one, so that its threshold one logit lower makes both regions the same.
    np.testing.assert_array_equal(labels == Label.ET, np.isin(plain, (Label.NCR, Label.ET)))
    np.testing.assert_array_equal(labels > 0, plain > 0)


def test_labels_never_lie_outside_the_brain(tmp_path):
    threshold_bundle(tmp_path / "all", thresholds=(0.5, 0.5, 1e-4))  # every voxel's WT logit is above
    case = phantom_case()
    labels = run(case, str(tmp_path / "all"), tta="none").labels.data
    brain = np.logical_or.reduce([volume.data != 0 for volume in case.images.values()])
    np.testing.assert_array_equal(labels > 0, brain)


def test_prepared_input_puts_every_voxel_back_where_it_came_from(tmp_path):
    card = threshold_bundle(tmp_path / "tiny")
    case = phantom_case("PIR", tilt_deg=20.0)
    prepared = prepare(case, card)
    assert prepared is not None
    index = np.arange(1, prepared.brain.size + 1).reshape(prepared.brain.shape) % 251
    crop = (index * prepared.brain).astype(np.uint8)
    back = prepared.paste(crop)
    assert back.shape == case.native.shape
    np.testing.assert_array_equal(prepared.orientation.forward(back)[prepared.box], crop)
    assert (prepared.orientation.forward(back).astype(bool).sum()) == crop.astype(bool).sum()


def test_a_device_that_is_not_there_is_named(model):
    assert devices()[-1].name == "cpu"
    with pytest.raises(DeviceError, match=r"cuda:99: no such device here; choose auto or one of .*cpu"):
        finish(segment(phantom_case(), model=model, device="cuda:99"))


def test_grid_of_the_answer_is_the_cases_with_codes_and_affine(model):
    case = phantom_case("RAS", tilt_deg=33.0)
    grid = Grid(case.native.shape, case.native.affine, sform_code=4, qform_code=2)
    images = {modality: Volume(volume.data, grid) for modality, volume in case.images.items()}
    labels = run(replace(case, images=images, native=grid, truth=None), model, tta="none").labels
    assert (labels.grid.sform_code, labels.grid.qform_code) == (4, 2)
    np.testing.assert_array_equal(labels.grid.affine, grid.affine)
