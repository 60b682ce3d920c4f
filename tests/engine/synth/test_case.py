"""Synthetic cases: the same for a seed, and consistent in themselves."""

import pytest
import torch

from engine.data import Label
from engine.synth.anatomy import Anatomy, FieldOfView, build, draw_field
from engine.synth.atlas import load_atlas
from engine.synth.case import TRAINING_GRID, make_case
from engine.synth.draw import Draw
from engine.synth.tumour import Lesion, grow

COARSE = FieldOfView((40, 48, 40), 4.0)


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
    for seed in range(16):
        case = make_case(load_atlas(2), TRAINING_GRID, seed)
        enhancing, oedema = case.labels == Label.ET, case.labels == Label.ED
        if int(enhancing.sum()) > 20 and bool(oedema.any()):
            brighter.append(bool(case.images[1][enhancing].median() > case.images[1][oedema].median()))
    assert len(brighter) >= 10
    assert sum(brighter) >= 0.85 * len(brighter)  # faint enhancement may drown in noise and thick slices


def test_without_lesions_nothing_is_labelled():
    draw = Draw(3, torch.device("cpu"))
    anatomy = build(load_atlas(2), draw_field(load_atlas(2), COARSE, draw), COARSE, draw)
    assert grow(anatomy, [], COARSE, draw) is None


def test_oedema_stays_out_of_the_ventricles_and_on_its_side():
    """A tumour drawn into an anatomy made by hand: white matter with a ventricle, and a midline."""
    grid = FieldOfView((40, 40, 40), 2.0)
    x = grid.positions_mm(grid.shape, torch.device("cpu"))[0]
    everywhere = torch.ones(grid.shape)
    inside_ventricle = ((x > -6) & (x < 0)).float()
    anatomy = Anatomy(
        grey=torch.where(x > 0, everywhere, 0.0),  # right of the midline there is cortex
        white=torch.where(x <= 0, everywhere, 0.0),
        fluid=inside_ventricle,
        t1=everywhere,
        depth=20 * everywhere,
        ventricle=30 * everywhere,
        inside_ventricle=inside_ventricle,
        lateral=x,
        height=torch.zeros(grid.shape),
    )
    lesion = Lesion(torch.tensor([-20.0, 0, 0]), 8.0, 16.0, "ring", push_mm=0, crosses=False)
    tumour = grow(anatomy, [lesion], grid, Draw(0, torch.device("cpu")))
    assert tumour.labels[10, 20, 20] in (Label.NCR, Label.ET)  # its middle
    assert int((tumour.labels == Label.ED).sum()) > 500
    assert not bool(tumour.labels[inside_ventricle > 0].any())
    assert not bool(tumour.labels[x > 4].any())
    assert bool((tumour.shares.sum(0)[tumour.labels == 0] <= 1).all())


def test_settings_beyond_training_widen_every_range():
    inside, beyond = Draw(1, torch.device("cpu")), Draw(1, torch.device("cpu"), beyond=0.2)
    usual = [inside.uniform(1, 2) for _ in range(400)]
    wide = [beyond.uniform(1, 2) for _ in range(400)]
    assert 1 <= min(usual) < max(usual) < 2
    assert 0.8 <= min(wide) < 0.85
    assert 2.15 < max(wide) <= 2.2
    assert sum(1 <= value < 2 for value in wide) < 250  # half of the choices are of the margins
    assert min(beyond.uniform(0.1, 5) for _ in range(200)) >= 0.05  # what is positive stays positive
