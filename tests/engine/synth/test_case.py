"""Synthetic cases: the same for a seed, and consistent in themselves."""

import pytest
import torch

from engine.data import Label
from engine.synth.anatomy import Grid, build, draw_field
from engine.synth.atlas import load_atlas
from engine.synth.case import make_case
from engine.synth.draw import Draw
from engine.synth.tumour import grow

COARSE = Grid((40, 48, 40), 4.0)


def test_a_seed_gives_the_same_arrays_again():
    one, again = make_case(load_atlas(2), COARSE, 7), make_case(load_atlas(2), COARSE, 7)
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.images, make_case(load_atlas(2), COARSE, 8).images)


@pytest.mark.parametrize("seed", range(6))
def test_a_case_is_consistent(seed: int):
    case = make_case(load_atlas(2), COARSE, seed)
    assert case.images.shape == (4, 40, 48, 40)
    assert case.images.dtype == torch.float32
    assert bool(case.images.isfinite().all())
    assert torch.equal(case.images > 0, case.brain.expand(4, -1, -1, -1))
    assert case.labels.dtype == torch.uint8
    assert set(case.labels.unique().tolist()) <= {int(label) for label in (0, Label.NCR, Label.ED, Label.ET)}
    assert not bool(case.labels[~case.brain].any())
    assert 800 < int(case.brain.sum()) * 0.064 < 2600  # ml


def test_most_cases_have_a_tumour_and_it_enhances_on_t1c():
    brighter = []
    for seed in range(12):
        case = make_case(load_atlas(2), COARSE, seed)
        enhancing = case.labels == Label.ET
        if int(enhancing.sum()) > 20:
            healthy = case.brain & (case.labels == 0)
            brighter.append(case.images[1][enhancing].median() > case.images[1][healthy].median())
    assert len(brighter) >= 4
    assert all(brighter)


def test_without_lesions_nothing_is_labelled():
    draw = Draw(3, torch.device("cpu"))
    anatomy = build(load_atlas(2), draw_field(load_atlas(2), COARSE, draw), COARSE.shape, draw)
    tumour = grow(anatomy, [], COARSE, draw)
    assert not bool(tumour.labels.any())
    assert not bool(tumour.shares.any())
