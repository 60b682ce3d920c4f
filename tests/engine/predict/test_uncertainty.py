import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.data import Case, Modality, Region, Volume
from engine.isolate import Worker
from engine.model.bundle import save_bundle
from engine.model.unet import UNet
from engine.predict import segment
from engine.progress import finish
from tests.engine.bundles import CONFIG, card, threshold_bundle, threshold_network
from tests.phantoms import phantom_case

LOGIT_9 = math.log(9.0)  # of the probability 0.9
NEAR = 5e-4  # a bundle's weights and the entropy are kept in half precision
SMALL = (20, 24, 18)
T1C = list(Modality).index(Modality.T1C)


def run(case, model, *, tta="none", uncertainty=True):
    return finish(segment(case, model=str(model), device="cpu", tta=tta, uncertainty=uncertainty))


def bits(probability):
    """The entropy of a yes or no, written out."""
    return -(probability * np.log2(probability) + (1 - probability) * np.log2(1 - probability))


def brain_of(case: Case) -> np.ndarray:
    return np.logical_or.reduce([volume.data != 0 for volume in case.images.values()])


def constant_bundle(folder, probabilities, **changes):
    """A network that gives each voxel the same probabilities of ET, TC and WT."""
    network = threshold_network(levels=tuple(-math.log(p / (1 - p)) for p in probabilities))
    torch.nn.init.zeros_(network.head.weight)
    save_bundle(folder, card(**changes), network.state_dict())
    return folder


def striped_case() -> Case:
    """A brain of 16 x 16 x 16 voxels in planes along x, of which no voxel has equal neighbours left and right.

    The z-score of a plane is 1 or -1; what lies beyond the ends counts as 0, which the network takes for -1.
    """
    case = phantom_case("RAS", shape=(18, 18, 18))
    data = np.zeros((18, 18, 18), dtype=np.float32)
    data[1:17, 1:17, 1:17] = np.array([1, 3, 3, 1] * 4, dtype=np.float32)[:, None, None]
    return replace(case, images={Modality.T1C: Volume(data, case.native)})


def striped_bundle(folder, offset):
    """WT's probability is 0.9 or 0.1, by the z-score of the voxel at `offset` - 1 along x; ET and TC are out."""
    network = threshold_network(levels=(30.0, 30.0, LOGIT_9))
    first = network.encoder[0][0]
    with torch.no_grad():
        first.weight[0, T1C] = 0.0
        first.weight[0, T1C, offset, 1, 1] = 1.0
        network.head.weight[2, 0] = 2 * LOGIT_9
    save_bundle(folder, card(), network.state_dict())
    return folder


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0)])
@pytest.mark.parametrize("tta", ["none", "flips", "reference"])
def test_a_constant_network_by_hand(tmp_path, tta, spacing_mm):
    model = constant_bundle(tmp_path / "constant", (0.1, 0.2, 0.9), spacing_mm=spacing_mm)
    case = phantom_case("PIR", shape=SMALL)
    found = run(case, model, tta=tta).uncertainty
    assert found.entropy.dtype == np.float16
    # TC is the least sure: -(0.2 log2 0.2 + 0.8 log2 0.8) = 0.7219 bits
    np.testing.assert_allclose(found.entropy, np.where(brain_of(case), 0.7219, 0.0), atol=NEAR)
    # All n voxels of the brain are WT: 2 * 0.9 n / (0.9 n + n)
    assert found.confidence == {Region.ET: None, Region.TC: None, Region.WT: pytest.approx(1.8 / 1.9, abs=NEAR)}


@pytest.mark.parametrize("axis_codes", ["LPS", "PIR", "SAL"])
def test_entropy_and_confidence_lie_on_the_cases_grid(tmp_path, axis_codes):
    case = phantom_case(axis_codes, shape=SMALL)
    threshold_bundle(tmp_path / "tiny")
    result = run(case, tmp_path / "tiny", tta="flips")
    image, brain = case.images[Modality.T1C].data.astype(np.float64), brain_of(case)
    score = np.maximum((image - image[brain].mean()) / image[brain].std(), 0)[brain]
    chances = {region: 1 / (1 + np.exp(level - score)) for region, level in zip(Region, (2.0, 1.0, 0.0), strict=True)}
    np.testing.assert_allclose(
        result.uncertainty.entropy[brain], np.max([bits(p) for p in chances.values()], axis=0), atol=1e-3
    )
    assert not result.uncertainty.entropy[~brain].any()
    for region, p in chances.items():
        mask = region.mask(result.labels.data)[brain]
        expected = 2 * p[mask].sum() / (p.sum() + mask.sum())
        assert result.uncertainty.confidence[region] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("offset", "tta", "entropy"), [(1, "flips", 0.469), (0, "none", 0.469), (0, "flips", 1.0)])
