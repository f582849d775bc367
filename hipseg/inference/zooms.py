"""The mean of a network's answers to an image shown at several sizes.

What lies on a film may be larger or smaller than it was in the training: patients differ, and a film's stated spacing
is that of its plate, of the bones, or wrong. A network is surest of what has the size that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Final

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hipseg.errors import HipsegError
from hipseg.inference.own_grid import on_own_grid
from hipseg.inference.shifts import Passes, mean_over_shifts

Zoom = Annotated[float, Field(ge=0.25, le=4)]

_MULTIPLE: Final = 32  # so that networks of up to five halvings get a size they can take


class ZoomAverage:
    """An inferer that takes the whole image at several sizes.

    Args:
        zooms: The sizes, against the image's own; above 1 for what is smaller than in the training.
        passes: At each, over how many places between the network's halvings; see `mean_over_shifts`.
    """

    def __init__(self, zooms: Annotated[Sequence[Zoom], Field(min_length=1)], passes: Passes = 1) -> None:
        self.zooms, self.passes = tuple(zooms), passes

    def __call__(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """See `hipseg.inference.inferer`."""
        size = image.shape[2:]
        if len(size) != 2:
            raise HipsegError("inferer: zoom_average is for images of two axes; choose another for volumes")
        total: Tensor = torch.zeros(())
        for zoom in self.zooms:
            answer = on_own_grid(self._at(predict, image, [round(zoom * length) for length in size]), size)
            total = answer + total.to(answer)
        return total / len(self.zooms)

    def _at(self, predict: Callable[[Tensor], Tensor], image: Tensor, size: Sequence[int]) -> Tensor:
        """What is said of an image (B, C, rows, columns) resampled to a size, at that size."""
        if tuple(size) != tuple(image.shape[2:]):
            low, high = image.aminmax()  # what interpolates overshoots
            image = F.interpolate(image, list(size), mode="bilinear", antialias=True).clamp(low, high)
        missing = [-length % _MULTIPLE for length in size]
        around = [pad for length in reversed(missing) for pad in (length // 2, length - length // 2)]
        answer = mean_over_shifts(predict, F.pad(image, around, mode="replicate"), self.passes)
        for axis, (length, lost) in enumerate(zip(size, missing, strict=True), start=2):
            answer = answer.narrow(axis, lost // 2, length)
        return answer
