"""Where an image holds what a network's answer depends on.

Sources: occlusion sensitivity, Zeiler and Fergus, ECCV 2014; HiResCAM, Draelos et al., arXiv 2011.08891, which is
Grad-CAM (Selvaraju et al., ICCV 2017) where a layer is averaged right after it, and needs no such average elsewhere.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Heat = NDArray[np.float32]

_AT_ONCE: Final = 32
_SURROUNDINGS: Final = 3  # patches across the blur that covers are made of


def occlusion(score: Callable[[Tensor], Tensor], image: Tensor, patch: int, stride: int) -> Heat:
    """How much lower a score becomes where a square of the image is covered by a blur of its surroundings.

    Args:
        score: (n, C, rows, columns) images to (n,) numbers.
        image: (1, C, rows, columns).
        patch: Edge of the square, in pixels.
        stride: Pixels from one square to the next.

    Returns:
        (rows, columns): the mean over the squares that cover a pixel; negative where the image speaks against.
    """
    blurred = _blurred(image, _SURROUNDINGS * patch)
    rows, columns = image.shape[2:]
    # Squares cross the edges, so that all pixels are covered as often: what is covered seldom looks hot by scatter.
    starts = (range(stride - patch, length, stride) for length in (rows, columns))
    corners = list(itertools.product(*starts))
    whole = float(score(image)[0])
    total, times = np.zeros((rows, columns)), np.zeros((rows, columns))
    for first in range(0, len(corners), _AT_ONCE):
        part = corners[first : first + _AT_ONCE]
        covered = image.repeat(len(part), 1, 1, 1)
        for number, (row, column) in enumerate(part):
            square = slice(max(row, 0), row + patch), slice(max(column, 0), column + patch)
            covered[number][:, square[0], square[1]] = blurred[0][:, square[0], square[1]]
        for (row, column), found in zip(part, score(covered).tolist(), strict=True):
            square = slice(max(row, 0), row + patch), slice(max(column, 0), column + patch)
            total[square] += whole - found
            times[square] += 1
    return (total / times).astype(np.float32)


def _blurred(image: Tensor, width: int) -> Tensor:
    """An image as the means of squares some pixels wide, its border repeated."""
    edge = 2 * (width // 2) + 1
    padded = F.pad(image, [edge // 2] * 4, mode="replicate")
    return F.avg_pool2d(padded, edge, stride=1)


def hires_cam(network: nn.Module, image: Tensor, layer: str, score: Callable[[Tensor], Tensor]) -> Heat:
    """How much the features of a layer speak for a score at each place: their sum, each times its gradient there.

    Args:
        network: (1, C, rows, columns) to logits.
        image: (1, C, rows, columns).
        layer: Name of one of its modules, whose output is (1, features, ...).
        score: (1, classes) logits to one number.

    Returns:
        (rows, columns), 0 and more.
    """
    kept: dict[str, Tensor] = {}

    def keep(_module: nn.Module, _given: tuple[Tensor, ...], features: Tensor) -> None:
        features.retain_grad()
        kept["features"] = features

    handle = network.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            score(network(image.clone().requires_grad_())).sum().backward()  # type: ignore[no-untyped-call]
    finally:
        handle.remove()
        network.zero_grad(set_to_none=True)
    features, gradient = kept["features"], kept["features"].grad
    assert gradient is not None
    heat = (gradient * features).sum(dim=1, keepdim=True).relu()
    found: Heat = (
        F.interpolate(heat, image.shape[2:], mode="bilinear", align_corners=False)[0, 0].detach().cpu().numpy()
    )
    return found


def hottest(heat: Heat, share: float = 0.1) -> NDArray[np.bool_]:
    """The pixels (rows, columns) of the highest values, a share of all; where all are alike, none."""
    limit = np.quantile(heat, 1 - share)
    return (heat >= limit) & (heat > heat.min())


def points_at(heat: Heat, centre: tuple[float, float], radius: float, share: float = 0.1) -> bool:
    """Whether the hottest pixels meet a disc.

    Args:
        heat: (rows, columns).
        centre: Row and column of the disc's.
        radius: Of the disc, in pixels.
        share: Of all pixels that are the hottest.
    """
    row, column = np.ogrid[: heat.shape[0], : heat.shape[1]]
    disc = (row - centre[0]) ** 2 + (column - centre[1]) ** 2 <= max(radius, 0.5) ** 2
    return bool((hottest(heat, share) & disc).any())