def test_passes_that_contradict_each_other_are_uncertain(tmp_path, offset, tta, entropy):
    """Half the mirror images of a network that looks to one side see 0.9 and half 0.1: together 0.5, which is 1 bit.

    One that looks at the voxel itself says 0.9 or 0.1 in all of them, as either does in a single pass: 0.469 bits.
    """
    found = run(striped_case(), striped_bundle(tmp_path / "striped", offset), tta=tta).uncertainty
    np.testing.assert_allclose(found.entropy[1:17, 1:17, 1:17], entropy, atol=1e-3)


def test_confidence_by_hand(tmp_path):
    """Of each two voxels the one with 0.9 is marked and the one with 0.1 is not: 2 * 0.9 / (0.9 + 0.1 + 1)."""
    found = run(striped_case(), striped_bundle(tmp_path / "striped", 1)).uncertainty
    assert found.confidence == {Region.ET: None, Region.TC: None, Region.WT: pytest.approx(0.9, abs=NEAR)}


@pytest.mark.parametrize(("threshold", "confidence"), [(0.35, 0.8 / 1.4), (0.5, None)])
def test_a_threshold_changes_the_mask_and_its_confidence_but_no_entropy(tmp_path, threshold, confidence):
    model = constant_bundle(tmp_path / "low", (0.4, 0.8, 0.9), thresholds=(threshold, 0.5, 0.5))
    case = phantom_case()
    found = run(case, model).uncertainty
    assert found.confidence[Region.ET] == (confidence and pytest.approx(confidence, abs=NEAR))
    np.testing.assert_allclose(found.entropy[brain_of(case)], bits(0.4), atol=NEAR)


def test_confidence_is_of_the_mask_that_is_given(tmp_path):
    """Enhancing tumour that the card's rule takes for necrotic core is not marked any more."""
    model = constant_bundle(tmp_path / "rule", (0.8, 0.8, 0.8), min_et_ml=1000.0)
    confidence = run(phantom_case(), model).uncertainty.confidence
    assert confidence == {
        Region.ET: None,
        Region.TC: pytest.approx(8 / 9, abs=NEAR),
        Region.WT: pytest.approx(8 / 9, abs=NEAR),
    }


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0)])
@pytest.mark.parametrize("tta", ["none", "flips", "reference"])
def test_labels_are_the_same_with_and_without(tmp_path, tta, spacing_mm):
    torch.manual_seed(3)
    save_bundle(tmp_path / "random", card(spacing_mm=spacing_mm), UNet(CONFIG).state_dict())
    plain, unsure = (
        run(phantom_case(shape=SMALL), tmp_path / "random", tta=tta, uncertainty=asked) for asked in (False, True)
    )
    assert plain.uncertainty is None
    assert np.unique(plain.labels.data).size > 1
    np.testing.assert_array_equal(plain.labels.data, unsure.labels.data)


def test_empty_images_leave_nothing_to_doubt(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    case = phantom_case()
    empty = Volume(np.zeros(case.native.shape, dtype=np.float32), case.native)
    found = run(replace(case, images=dict.fromkeys(Modality, empty)), tmp_path / "tiny").uncertainty
    assert (found.entropy.shape, found.entropy.dtype) == (case.native.shape, np.float16)
    assert not found.entropy.any()
    assert found.confidence == dict.fromkeys(Region)


def test_a_region_that_the_model_does_not_know_has_no_confidence(tmp_path):
    network = threshold_network()
    state = network.state_dict() | {"head.weight": network.head.weight[2:], "head.bias": network.head.bias[2:]}
    shape = {**card().architecture, "out_channels": 1}
    save_bundle(tmp_path / "whole", card(architecture=shape, regions=(Region.WT,), thresholds=(0.5,)), state)
    assert set(run(phantom_case(), tmp_path / "whole").uncertainty.confidence) == {Region.WT}


def test_it_comes_back_from_a_process_of_its_own(tmp_path):
    threshold_bundle(tmp_path / "tiny")
    case, model = phantom_case(), str(tmp_path / "tiny")
    with Worker() as worker:
        there = finish(
            worker.run("engine.predict:segment", case, model=model, device="cpu", tta="none", uncertainty=True)
        )
    here = run(case, model)
    assert there.uncertainty.entropy.dtype == np.float16
    np.testing.assert_array_equal(there.uncertainty.entropy, here.uncertainty.entropy)
    assert there.uncertainty.confidence == here.uncertainty.confidence
