import pytest
import torch

from tests.benchmarks.inference.peers import PEERS
from tests.engine.bundles import threshold_network


@pytest.mark.filterwarnings("ignore")  # the peers' own
@pytest.mark.parametrize(("peer", "package"), [("MONAI", "monai"), ("nnU-Net v2", "nnunetv2")])
def test_a_peer_gives_what_a_network_that_looks_at_single_voxels_says(peer, package):
    pytest.importorskip(package)
    network = threshold_network().eval().requires_grad_(False)
    image = torch.rand((4, 20, 24, 16), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(image[None])[0]
    found = PEERS[peer](network)(image)
    torch.testing.assert_close(found.float(), expected, atol=0.01, rtol=0.01)  # nnU-Net sums in half precision
