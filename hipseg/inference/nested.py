"""Probabilities of labels that lie within each other, as the surfaces that part them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from scipy.ndimage import label
from torch import Tensor
from torch.nn import functional as F

from hipseg.geometry.arrays import largest_of


def decide_nested(probabilities: Tensor, inside: Callable[[Tensor], Tensor]) -> Tensor:
    """One label for every pixel, by surfaces that lie within each other.

    What label k and all later ones enclose has the sum of their probabilities. The last label within which a pixel
    lies is its own, so that a layer thinner than a pixel does not push its neighbours' surfaces apart, as it does
    where the most probable label is taken.

    Args:
        probabilities: (B, labels, ...), the background first.
        inside: A sum (...) of one image to where it lies within, bool.

    Returns:
        (B, labels, ...), 1 for the label that is decided on, else 0.
    """
    decided = torch.zeros_like(probabilities[:, 0], dtype=torch.int64)
    within = probabilities.flip(1).cumsum(1).flip(1)
    for image, sums in zip(decided, within, strict=True):
        for number in range(1, probabilities.shape[1]):
            image[inside(sums[number])] = number
    return F.one_hot(decided, probabilities.shape[1]).movedim(-1, 1).to(probabilities.dtype)


class NestedLabels:
    """Labels that lie within each other, told apart at one half; of each surface the largest part is kept."""

    def __call__(self, probabilities: Tensor) -> Tensor:
        """See `decide_nested`."""
        return decide_nested(probabilities, _largest_part)


def _largest_part(sums: Tensor) -> Tensor:
    found = (sums > 0.5).cpu().numpy()
    parts, count = label(found)
    if count > 1:
        found = parts == largest_of(parts)
    return torch.from_numpy(found).to(sums.device)
