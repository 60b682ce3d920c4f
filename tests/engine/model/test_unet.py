import itertools

import pytest
import torch

from engine.model.unet import UNet, UNetConfig, parameter_count


def test_the_defaults_are_the_reference_network():
    assert parameter_count(UNet(UNetConfig())) == 5_647_283


def test_reference_layers_by_hand():
    # Two 3x3x3 convolutions without bias, each with a group norm of two numbers per channel, at widths 16 ... 256;
    # transposed convolutions with bias that halve the width; a last 1x1x1 convolution with bias.
    widths = [16, 32, 64, 128, 256]

    def block(before: int, after: int) -> int:
        return 27 * before * after + 27 * after * after + 4 * after

    encoder = sum(block(before, after) for before, after in zip([3, *widths], widths, strict=False))
    ups = sum(8 * deep * shallow + shallow for shallow, deep in itertools.pairwise(widths))
    decoder = sum(block(2 * width, width) for width in widths[:-1])
    assert parameter_count(UNet(UNetConfig())) == encoder + ups + decoder + 16 * 3 + 3


@pytest.mark.parametrize("norm", ["group", "instance", "batch", "none"])
def test_any_shape_of_network_keeps_the_size_of_its_input(norm):
    config = UNetConfig(in_channels=2, out_channels=5, width=4, depth=2, norm=norm)
    network = UNet(config).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 2, 8, 4, 12)).shape == (2, 5, 8, 4, 12)
    assert config.stride == 4


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="layer"):
        UNet(UNetConfig(norm="layer"))


def test_a_change_of_one_voxel_reaches_its_receptive_field_only():
    torch.manual_seed(0)
    network = UNet(UNetConfig(in_channels=1, out_channels=1, width=4, depth=1, norm="none")).eval()
    image = torch.rand(1, 1, 32, 8, 8)
    moved = image.clone()
    moved[0, 0, 3, 3, 3] += 1.0
    with torch.inference_mode():
        changed = (network(moved) - network(image)).abs()[0, 0] > 1e-7
    assert changed[3, 3, 3]
    assert changed[:16].any()
    assert not changed[16:].any()
