"""Windows that leave no seam: networks whose answers are known without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from hipseg.inference.sliding_window import SlidingWindow, gaussian_window


def _pixelwise(image: Tensor) -> Tensor:
    """Two channels that follow from each pixel alone."""
    return torch.cat([image[:, :1], 1 - image[:, :1]], dim=1)


def _constant(image: Tensor) -> Tensor:
    return torch.stack([torch.full_like(image[:, 0], value) for value in (0.2, 0.3, 0.5)], dim=1)


SIZES = [(64, 48), (65, 47), (33, 32), (32, 33), (31, 97), (7, 5), (100, 9)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 0.75])
def test_a_network_of_pixels_leaves_no_seam(size: tuple[int, int], overlap: float) -> None:
    image = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0))
    found = SlidingWindow([32, 24], overlap)(_pixelwise, image)
    assert found.shape == (2, 2, *size)
    assert torch.allclose(found, _pixelwise(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_a_constant_stays_one(size: tuple[int, int]) -> None:
    found = SlidingWindow([32, 24])(_constant, torch.rand(1, 2, *size))
    assert torch.allclose(found, _constant(torch.zeros(1, 2, *size)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 24, 17), (5, 24, 8), (16, 8, 12)])
def test_volumes_leave_no_seam(size: tuple[int, int, int]) -> None:
    image = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(1))
    found = SlidingWindow([16, 8, 12], 0.5, flips=[0, 2])(_pixelwise, image)
    assert torch.allclose(found, _pixelwise(image), rtol=0, atol=1e-6)


def _blur(image: Tensor) -> Tensor:
    """Every pixel depends on its neighbours, and on where the window ends."""
    kernel = torch.arange(1.0, 50).reshape(1, 1, 7, 7)
    return torch.nn.functional.conv2d(image, kernel / kernel.sum(), padding=3)


def test_a_window_as_large_as_the_image_is_one_pass() -> None:
    image = torch.rand(2, 1, 24, 32)
    assert torch.allclose(SlidingWindow([24, 32])(_blur, image), _blur(image), rtol=0, atol=1e-6)


def test_a_window_larger_than_the_image_is_one_pass_over_an_image_with_0_about_it() -> None:
    image = torch.rand(1, 1, 10, 13)
    found = SlidingWindow([24, 24])(_blur, image)
    # `_blur` itself sees 0 beyond the image.
    assert torch.allclose(found, _blur(image), rtol=0, atol=1e-6)


def test_windows_have_the_size_that_was_asked_for_and_come_in_batches() -> None:
    seen = list[tuple[int, ...]]()

    def note(windows: Tensor) -> Tensor:
        seen.append(tuple(windows.shape))
        return windows

    SlidingWindow([16, 16], 0.5, batch=4)(note, torch.rand(1, 3, 32, 32))
    # Three along each axis: at 0, 8 and 16.
    assert seen == [(4, 3, 16, 16), (4, 3, 16, 16), (1, 3, 16, 16)]


def test_middles_of_windows_count_more_than_their_edges() -> None:
    windows = iter(range(100))

    def number(image: Tensor) -> Tensor:
        return torch.full_like(image, float(next(windows)))

    found = SlidingWindow([1, 16], 0.5, batch=1)(number, torch.rand(1, 1, 1, 24))[0, 0, 0]
    # Two windows, at 0 and 8, say 0 and 1.
    assert found[:8].tolist() == [0.0] * 8
    assert found[16:].tolist() == [1.0] * 8
    between = found[8:16].tolist()
    assert between == sorted(between)
    assert [a + b for a, b in zip(between, between[::-1], strict=True)] == pytest.approx([1.0] * 8)
    # At the first pixel of the overlap: half a pixel past one's middle, at the other's edge; sigma is 2.
    near, far = (float(torch.exp(torch.tensor(-0.5 * (away / 2) ** 2))) for away in (0.5, 7.5))
    assert between[0] == pytest.approx(max(far, 1e-3) / (near + max(far, 1e-3)), rel=1e-4)


def test_the_weights_are_a_bell_about_the_middle() -> None:
    weights = gaussian_window([9, 17])
    assert weights.shape == (9, 17)
    assert weights[4, 8] == 1
    assert torch.equal(weights, weights.flip(0, 1))
    # One standard deviation, an eighth of the length, from the middle of the columns: 17 / 8 pixels.
    assert float(weights[4, 9]) == pytest.approx(float(torch.tensor(-0.5 * (8 / 17) ** 2).exp()))
    assert float(weights.min()) == pytest.approx(1e-3)


@pytest.mark.parametrize("size", [[1], [3, 512], [64, 64, 64], [1, 512, 512]])
def test_the_weights_are_never_0(size: list[int]) -> None:
    assert float(gaussian_window(size).min()) > np.exp(-8 * len(size))


def test_a_volume_s_corner_is_three_axes_off_each_for_itself() -> None:
    weights = gaussian_window([9, 17, 9])
    corner = -0.5 * (2 * (4 / (9 / 8)) ** 2 + (8 / (17 / 8)) ** 2)
    assert float(weights[0, 0, 0]) == pytest.approx(float(np.exp(corner)), rel=1e-3)


def test_of_a_volume_s_windows_the_ends_are_not_seen_in_their_mean() -> None:
    """What windows that overlap by half say wrongly on their outermost layers has 0.3 % of the weight at most."""

    def layer(windows: Tensor) -> Tensor:
        wrong = torch.ones_like(windows)
        wrong[..., 1:-1, 1:-1, 1:-1] = 0
        return wrong

    found = SlidingWindow([16, 16, 16], 0.5)(layer, torch.rand(1, 1, 48, 48, 48))[0, 0]
    # Along the volume's own ends no window's middle lies nearer.
    assert float(found[4:-4, 4:-4, 4:-4].max()) < 3e-3


def _columns(image: Tensor) -> Tensor:
    """Says of each pixel in which column of the window it lies."""
    return torch.arange(float(image.shape[-1])).expand(image.shape).clone()


def test_flips_are_undone_before_the_mean() -> None:
    image = torch.rand(1, 1, 8, 16)
    found = SlidingWindow([8, 16], flips=[1])(_columns, image)
    # Column c as it is, and 15 - c in the mirror.
    assert torch.allclose(found, torch.full_like(found, 7.5))
    found = SlidingWindow([8, 16], flips=[0])(_columns, image)
    assert torch.allclose(found, _columns(image), atol=1e-5)


@pytest.mark.parametrize(("flips", "passes"), [([], 1), ([0], 2), ([0, 1], 4)])
def test_every_mirror_is_looked_at_once(flips: list[int], passes: int) -> None:
    seen = list[Tensor]()

    def note(windows: Tensor) -> Tensor:
        seen.append(windows.clone())
        return windows

    image = torch.rand(1, 1, 6, 6)
    SlidingWindow([6, 6], flips=flips)(note, image)
    assert len(seen) == passes
    assert len({tuple(part.flatten().tolist()) for part in seen}) == passes
    turned: Callable[[Tensor], list[float]] = lambda part: sorted(part.flatten().tolist())  # noqa: E731
    assert all(turned(part) == turned(image) for part in seen)


@pytest.mark.parametrize("flips", [[2], [0, 2]])
def test_flips_along_no_axis_of_the_window_are_refused(flips: list[int]) -> None:
    with pytest.raises(ValueError, match="are not all axes of the window"):
        SlidingWindow([8, 8], flips=flips)


def test_images_of_a_batch_do_not_mix() -> None:
    images = torch.rand(3, 1, 40, 20)
    one_by_one = torch.cat([SlidingWindow([16, 16])(_blur, image[None]) for image in images])
    assert torch.equal(SlidingWindow([16, 16])(_blur, images), one_by_one)


def _seen_sizes(seen: list[tuple[int, ...]]) -> Callable[[Tensor], Tensor]:
    def network(image: Tensor) -> Tensor:
        seen.extend([tuple(image.shape[2:])] * len(image))
        return torch.cat([1 - image[:, :1], image[:, :1]], dim=1)

    return network


@pytest.mark.parametrize("where", [(0, 0), (50, 60), (84, 104), (40, 0)])
def test_of_an_image_with_blank_parts_only_the_rest_is_looked_at(where: tuple[int, int]) -> None:
    image = torch.full((1, 1, 100, 120), -2.0)
    part = (slice(None), slice(None), slice(where[0], where[0] + 16), slice(where[1], where[1] + 16))
    image[part] = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    few: list[tuple[int, ...]] = []
    many: list[tuple[int, ...]] = []
    found = SlidingWindow([16, 16], blank=True)(_seen_sizes(few), image)
    whole = SlidingWindow([16, 16])(_seen_sizes(many), image)
    assert torch.allclose(found[part], whole[part], rtol=0, atol=1e-6)
    assert found.shape == whole.shape
    far = torch.ones(100, 120, dtype=torch.bool)
    far[max(0, where[0] - 8) : where[0] + 24, max(0, where[1] - 8) : where[1] + 24] = False
    assert (found[0, 0][far] == 1).all() and (found[0, 1][far] == 0).all()
    assert len(few) <= 9 and len(many) > 100


def test_blank_parts_are_those_of_each_image_of_a_batch_and_all_may_be_blank() -> None:
    images = torch.zeros(2, 1, 40, 40)
    images[0, 0, 30:36, 4:10] = 1
    found = SlidingWindow([16, 16], blank=True)(_seen_sizes([]), images)
    assert torch.allclose(found[:, 1:], images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(12, 40, 20), (5, 6, 7)])
def test_volumes_smaller_than_a_window_may_be_blank_in_parts(size: tuple[int, int, int]) -> None:
    image = torch.full((1, 1, *size), -1.0)
    image[0, 0, 2:4, 3:5, 3:6] = 1
    found = SlidingWindow([16, 16, 16], blank=True)(_pixelwise, image)
    assert torch.allclose(found[0, 0, 2:4, 3:5, 3:6], image[0, 0, 2:4, 3:5, 3:6], rtol=0, atol=1e-6)
    assert found.shape == (1, 2, *size)
