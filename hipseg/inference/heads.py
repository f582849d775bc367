"""What finds femoral heads, without what it takes to."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from hipseg.geometry.grid import Grid
from hipseg.labels.landmarks import Side
from hipseg.transforms.film import Image, Mask, PreparedFilm

Heads = dict[Side, tuple[float, float] | None]
"""The centre of each hip's femoral head, x and y in film millimetres; None where no joint is found."""


class HeadLocator(Protocol):
    """See `hipseg.inference.locator`."""

    @property
    def path(self) -> Path:
        """The checkpoint it works with."""

    def prepare(self, pixels: Image, film: Grid, padding: Mask | None = None) -> PreparedFilm:
        """A film (rows, columns) as read, whose pixels lie on `film`, as `find` needs it."""

    def find(self, prepared: PreparedFilm) -> Heads:
        """The heads of a prepared film."""
