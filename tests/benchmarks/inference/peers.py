"""How MONAI and nnU-Net v2 run a network over an image: windows of 128 x 128 x 128, half overlap, eight mirrorings.

Both get the weights, the prepared image and torch in float32 that ours would have on the CPU, and each keeps its own
windows, weights and padding.
"""

from collections.abc import Callable
from itertools import combinations
from types import SimpleNamespace

import torch
from torch import Tensor, nn

ROI = (128, 128, 128)
CPU = torch.device("cpu")
Peer = Callable[[Tensor], Tensor]
"""From an image (C, X, Y, Z) to mean logits (R, X, Y, Z)."""


def monai_peer(network: nn.Module) -> Peer:
    """`sliding_window_inference`, over each mirror image of the whole."""
    from monai.inferers import sliding_window_inference

    mirrorings = [axes for count in range(4) for axes in combinations((2, 3, 4), count)]

    @torch.inference_mode()
    def predict(image: Tensor) -> Tensor:
        total = torch.zeros(())
        for axes in mirrorings:
            turned = image[None].flip(axes)
            found = sliding_window_inference(
                turned, ROI, 1, network, overlap=0.5, mode="gaussian", padding_mode="constant"
            )
            total = total + found.flip(axes)
        return (total / len(mirrorings))[0]

    return predict


def nnunet_peer(network: nn.Module) -> Peer:
    """`nnUNetPredictor`, which mirrors each window."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=True, perform_everything_on_device=False, device=CPU, allow_tqdm=False)
    predictor.network = network
    predictor.configuration_manager = SimpleNamespace(patch_size=list(ROI))
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=network.config.out_channels)
    predictor.allowed_mirroring_axes = (0, 1, 2)
    return predictor.predict_sliding_window_return_logits


def window_count(shape: tuple[int, int, int]) -> int:
    """How many windows both lay over an image of this shape: steps of 64 voxels at most, from end to end.

    >>> window_count((67, 88, 68)), window_count((134, 177, 200))
    (1, 12)
    """
    count = 1
    for size, roi in zip(shape, ROI, strict=True):
        count *= 1 + max(0, -(-(size - roi) // (roi // 2)))
    return count


PEERS: dict[str, Callable[[nn.Module], Peer]] = {"MONAI": monai_peer, "nnU-Net v2": nnunet_peer}
