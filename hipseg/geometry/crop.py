"""The part of the stored image that a network sees."""

from __future__ import annotations

from collections.abc import Mapping
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

    def cut(self, pixels: NDArray[np.generic], mirror: bool) -> NDArray[np.generic]:
        """The field of a stored image (rows, columns), mirrored first if it is a left hip's."""
        return (pixels[:, ::-1] if mirror else pixels)[self.window]

    def beyond_middle(self, x: float, columns: int) -> bool:
        """Whether a column of the field lies beyond the middle of a stored film of so many columns: the other hip's."""
        return bool(x + self.column > (columns - 1) / 2)

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


def crop_of(record: Mapping[str, Any]) -> Crop:
    """The crop that a checkpoint's network was trained to see.

    Args:
        record: Of a checkpoint of hips.
    """
    return Crop(**{name: value for name, value in record["dataset"]["crop"].items() if name != "_target_"})
