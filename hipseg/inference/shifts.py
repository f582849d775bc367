"""The mean of a network's answers to an image that lies elsewhere between its pooling steps.

A network that halves its input sees other pixels together when the image is moved by one; what it says of a boundary
moves with that (Zhang, Making convolutional networks shift-invariant again, ICML 2019). The mean of a few places moves
less.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import torch
from pydantic import Field
from scipy.stats.qmc import Halton
from torch import Tensor
from torch.nn import functional as F

Passes = Annotated[int, Field(ge=1)]
"""Over how many places a network's answers are averaged."""

_MARGIN_PX: Final = 32  # so that networks of up to five halvings get a size they can take


class ShiftAverage:
    """An inferer that takes the whole image at once, averaged over places between the network's halvings.

    Args:
        passes: Over how many places; with 1 the image is taken as it is.
    """

    def __init__(self, passes: Passes) -> None:
        self.passes = passes

    def __call__(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """See `mean_over_shifts`."""
        return mean_over_shifts(predict, image, self.passes)


def mean_over_shifts(predict: Callable[[Tensor], Tensor], image: Tensor, passes: Passes) -> Tensor:
    """The mean answer over places, the first of them the image's own.

    Args:
        predict: (B, C, ...) to (B, labels, ...) on the same grid; sizes are multiples of its stride, at most 32.
        image: (B, C, ...); beyond its edges the values there go on.
        passes: How many places; with 1 the image is taken as it is.
    """
    if passes == 1:
        return predict(image)
    size = image.shape[2:]
    # Bases 3, 5 and so on: in base 2 the places would fall into step with the halvings.
    places = (Halton(1 + len(size), scramble=False).random(passes)[:, 1:] * _MARGIN_PX).astype(int)
    total: Tensor = torch.zeros(())
    for place in places.tolist():
        around = [pad for before in reversed(place) for pad in (before, _MARGIN_PX - before)]
        answer = predict(F.pad(image, around, mode="replicate"))
        for axis, (before, length) in enumerate(zip(place, size, strict=True), start=2):
            answer = answer.narrow(axis, before, length)
        total = answer + total.to(answer)
    return total / passes
