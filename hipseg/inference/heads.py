"""What finds femoral heads, without what it takes to."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hipseg.grid import Grid
from hipseg.labels.landmarks import Side

Heads = dict[Side, tuple[float, float] | None]
"""The centre of each hip's femoral head, x and y in film millimetres; None where no joint is found."""


class HeadLocator(Protocol):
    """See `hipseg.inference.locator`."""

    @property
    def path(self) -> Path:
        """The checkpoint it works with."""

    def __call__(self, pixels: NDArray[np.float32], film: Grid) -> Heads:
        """The heads of a film (rows, columns) as read, whose pixels lie on `film`."""
