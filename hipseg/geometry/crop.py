"""The part of the stored image that a network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.arrays import Points
from hipseg.geometry.grid import Grid


@dataclass(frozen=True)
class Crop:
    """A window of the stored image as it lies once left hips are mirrored; the same for every hip.

    Attributes:
        row: First row.
        column: First column; the right hip is on the image's left.
        rows: Height.
        columns: Width.
    """

    row: int
    column: int
    rows: int
    columns: int

    def head_at(self, spacing_mm: float) -> tuple[float, float]:
        """Where a femoral head is expected, in pixels of the window: in its middle."""
        return (self.columns - 1) / 2, (self.rows - 1) / 2

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the stored image."""
        return slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether it lies within an image."""
        return (
            self.row >= 0
            and self.column >= 0
            and self.row + self.rows <= shape[0]
            and self.column + self.columns <= shape[1]
        )

    def moved(self, rows: int, columns: int, shape: tuple[int, int]) -> Crop:
        """The same window so far down and right, but not beyond an image of a shape."""
        row = min(max(self.row + rows, 0), shape[0] - self.rows)
        return replace(self, row=row, column=min(max(self.column + columns, 0), shape[1] - self.columns))

    def shifted(self, rows: int, columns: int) -> Crop:
        """The same window so far down and right, wherever that is."""
        return replace(self, row=self.row + rows, column=self.column + columns)

    def grown(self, margin: int) -> Crop:
        """The same window with so many pixels more on every side."""
        return Crop(self.row - margin, self.column - margin, self.rows + 2 * margin, self.columns + 2 * margin)

    def cut(self, pixels: NDArray[np.generic], mirror: bool) -> NDArray[np.generic]:
        """The field of an image (rows, columns), mirrored first if it is a left hip's; 0 beyond its edges."""
        seen = pixels[:, ::-1] if mirror else pixels
        if self.fits(seen.shape):
            return seen[self.window]
        made = np.zeros((self.rows, self.columns), dtype=pixels.dtype)
        inner, outer = self.overlap(seen.shape)
        made[inner] = seen[outer]
        return made

    def overlap(self, shape: Sequence[int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Rows and columns that the field shares with an image of a shape: of the field, and of the image."""
        inner, outer = list[slice](), list[slice]()
        for first, length, whole in zip((self.row, self.column), (self.rows, self.columns), shape, strict=True):
            low, high = min(max(first, 0), whole), max(min(first + length, whole), 0)
            inner.append(slice(low - first, max(high, low) - first))
            outer.append(slice(low, max(high, low)))
        return (inner[0], inner[1]), (outer[0], outer[1])

    def middle(self, columns: int) -> float:
        """The middle of a stored film of so many columns, as a column of the field; beyond it lies the other hip."""
        return (columns - 1) / 2 - self.column

    def to_stored(self, points: Points, mirror: bool, columns: int) -> Points:
        """Pixel-centre coordinates (..., 2) in the field as those of the stored image of so many columns."""
        x, y = points[..., 0] + self.column, points[..., 1] + self.row
        return np.stack([columns - 1 - x if mirror else x, y], axis=-1)

    def to_film_mm(self, points_mm: Points, mirror: bool, stored: Grid) -> Points:
        """Points (..., 2) in mm from the field's first pixel centre, as the film's millimetres."""
        return stored.to_mm(self.to_stored(points_mm / stored.spacing_mm, mirror, stored.shape[1]))

    def from_stored(self, points: Points, mirror: bool, columns: int) -> Points:
        """The inverse of `to_stored`."""
        x = columns - 1 - points[..., 0] if mirror else points[..., 0]
        return np.stack([x - self.column, points[..., 1] - self.row], axis=-1)


@dataclass(frozen=True)
class HeadCrop:
    """A window that follows the femoral head, wherever it lies.

    Attributes:
        rows: Height.
        columns: Width.
        below_mm: How far the window's middle lies below the head's centre.
        lateral_mm: How far it lies lateral of it: further left, as every hip is a right one.
        shrink: Pixels of the film, along each axis, that make one of the overview on which heads are found.
    """

    rows: int
    columns: int
    below_mm: float
    lateral_mm: float
    shrink: int

    def head_at(self, spacing_mm: float) -> tuple[float, float]:
        """Where the femoral head lies, in pixels of the window."""
        x, y = (self.columns - 1) / 2, (self.rows - 1) / 2
        return x + self.lateral_mm / spacing_mm, y - self.below_mm / spacing_mm

    def around(self, x: float, y: float, spacing_mm: float) -> Crop:
        """The window about a head's centre in pixel-centre coordinates of a right hip's image."""
        row = y + self.below_mm / spacing_mm - (self.rows - 1) / 2
        column = x - self.lateral_mm / spacing_mm - (self.columns - 1) / 2
        return Crop(round(row), round(column), self.rows, self.columns)


def crop_of(record: Mapping[str, Any]) -> Crop | HeadCrop:
    """The crop that a checkpoint's network was trained to see.

    Args:
        record: Of a checkpoint of hips.
    """
    given = {name: value for name, value in record["dataset"]["crop"].items() if name != "_target_"}
    return Crop(**given) if "row" in given else HeadCrop(**given)
