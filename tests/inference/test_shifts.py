"""Means over places against what can be said without a network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from hipseg.inference.shifts import mean_over_shifts


@pytest.mark.parametrize("shape", [(2, 1, 32, 64), (1, 1, 32, 32, 32)])
@pytest.mark.parametrize("passes", [1, 2, 5])
def test_what_does_not_depend_on_the_place_stays(shape: tuple[int, ...], passes: int) -> None:
    image = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mean_over_shifts(lambda seen: 2 * seen, image, passes), 2 * image)


def pooled(seen: Tensor) -> Tensor:
    """What lies in blocks of eight pixels, as coarse as the last floor of a network."""
    return F.interpolate(F.avg_pool2d(seen, 8), scale_factor=8)


def test_an_edge_amid_a_block_is_found_where_it_lies_on_average() -> None:
    image = torch.zeros(1, 1, 64, 64)
    image[..., 35:] = 1  # 3 pixels into a block of 8
    one, many = (mean_over_shifts(pooled, image, passes)[0, 0, 32] for passes in (1, 64))
    # The edge's place is how much lies to its left.
    assert (1 - one).sum() == pytest.approx(35, abs=1e-4)
    assert one[32:40].unique().numel() == 1
    assert (many[:27] < 1e-6).all() and (many[43:] > 1 - 1e-6).all()
    assert (many[27:43].diff() > 0).all()
    assert many[34].item() + many[35].item() == pytest.approx(1.0, abs=0.03)


def test_every_place_is_a_size_that_networks_take() -> None:
    sizes = []

    def predict(seen: Tensor) -> Tensor:
        sizes.append(tuple(seen.shape))
        return seen

    mean_over_shifts(predict, torch.rand(3, 1, 64, 96), 3)
    assert sizes == [(3, 1, 96, 128)] * 3


def test_one_pass_is_the_image_itself() -> None:
    seen = []
    image = torch.rand(1, 1, 20, 30)
    mean_over_shifts(lambda given: seen.append(given) or given, image, 1)  # type: ignore[func-returns-value]
    assert seen[0] is image
