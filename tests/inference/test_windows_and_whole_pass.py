"""A window moved over an image against one pass over the whole of it: where both must agree, and how far elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hipseg.errors import HipsegError
from hipseg.inference.sliding_window import SlidingWindow
from hipseg.instantiation import check_arguments
from hipseg.rebuild import inferer_of

Floats = NDArray[np.float64]
TARGET = "hipseg.inference.sliding_window.SlidingWindow"
# Image, window: even and odd, one or more axes of the window longer than the image, and all of them.
SHAPES = [
    ((41, 30), (16, 12)), ((17, 33), (7, 9)), ((9, 40), (16, 16)), ((5, 6), (8, 9)),
    ((13, 21, 18), (8, 8, 6)), ((7, 20, 11), (8, 7, 11)), ((30, 6, 9), (10, 8, 16)), ((4, 5, 6), (8, 8, 8)),
]  # fmt: skip
SPREADS = [{"overlap": share} for share in (0.0, 0.3, 0.5, 0.9)] + [{"stride": step} for step in (1, 3, 5)]


def image_of(shape: Sequence[int], seed: int = 0) -> Tensor:
    return torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed))


def window_of(window: Sequence[int], spread: dict[str, float]) -> SlidingWindow:
    if "stride" in spread:
        return SlidingWindow(list(window), stride=[int(spread["stride"])] * len(window), batch=3)
    return SlidingWindow(list(window), spread["overlap"], batch=3)


def pointwise(image: Tensor) -> Tensor:
    """Three labels' probabilities, which follow from each voxel alone."""
    return torch.cat([torch.sin(9 * image), 4 * image**2, -image], dim=1).softmax(dim=1)


@pytest.mark.parametrize("spread", SPREADS, ids=str)
@pytest.mark.parametrize(("shape", "window"), SHAPES, ids=str)
def test_what_follows_from_each_voxel_is_that_of_the_whole_pass(
    shape: tuple[int, ...], window: tuple[int, ...], spread: dict[str, float]
) -> None:
    image = image_of(shape)
    found = window_of(window, spread)(pointwise, image)
    # Hundreds of windows over one voxel, as strides of 1 along all axes make them, sum up to float32's last digits.
    often = spread in ({"overlap": 0.9}, {"stride": 1})
    assert torch.allclose(found, pointwise(image), rtol=0, atol=1e-5 if often else 1e-6)


def convolutions(axes: int, layers: int = 2) -> torch.nn.Sequential:
    """A network that sees `layers` voxels in every direction, and 0 beyond its image."""
    kind = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[axes]
    torch.manual_seed(axes)
    parts: list[torch.nn.Module] = []
    for layer in range(layers):
        parts += [kind(1 if layer == 0 else 4, 4, 3, padding=1), torch.nn.Tanh()]
    return torch.nn.Sequential(*parts).requires_grad_(False)


