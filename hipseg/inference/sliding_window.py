"""Large images in overlapping windows, whose middles count most."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

_OVERLAP: Final = 0.5
_ABOUT_PX: Final = 8  # what a network looks at about what is not blank
_PLANAR_LEAST: Final = 1e-3


class SlidingWindow:
    """An inferer that moves a window over the image and averages what is said of every pixel.

    Each window's answer is weighted by a Gaussian about its middle, with a standard deviation of an eighth of its
    size, as in nnU-Net (Isensee et al., Nature Methods 2021): at a window's edge a network sees half of what matters.

    Args:
        window: Pixels, an axis each; what is smaller is padded with 0 and cut back.
        overlap: Share of a window that the next one covers again; a half unless `stride` is given.
        stride: Pixels from a window to the next at most, an axis each, in place of `overlap`; windows as long as the
            image have none to go.
        flips: Axes (0 is the first behind the channels) along which the image is also looked at in a mirror.
        batch: Windows at once.
        blank: Whether the image has parts that were made blank. Only the box of what is anywhere above the image's
            lowest value, and a little about it, is looked at then; the rest is background.

    Raises:
        ValueError: If overlap and stride are both given, or not all pixels would be seen.
    """

    def __init__(
        self,
        window: list[Annotated[int, Field(ge=1)]],
        overlap: Annotated[float, Field(ge=0, lt=1)] | None = None,
        flips: list[Annotated[int, Field(ge=0, le=2)]] | None = None,
        batch: Annotated[int, Field(ge=1)] = 4,
        stride: list[Annotated[int, Field(ge=1)]] | None = None,
        blank: bool = False,
    ) -> None:
        self.window, self.flips, self.batch, self.blank = tuple(window), tuple(flips or ()), batch, blank
        self.steps = _steps(self.window, overlap, stride)
        if any(axis >= len(self.window) for axis in self.flips):
            raise ValueError(f"flips {list(self.flips)} are not all axes of the window {list(window)}")

    def __call__(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """(B, C, ...) images to (B, labels, ...) probabilities, one image after the other."""
        one = self._beside_blank if self.blank else self._one
        return torch.cat([one(predict, image[i : i + 1]) for i in range(len(image))])

    def _beside_blank(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        part = _seen_part(image[0], self.window)
        seen = self._one(predict, image[_behind(2, part)])
        answer = torch.zeros((1, seen.shape[1], *image.shape[2:]), device=seen.device)
        answer[:, 0] = 1
        answer[_behind(2, part)] = seen
        return answer

    def _one(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        size = image.shape[2:]
        missing = [max(0, edge - length) for edge, length in zip(self.window, size, strict=True)]
        before = [count // 2 for count in missing]
        pads = [
            pad for low, count in zip(reversed(before), reversed(missing), strict=True) for pad in (low, count - low)
        ]
        padded = F.pad(image, pads)
        weights = gaussian_window(self.window).to(image.device)
        starts = [_starts(*axis) for axis in zip(padded.shape[2:], self.window, self.steps, strict=True)]
        places = list(itertools.product(*starts))
        total, count = torch.zeros(()), torch.zeros(padded.shape[2:], device=image.device)
        for first in range(0, len(places), self.batch):
            parts = [self._part(at) for at in places[first : first + self.batch]]
            answers = self._seen_both_ways(predict, torch.cat([padded[_behind(2, part)] for part in parts]))
            if total.ndim == 0:
                total = torch.zeros((1, answers.shape[1], *padded.shape[2:]), device=image.device)
            for part, answer in zip(parts, answers, strict=True):
                total[0][_behind(1, part)] += answer * weights
                count[part] += weights
        mean = total / count
        for axis, (low, length) in enumerate(zip(before, size, strict=True), start=2):
            mean = mean.narrow(axis, low, length)
        return mean

    def _part(self, at: Sequence[int]) -> tuple[slice, ...]:
        return tuple(slice(start, start + edge) for start, edge in zip(at, self.window, strict=True))

    def _seen_both_ways(self, predict: Callable[[Tensor], Tensor], windows: Tensor) -> Tensor:
        """The mean over the windows as they are and in every mirror."""
        axes = [axis + 2 for axis in self.flips]
        mirrors = [list(chosen) for n in range(len(axes) + 1) for chosen in itertools.combinations(axes, n)]
        total = predict(windows).float()
        for mirror in mirrors[1:]:
            total = total + predict(windows.flip(mirror)).float().flip(mirror)
        return total / len(mirrors)


def _seen_part(image: Tensor, window: Sequence[int]) -> tuple[slice, ...]:
    """The box of what is above an image's (C, ...) lowest value, a few pixels wider and as large as a window."""
    above = (image > image.amin(dim=tuple(range(1, image.ndim)), keepdim=True)).any(dim=0)
    if not above.any():
        return tuple(slice(0, min(edge, length)) for edge, length in zip(window, above.shape, strict=True))
    part = []
    for axis, (edge, length) in enumerate(zip(window, above.shape, strict=True)):
        others = tuple(other for other in range(above.ndim) if other != axis)
        lines = torch.nonzero(above.any(dim=others) if others else above)[:, 0]
        low, high = int(lines[0]) - _ABOUT_PX, int(lines[-1]) + 1 + _ABOUT_PX
        low = max(0, min(low, length - edge, (low + high - edge) // 2))
        part.append(slice(low, min(length, max(high, low + edge))))
    return tuple(part)


def _steps(window: Sequence[int], overlap: float | None, stride: Sequence[int] | None) -> tuple[float, ...]:
    """Pixels from a window to the next at most, an axis each."""
    if stride is None:
        return tuple(max(edge * (1 - (_OVERLAP if overlap is None else overlap)), 1) for edge in window)
    if overlap is not None:
        raise ValueError(f"overlap {overlap:g} and stride {list(stride)} are both given; give one of them")
    if len(stride) != len(window) or any(not 1 <= step <= edge for step, edge in zip(stride, window, strict=True)):
        raise ValueError(f"stride {list(stride)} is not from 1 to the window {list(window)} along every axis")
    return tuple(stride)


def _starts(length: int, edge: int, step: float) -> list[int]:
    """First pixels of windows along an axis, evenly spread from end to end."""
    count = math.ceil((length - edge) / step)
    return sorted({round(number * (length - edge) / max(count, 1)) for number in range(count + 1)})


def _behind(axes: int, part: tuple[slice, ...]) -> tuple[slice, ...]:
    """The index of a part whose axes come after others, which are taken whole."""
    return (*[slice(None)] * axes, *part)


def gaussian_window(size: Sequence[int]) -> Tensor:
    """Weights of a window's pixels, 1 in the middle, never 0: of a planar window at least 0.001.

    In a volume more than half of a window lies where three bells together are below that; such a floor would let ends
    count as much as middles there.
    """
    weights = torch.ones(tuple(size))
    for axis, length in enumerate(size):
        away = (torch.arange(length) - (length - 1) / 2) / (length / 8)
        shape = [-1 if i == axis else 1 for i in range(len(size))]
        weights = weights * torch.exp(-0.5 * away**2).reshape(shape)
    return weights if len(size) > 2 else weights.clamp(min=_PLANAR_LEAST)
