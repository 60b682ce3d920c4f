"""Where a voxel of a case looks into the atlas, by hand-computed positions."""

import math

import pytest
import torch

from engine.synth.anatomy import FieldOfView, _widen_ventricles, build, draw_field, look_up
from engine.synth.atlas import MAPS, Atlas, load_atlas
from engine.synth.draw import Draw
from engine.synth.lattice import stretch
from engine.synth.tumour import Lesion, displace

CPU = torch.device("cpu")


def test_positions_are_millimetres_from_the_middle():
    positions = FieldOfView((4, 2, 2), 3.0).positions_mm((4, 2, 2), CPU)
    assert positions[0, :, 0, 0].tolist() == [-4.5, -1.5, 1.5, 4.5]
    assert positions[1, 0, :, 0].tolist() == [-1.5, 1.5]


@pytest.mark.parametrize("spacing", [1, 2])
def test_a_look_up_reads_the_position_at_either_spacing(spacing: int):
    ramp = torch.arange(12.0)[:, None, None].expand(5, 12, 12, 12)
    maps = ramp if spacing == 1 else torch.nn.functional.avg_pool3d(ramp, 2)
    atlas = Atlas(maps, spacing, (5.5, 5.5, 5.5))
    field = torch.tensor([3.25, 6.0, 6.0]).reshape(3, 1, 1, 1)
    assert look_up(atlas, field).flatten().tolist() == pytest.approx([3.25] * 5, abs=1e-5)


def test_tissue_shares_sum_to_one():
    draw = Draw(5, CPU)
    atlas = load_atlas(2)
    view = FieldOfView((40, 48, 40), 4.0)
    anatomy = build(atlas, draw_field(atlas, view, draw), view, draw)
    total = anatomy.grey + anatomy.white + anatomy.fluid
    assert total.sub(1).abs().max().item() < 1e-5
    assert int(anatomy.brain.sum()) > 10_000


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_mass_effect_shows_at_a_lesions_rim_what_lay_nearer_to_its_centre(mirror: float):
    grid = FieldOfView((44, 44, 44), 1.0)
    lattice = grid.lattice  # 11 points, -21.5 to 21.5 mm, 4.3 mm apart
    still = grid.positions_mm(lattice, CPU) * torch.tensor([mirror, 1, 1])[:, None, None, None]
    lesion = Lesion(torch.zeros(3), core_mm=8.6, oedema_mm=12.0, growth="ring", push_mm=3.0, crosses=False)
    moved = displace(still, [lesion], grid)
    expected = 8.6 - 3.0 * math.exp(-((1 / 2.6) ** 2))
    assert moved[0, 7, 5, 5].item() == pytest.approx(mirror * expected, abs=1e-4)
    assert moved[1, 7, 5, 5].item() == pytest.approx(0, abs=1e-4)
    assert torch.allclose(moved[:, 5, 5, 5], still[:, 5, 5, 5], atol=1e-3)


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_ventricles_widen_in_a_mirrored_head_too(mirror: float):
    atlas, view = load_atlas(2), FieldOfView((40, 48, 40), 4.0)
    middle = torch.tensor(atlas.middle_mm)[:, None, None, None]
    still = view.positions_mm(view.lattice, CPU) * torch.tensor([mirror, 1, 1])[:, None, None, None] + middle

    def volume(field: torch.Tensor) -> int:
        return int((look_up(atlas, stretch(field, (80, 96, 80)))[MAPS.index("ventricle")] < 0).sum())

    before = volume(still)
    widened = [volume(_widen_ventricles(atlas, still, Draw(seed, CPU))) / before for seed in range(12)]
    assert max(widened) > 2
    assert min(widened) > 0.5


def test_scalars_and_fields_of_a_seed_have_nothing_in_common():
    draw = Draw(3, CPU)
    noise = draw.white_noise((1000,))
    again = torch.randn(1000, generator=torch.Generator().manual_seed(3))
    assert abs(float((noise * again).mean())) < 0.15


def test_noise_has_unit_deviation():
    noise = Draw(1, CPU).noise((48, 48, 48), 3.0, 2)
    assert noise.shape == (2, 48, 48, 48)
    assert noise.std().item() == pytest.approx(1.0, abs=0.1)
    assert noise.mean().item() == pytest.approx(0.0, abs=0.1)


def test_the_atlas_is_a_symmetric_head():
    atlas = load_atlas()
    maps = dict(zip(MAPS, atlas.maps, strict=True))
    assert 1700 < int((maps["depth"] > 0).sum()) / 1000 < 2000  # ml: the template's brain and the fluid about it
    middle = round(2 * atlas.middle_mm[0])
    white = maps["white"][: middle + 1]
    assert (white - white.flip(0)).abs().mean().item() < 0.01
    assert 5 < int((maps["ventricle"] < 0).sum()) / 1000 < 20  # ml
