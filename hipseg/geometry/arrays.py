"""Names for kinds of arrays that know nothing of what they show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2), x then y."""


def largest_of(parts: NDArray[np.integer[Any]]) -> int:
    """The number of the part that most pixels belong to, of parts that are numbered from 1; there is one at least."""
    return int(np.bincount(parts.ravel())[1:].argmax()) + 1


def part_with(mask: NDArray[np.bool_], margin: Any = 0) -> tuple[slice, ...]:
    """The smallest part of an array that holds all that is True, and a margin where the array has one.

    Args:
        mask: Any shape, True somewhere.
        margin: Pixels, one number for all axes or one each.
    """
    there = np.argwhere(mask)
    low, high = np.maximum(there.min(axis=0) - margin, 0), there.max(axis=0) + margin + 1
    return tuple(slice(int(a), min(int(b), n)) for a, b, n in zip(low, high, mask.shape, strict=True))
