"""How a network is applied to an image that may be larger than what it is made for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Inferer(Protocol):
    """Applies what gives probabilities of what it is shown to whole images."""

    def __call__(self, predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
        """(B, C, ...) images to (B, labels, ...) probabilities on the same grid.

        Args:
            predict: The network with its activation, of images or parts of them.
            image: (B, C, ...).
        """
