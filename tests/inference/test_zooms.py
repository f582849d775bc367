"""Means over sizes against what can be said without a network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hipseg.errors import HipsegError
from hipseg.inference.zooms import ZoomAverage


def disc(radius: float, rows: int = 96, columns: int = 80) -> Tensor:
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (radius - torch.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2) + 0.5).clamp(0, 1)[None, None]


def test_what_does_not_depend_on_size_stays() -> None:
    image = disc(20.0)
    both = ZoomAverage([0.8, 1.0, 1.25])(lambda seen: torch.cat([1 - seen, seen], dim=1), image)
    assert both.shape == (1, 2, 96, 80)
    torch.testing.assert_close(both.sum(dim=1), torch.ones(1, 96, 80))
    assert (both[:, 1:] - image).abs().mean() < 0.01
    assert (both[:, 1:] - image).abs().max() < 0.4  # on the edge, which was resampled


def test_one_zoom_of_one_is_the_answer_itself() -> None:
    image = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ZoomAverage([1.0])(lambda seen: seen, image), image)


@pytest.mark.parametrize("zoom", [0.7, 0.9, 1.12, 1.5])
def test_a_network_sees_the_image_enlarged_and_in_a_size_it_can_take(zoom: float) -> None:
    areas, sizes = [], []

    def predict(seen: Tensor) -> Tensor:
        areas.append(float(seen.sum()))
        sizes.append(seen.shape[2:])
        return seen

    ZoomAverage([zoom])(predict, disc(20.0))
    assert areas[0] == pytest.approx(float(disc(20.0).sum()) * zoom**2, rel=0.02)
    assert all(length % 32 == 0 for length in sizes[0])


def test_a_network_that_knows_one_size_finds_another_when_it_is_enlarged() -> None:
    def knows_24(seen: Tensor) -> Tensor:
        """Sees a disc only if its area is about that of one of 24 pixels."""
        area = seen.sum()
        known = (area / (torch.pi * 24**2) - 1).abs() < 0.1
        return seen if known else torch.zeros_like(seen)

    small = disc(20.0)
    assert ZoomAverage([1.0])(knows_24, small).max() == 0
    assert ZoomAverage([1.0, 1.2])(knows_24, small).max() == pytest.approx(0.5, abs=0.02)


def test_grey_values_keep_the_images_own_range() -> None:
    image = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    shown: list[Tensor] = []

    def predict(seen: Tensor) -> Tensor:
        shown.append(seen)
        return seen

    ZoomAverage([2.0])(predict, image)
    assert shown[0].min() < -2 and shown[0].max() > 2
    assert image.min() <= shown[0].min() and shown[0].max() <= image.max()


def test_volumes_are_refused_in_one_sentence() -> None:
    with pytest.raises(HipsegError, match="two axes"):
        ZoomAverage([1.0])(lambda seen: seen, torch.zeros(1, 1, 8, 8, 8))
