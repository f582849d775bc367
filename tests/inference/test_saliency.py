"""Heat maps of scores and networks whose reason is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hipseg.inference.saliency import hires_cam, hottest, occlusion, points_at


def test_covering_what_a_score_is_made_of_lowers_it_there_and_nowhere_else() -> None:
    image = torch.zeros(1, 1, 32, 32)
    image[0, 0, 20:24, 8:12] = 1
    heat = occlusion(lambda images: images[:, 0, 20:24, 8:12].sum(dim=(1, 2)), image, 4, 2)
    assert points_at(heat, (21.5, 9.5), 2, share=0.02)
    away = np.ones((32, 32), dtype=bool)
    away[16:28, 4:16] = False
    assert np.abs(heat[away]).max() < 1e-6 and heat.max() > 0


def test_what_speaks_against_is_negative() -> None:
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 4:8, 4:8] = 1
    heat = occlusion(lambda images: -images.sum(dim=(1, 2, 3)) + 5 * images[:, 0, 12, 12], image, 4, 4)
    assert heat[5, 5] < 0


def test_every_pixel_is_covered_whatever_patch_and_stride() -> None:
    heat = occlusion(lambda images: images.sum(dim=(1, 2, 3)), torch.rand(1, 1, 17, 23), 5, 4)
    assert heat.shape == (17, 23) and np.isfinite(heat).all()


class _Spots(nn.Module):
    """Calls positive what is bright anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(1, 2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.features.weight[0] = 1 / 9
            self.features.weight[1] = -1 / 9

    def forward(self, image: Tensor) -> Tensor:
        return self.features(image).amax(dim=(2, 3))


def test_gradients_point_at_what_raises_a_logit() -> None:
    image = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.1
    image[0, 0, 5:9, 14:18] = 1
    network = _Spots()
    heat = hires_cam(network, image, "features", lambda logits: logits[:, 0])
    assert heat.shape == (24, 24) and heat.min() >= 0
    assert points_at(heat, (6.5, 15.5), 2, share=0.03)
    assert all(weights.grad is None for weights in network.parameters())


def test_gradients_times_features_are_their_share_of_a_score_that_adds_them_up() -> None:
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Flatten(), nn.Linear(64, 1, bias=False))
    weights = torch.rand(64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        network[0].weight.fill_(2.0)
        network[2].weight.copy_(weights[None])
    heat = hires_cam(network, image, "0", lambda logits: logits[:, 0])
    assert np.allclose(heat, 2 * (image[0, 0] * weights.reshape(8, 8)).numpy(), atol=1e-6)
    assert heat.sum() == pytest.approx(float(network(image)), rel=1e-5)


def test_the_hottest_tenth_is_a_tenth_and_of_an_even_map_nothing() -> None:
    heat = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    assert hottest(heat).mean() == pytest.approx(0.1, abs=0.01)
    assert not hottest(np.ones((5, 5), dtype=np.float32)).any()


@pytest.mark.parametrize(("centre", "met"), [((10, 10), True), ((10, 14), True), ((10, 16), False)])
def test_a_disc_is_met_where_it_touches_the_hottest(centre: tuple[float, float], met: bool) -> None:
    heat = np.zeros((20, 20), dtype=np.float32)
    heat[9:12, 9:12] = 1
    assert points_at(heat, centre, 3.0, share=0.02) is met