@pytest.mark.parametrize("spread", SPREADS, ids=str)
@pytest.mark.parametrize("shape", [(15, 12), (7, 12, 9)])
def test_one_window_of_the_image_s_size_is_the_whole_pass(shape: tuple[int, ...], spread: dict[str, float]) -> None:
    image, network = image_of(shape), convolutions(len(shape))
    assert torch.allclose(window_of(shape, spread)(network, image), network(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("shape", "window"), [((15, 12), (16, 17)), ((7, 12, 9), (8, 12, 14))])
def test_a_larger_window_is_the_whole_pass_over_the_image_with_0_about_it(
    shape: tuple[int, ...], window: tuple[int, ...]
) -> None:
    image, network = image_of(shape), convolutions(len(shape))
    around = torch.zeros(1, 1, *window)
    inner = tuple(
        slice((edge - length) // 2, (edge - length) // 2 + length) for edge, length in zip(window, shape, strict=True)
    )
    around[(0, 0, *inner)] = image[0, 0]
    expected = network(around)[(slice(None), slice(None), *inner)]
    assert torch.allclose(SlidingWindow(list(window))(network, image), expected, rtol=0, atol=1e-6)


def starts_of(length: int, edge: int, stride: int) -> list[int]:
    """Of windows, where the stride leads exactly from end to end."""
    assert (length - edge) % stride == 0
    return list(range(0, length - edge + 1, stride))


def bell(window: Sequence[int]) -> Floats:
    """Gaussian weights as they are documented: an eighth of the window is one standard deviation."""
    away = [((np.arange(edge) - (edge - 1) / 2) / (edge / 8)) ** 2 for edge in window]
    weights = np.asarray(np.exp(-sum(np.meshgrid(*away, indexing="ij")) / 2))
    return weights if len(window) > 2 else np.maximum(weights, 1e-3)


def moved(network: torch.nn.Module, image: Tensor, window: Sequence[int], stride: Sequence[int]) -> Floats:
    """The weighted mean over windows, one after the other."""
    shape = image.shape[2:]
    total, count = np.zeros((4, *shape)), np.zeros(shape)
    for at in itertools.product(*map(starts_of, shape, window, stride)):
        part = tuple(slice(start, start + edge) for start, edge in zip(at, window, strict=True))
        total[(slice(None), *part)] += network(image[(slice(None), slice(None), *part)])[0].numpy() * bell(window)
        count[part] += bell(window)
    return np.asarray(total / count)


def near_an_end(shape: Sequence[int], window: Sequence[int], stride: Sequence[int], reach: int) -> Floats:
    """Of every voxel the share of weight from windows that end within `reach` of it where the image goes on."""
    said, count = np.zeros(shape), np.zeros(shape)
    for at in itertools.product(*map(starts_of, shape, window, stride)):
        part = tuple(slice(start, start + edge) for start, edge in zip(at, window, strict=True))
        sound = np.zeros(window, dtype=bool)
        sound[
            tuple(
                slice(reach if start > 0 else 0, edge - reach if start + edge < length else edge)
                for start, edge, length in zip(at, window, shape, strict=True)
            )
        ] = True
        said[part] += bell(window) * ~sound
        count[part] += bell(window)
    return np.asarray(said / count)


MOVES = [((40, 28), (16, 12), (8, 4)), ((40, 28), (16, 12), (4, 1)), ((24, 20, 28), (16, 16, 12), (8, 4, 8)),
         ((24, 16, 28), (16, 16, 12), (1, 16, 8))]  # fmt: skip


@pytest.mark.parametrize(("shape", "window", "stride"), MOVES, ids=str)
def test_windows_are_moved_as_by_a_loop_over_them(
    shape: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    image, network = image_of(shape), convolutions(len(shape))
    found = SlidingWindow(list(window), stride=list(stride))(network, image)[0]
    np.testing.assert_allclose(found, moved(network, image, window, stride), rtol=0, atol=2e-6)


@pytest.mark.parametrize(("shape", "window", "stride"), MOVES, ids=str)
def test_only_near_windows_ends_is_anything_off_and_there_by_their_share_of_the_weight(
    shape: tuple[int, ...], window: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    """The network sees two voxels far and answers from -1 to 1, so that a window's answer is off by less than 2."""
    image, network = image_of(shape), convolutions(len(shape))
    found = SlidingWindow(list(window), stride=list(stride))(network, image)
    off = (found - network(image)).abs()[0].amax(dim=0).numpy()
    share = near_an_end(shape, window, stride, reach=2)
    assert 0 < (share == 0).sum() < share.size
    assert off[share == 0].max() < 1e-6
    assert off[share > 0].max() > 1e-5
    assert (off <= 2 * share + 1e-6).all()


def test_a_small_stride_and_a_large_one_agree_within_both_their_shares() -> None:
    shape, window = (48, 16, 20), (16, 16, 20)
    image, network = image_of(shape), convolutions(3)
    strides = [(1, 16, 20), (8, 16, 20), (16, 16, 20)]
    fine, half, apart = (SlidingWindow(list(window), stride=list(stride))(network, image) for stride in strides)
    shares = [near_an_end(shape, window, stride, reach=2) for stride in strides]
    # Half a window from the scan's ends: where windows overlap their middles count; side by side, their ends do.
    assert [share[8:-8].max() for share in shares] == pytest.approx([0.0024, 0.0067, 1.0], rel=0.02)
    # Towards the scan's ends a small stride has many windows that end near by, and none whose middle is nearer.
    assert [share.max() for share in shares] == pytest.approx([0.21, 0.0067, 1.0], rel=0.02)
    off, seams = ((fine - other).abs()[0].amax(dim=0).numpy() for other in (half, apart))
    assert (off <= 2 * (shares[0] + shares[1]) + 1e-6).all()
    assert off[8:-8].max() < 0.02 < seams[8:-8].max() / 5


@pytest.mark.parametrize(
    ("length", "edge", "stride", "expected"),
    [
        (10, 4, 1, [0, 1, 2, 3, 4, 5, 6]), (10, 4, 3, [0, 3, 6]), (12, 4, 4, [0, 4, 8]), (4, 4, 1, [0]),
        (3, 4, 2, [0]), (11, 4, 4, [0, 4, 7]), (64, 32, 32, [0, 32]), (65, 32, 32, [0, 16, 33]),
    ],
)  # fmt: skip
def test_windows_begin_at_most_a_stride_apart_and_reach_both_ends(
    length: int, edge: int, stride: int, expected: list[int]
) -> None:
    found = list[int]()

    def note(windows: Tensor) -> Tensor:
        found.extend(windows[:, 0, 0, 0].int().tolist())
        return windows

    ruler = torch.arange(float(length)).reshape(1, 1, length, 1)
    SlidingWindow([edge, 1], stride=[stride, 1], batch=2)(note, ruler)
    assert found == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"overlap": 0.5, "stride": [4, 4]}, r"overlap 0\.5 and stride \[4, 4\] are both given"),
        ({"stride": [4]}, r"stride \[4\] is not from 1 to the window \[8, 8\]"),
        ({"stride": [4, 9]}, "is not from 1 to the window"), ({"stride": [0, 4]}, "is not from 1 to the window"),
    ],
)  # fmt: skip
def test_strides_that_leave_gaps_or_come_beside_an_overlap_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SlidingWindow([8, 8], **options)  # type: ignore[arg-type]
    with pytest.raises(HipsegError, match=said):
        inferer_of({"inferer": {"_target_": TARGET, "window": [8, 8], **options}})


def test_a_stride_of_no_numbers_is_refused_as_an_option_and_in_a_checkpoint() -> None:
    with pytest.raises(HipsegError, match=r"inferer\.stride"):
        check_arguments(SlidingWindow, {"window": [8, 8], "stride": ["far", 1]}, "inferer", partial=False)
    with pytest.raises(HipsegError, match="refuses its arguments"):
        inferer_of({"inferer": {"_target_": TARGET, "window": [8, 8], "stride": ["far", 1]}})


def test_a_checkpoint_from_before_there_were_strides_moves_its_windows_as_it_did() -> None:
    described = {"_target_": TARGET, "window": [16, 12], "overlap": 0.5, "flips": [], "batch": 4}
    image, network = image_of((40, 30)), convolutions(2)
    found = inferer_of({"inferer": described})(network, image)
    assert torch.equal(found, SlidingWindow([16, 12])(network, image))
    np.testing.assert_allclose(found[0], moved(network, image, (16, 12), (8, 6)), rtol=0, atol=2e-6)
