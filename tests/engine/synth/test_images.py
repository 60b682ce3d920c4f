"""How cases look: what must hold for every draw of contrast, distractors and scanner."""

import pytest
import torch

from engine.synth.anatomy import FieldOfView, build, draw_field
from engine.synth.atlas import load_atlas
from engine.synth.contrast import T1C, T1N, T2F, T2W, draw_grey, draw_tumour_signal, render_healthy
from engine.synth.distractors import _sinuses, add_distractors
from engine.synth.draw import Draw
from engine.synth.lattice import stretch, weights
from engine.synth.scanner import _end_early, _misplace, acquire, draw_coverage

CPU = torch.device("cpu")
COARSE = FieldOfView((40, 48, 40), 4.0)


@pytest.mark.parametrize("enhances", [True, False])
def test_a_tumour_can_be_told_from_what_it_lies_in(enhances: bool):
    for seed in range(100):
        draw = Draw(seed, CPU)
        grey = draw_grey(draw)
        signal = draw_tumour_signal(enhances, grey, draw)
        for modality in (T2W, T2F):
            assert signal.oedema[modality] > grey[modality]
        assert signal.enhancing[T1C] > signal.necrosis[T1C]
        assert signal.enhancing[T1C] > min(signal.oedema[T1C], grey[T1C])


def test_healthy_tissue_has_the_contrasts_of_its_sequences():
    atlas = load_atlas(2)
    darker_fluid, brighter_fluid = 0, 0
    for seed in range(6):
        draw = Draw(seed, CPU)
        anatomy = build(atlas, draw_field(atlas, COARSE, draw), COARSE, draw)
        images = render_healthy(anatomy, draw_grey(draw), COARSE, draw)
        white, fluid = anatomy.white > 0.9, anatomy.inside_ventricle > 0.9
        means = [(image[fluid].mean() < image[white].mean()).item() for image in images]
        darker_fluid += means[T1N] + means[T1C] + means[T2F]
        brighter_fluid += not means[T2W]
    assert darker_fluid == 18
    assert brighter_fluid == 6


def test_distractors_leave_the_tissue_maps_and_most_of_the_brain_alone():
    atlas = load_atlas(2)
    for seed in range(4):
        draw = Draw(seed, CPU)
        anatomy = build(atlas, draw_field(atlas, COARSE, draw), COARSE, draw)
        before = anatomy.white.clone(), anatomy.lateral.clone(), anatomy.ventricle.clone()
        images = torch.ones((4, *COARSE.shape))
        add_distractors(images, anatomy, COARSE, draw)
        assert all(
            torch.equal(*pair) for pair in zip(before, (anatomy.white, anatomy.lateral, anatomy.ventricle), strict=True)
        )
        assert bool(images.isfinite().all())
        assert float((images[T2F][anatomy.brain] - 1).abs().median()) < 0.2


def test_sinuses_are_whole_where_the_midline_meets_the_surface_and_gone_away_from_both():
    atlas = load_atlas(2)
    for seed in range(6):
        draw = Draw(seed, CPU)
        anatomy = build(atlas, draw_field(atlas, COARSE, draw), COARSE, draw)
        sinus = _sinuses(anatomy, draw)
        assert float(sinus.amin()) >= 0
        assert float(sinus.amax()) <= 1
        outside, middle = anatomy.depth <= 0, anatomy.lateral.abs() < 2
        assert float(sinus[outside & middle].amin()) > 0.52  # exp(-(2 / 2.5)^2) = 0.527 in the narrowest
        assert float(sinus[anatomy.depth > 28].amax()) < 0.02  # exp(-(28 / 14)^2) = 0.018 in the deepest


def test_a_modality_is_misplaced_by_at_most_a_voxel_and_a_half():
    view = FieldOfView((24, 24, 24), 1.0)
    image = torch.zeros(view.shape)
    image[12, 12, 12] = 1
    for seed in range(20):
        moved = _misplace(image, view, Draw(seed, CPU))
        assert moved.sum().item() == pytest.approx(1, abs=1e-5)
        for axis in range(3):
            others = [other for other in range(3) if other != axis]
            centre = float((moved.sum(others) * torch.arange(24.0)).sum())
            assert abs(centre - 12) <= 1.5 + 1e-5
    assert image[12, 12, 12] == 1


def test_a_field_of_view_that_ends_early_loses_slices_at_one_end():
    for seed in range(20):
        coverage = torch.zeros((50, 50, 70))
        coverage[4:44, 4:44, 5:65] = 1
        _end_early(coverage, Draw(seed, CPU))
        kept = coverage.nonzero()
        low, high = kept.amin(0), kept.amax(0)
        size = (high - low + 1).tolist()
        assert sum(size) < 40 + 40 + 60
        assert int(coverage.sum()) == size[0] * size[1] * size[2]  # a box still: nothing is lost in the middle
        assert size[2] >= 48
        assert min(size[:2]) >= 32


def test_an_image_is_positive_where_it_is_covered_and_zero_elsewhere():
    atlas = load_atlas(2)
    for seed in range(6):
        draw = Draw(seed, CPU)
        anatomy = build(atlas, draw_field(atlas, COARSE, draw), COARSE, draw)
        coverage = draw_coverage(anatomy, COARSE, draw)
        assert 0 <= float(coverage.min()) <= float(coverage.max()) <= 1
        images = acquire(torch.zeros((4, *COARSE.shape)), coverage, COARSE, draw)
        assert torch.equal(images > 0, (coverage > 0).expand(4, -1, -1, -1))


def test_a_spline_keeps_a_constant_and_a_line():
    matrix = weights(7, 25, "spline", CPU)
    assert torch.allclose(matrix.sum(1), torch.ones(25), atol=1e-6)
    line = stretch(torch.arange(7.0).reshape(7, 1, 1).expand(7, 4, 4), (25, 2, 2), "spline")[:, 0, 0]
    assert torch.allclose(line, torch.linspace(1, 5, 25), atol=1e-5)


def test_a_choice_follows_its_shares_and_a_size_its_bounds():
    draw = Draw(0, CPU)
    chosen = [draw.choose((("a", 0.7), ("b", 0.3))) for _ in range(1000)]
    assert 640 < chosen.count("a") < 760
    sizes = sorted(draw.log_normal(20, 0.5, 5, 40) for _ in range(1001))
    assert sizes[0] >= 5
    assert sizes[-1] == 40
    assert sizes[500] == pytest.approx(20, rel=0.1)
    assert all(float(draw.direction().norm()) == pytest.approx(1) for _ in range(10))
