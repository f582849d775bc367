"""Pixel grids and their way back to the film's millimetres.

Millimetres are measured from the outer corner of the film's first pixel, so that the centre of a film's pixel (row r,
column c) lies at x = (c + 0.5) spacing, y = (r + 0.5) spacing. Pixel coordinates are counted from the first pixel's
centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A grid of square pixels over a film.

    Attributes:
        shape: Rows and columns.
        spacing_mm: Millimetres per pixel.
        origin_mm: x and y of the first pixel's centre, in the film's millimetres.
    """

    shape: tuple[int, int]
    spacing_mm: float
    origin_mm: tuple[float, float]

    @classmethod
    def of_film(cls, shape: tuple[int, int], spacing_mm: float) -> Grid:
        """The film's own pixels."""
        return cls(shape, spacing_mm, (spacing_mm / 2, spacing_mm / 2))

    @classmethod
    def centred(cls, shape: tuple[int, int], spacing_mm: float, centre_mm: tuple[float, float]) -> Grid:
        """The grid whose middle (not its middle pixel's centre) lies at `centre_mm`."""
        rows, columns = shape
        x, y = centre_mm
        return cls(shape, spacing_mm, (x - (columns - 1) / 2 * spacing_mm, y - (rows - 1) / 2 * spacing_mm))

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height, outer edge to outer edge."""
        return self.shape[1] * self.spacing_mm, self.shape[0] * self.spacing_mm

    @property
    def centre_mm(self) -> tuple[float, float]:
        """X and y of the middle."""
        (x, y), (width, height) = self.origin_mm, self.size_mm
        return x + (width - self.spacing_mm) / 2, y + (height - self.spacing_mm) / 2

    def x_mm(self) -> NDArray[np.float64]:
        """X of every column's centre."""
        return self.origin_mm[0] + self.spacing_mm * np.arange(self.shape[1], dtype=np.float64)

    def y_mm(self) -> NDArray[np.float64]:
        """Y of every row's centre."""
        return self.origin_mm[1] + self.spacing_mm * np.arange(self.shape[0], dtype=np.float64)

    def to_pixels(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) millimetres as pixel-centre coordinates, x (column) then y (row)."""
        return (points_mm - np.asarray(self.origin_mm)) / self.spacing_mm

    def to_mm(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) pixel-centre coordinates as the film's millimetres."""
        return pixels * self.spacing_mm + np.asarray(self.origin_mm)
