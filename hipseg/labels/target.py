"""What a network is taught of one hip: its label map as it is, or with soft edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hipseg.labels.label_map import HipOutlines, soften_label_map

Outlines = Callable[[], HipOutlines]
"""Draws the hip's outlines in the label map's pixel-centre coordinates, for targets that need them."""


class Target(Protocol):
    """Makes the target of a right hip, which losses take in place of a label map."""

    def __call__(self, label: NDArray[np.uint8], seen: NDArray[np.bool_], outlines: Outlines) -> NDArray[Any]:
        """(rows, columns) labels, or (labels, rows, columns) float32 shares that sum to 1.

        Args:
            label: (rows, columns), the label map.
            seen: (rows, columns), False for background that came in from outside the image.
            outlines: The hip's.
        """


def hard_target(label: NDArray[np.uint8], seen: NDArray[np.bool_], outlines: Outlines) -> NDArray[np.uint8]:
    """The label map itself, as in the thesis: each pixel has the label of its centre."""
    return label


@dataclass(frozen=True)
class SoftTarget:
    """The shares of every pixel's area that the labels cover around the joint, drawn from its outlines.

    A label map says to half a pixel where bone ends, and the network that has learnt it well repeats that error. Shares
    keep the place, so that the contour at 0.5 of what is learnt is the curve itself.

    Attributes:
        fineness: Parts of a pixel's side that shares are counted in.
    """

    fineness: Annotated[int, Field(ge=2)]

    def __call__(self, label: NDArray[np.uint8], seen: NDArray[np.bool_], outlines: Outlines) -> NDArray[np.float32]:
        """The shares (labels, rows, columns), background where nothing was seen, though outlines may go on there."""
        shares = soften_label_map(label, outlines(), self.fineness)
        shares[0, ~seen], shares[1:, ~seen] = 1, 0
        return shares
