"""The study's V-Net against what its text says of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from hipseg.networks.vnet import VNet


def test_it_has_the_study_s_parameters() -> None:
    # About 8.6 million, by the text; by hand, with biases and batch norms: 8,587,634.
    counts = [16, 32, 64, 128, 256]

    def step(before: int, after: int) -> int:
        return 27 * before * after + 3 * after

    down = step(1, 16) + step(16, 16) + sum(step(a, b) + 2 * step(b, b) for a, b in pairwise(counts))
    up = sum(8 * b * a + a + step(2 * a, a) + 2 * step(a, a) for a, b in pairwise(counts))
    assert sum(p.numel() for p in VNet(1, 2).parameters()) == down + up + 16 * 2 + 2 == 8_587_634


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_answers_lie_on_the_image_s_voxels(levels: int) -> None:
    network = VNet(2, 3, features=2, levels=levels).eval()
    size = (16, 32, 48)
    assert network(torch.rand(1, 2, *size)).shape == (1, 3, *size)


def test_it_learns_to_tell_bright_from_dark() -> None:
    torch.manual_seed(0)
    network = VNet(1, 2, features=4, levels=3)
    image = (torch.rand(2, 1, 16, 16, 16) > 0.5).float()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(network(image), image[:, 0].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def test_one_level_is_refused() -> None:
    with pytest.raises(ValueError, match="levels is 1, not 2 or more"):
        VNet(1, 2, levels=1)
