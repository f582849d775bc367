"""Surfaces in a cone of X-rays: where their points fall on a film, and how long each ray runs within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.arrays import Points
from hipseg.geometry.grid import Grid
from hipseg.geometry.surface import Points3, Surface
from hipseg.geometry.voxels import crossings

_OFF: Final = np.array([1.2345e-5, 2.3456e-5])  # of a pixel, so that no ray meets an edge


@dataclass(frozen=True)
class ConeBeam:
    """A source in front of a subject and a film behind it, seen as a reader does: the right side on the left.

    Attributes:
        source_mm: x, y, z of the source, y being negative.
        magnification: Of what lies at y = 0.
        centre_mm: Where x = 0, z = 0 at y = 0 falls on the film, in film millimetres.
    """

    source_mm: tuple[float, float, float]
    magnification: float
    centre_mm: tuple[float, float]

    def project(self, points: Points3) -> Points:
        """(n, 3) points in the subject's millimetres as (n, 2) film millimetres."""
        x, y, z = self.source_mm
        nearer = -y / (points[:, 1] - y)
        across, up = x + (points[:, 0] - x) * nearer, z + (points[:, 2] - z) * nearer
        flat = np.stack([across, -up], axis=1) * self.magnification
        return np.asarray(flat + self.centre_mm)

    def path_mm(self, surface: Surface, grid: Grid) -> NDArray[np.float32]:
        """(rows, columns) how many mm of every ray lie within a closed surface."""
        film = self.project(surface.vertices)
        flat = (film[surface.faces] - grid.origin_mm) / grid.spacing_mm + _OFF
        face, pixel, shares, facing = crossings(flat, (grid.shape[1], grid.shape[0]))
        depth = surface.corners[face, :, 1] - self.source_mm[1]
        # Along a ray the inverse of the depth is what is linear on the film.
        at = 1 / (shares / depth).sum(axis=1)
        x, z = self._towards(grid)
        slant = np.sqrt(1 + (x[pixel[:, 0]] ** 2 + z[pixel[:, 1]] ** 2) / self.source_mm[1] ** 2)
        weights = at * slant * facing
        flat_index = pixel[:, 1] * grid.shape[1] + pixel[:, 0]
        summed = np.bincount(flat_index, weights, minlength=grid.shape[0] * grid.shape[1])
        return np.abs(summed).reshape(grid.shape).astype(np.float32)

    def path_in_ball_mm(self, centre: Points3, radius: float, grid: Grid) -> NDArray[np.float32]:
        """(rows, columns) how many mm of every ray lie within a ball."""
        source, (x, z) = np.array(self.source_mm), self._towards(grid)
        x, z, away = x[None, :], z[:, None], centre - source
        along = (away[0] * x - away[1] * source[1] + away[2] * z) ** 2 / (x**2 + z**2 + source[1] ** 2)
        return np.asarray(2 * np.sqrt(np.maximum(radius**2 - (away**2).sum() + along, 0)), dtype=np.float32)

    def _towards(self, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far, in x of every column and z of every row, rays have run from the source where y is 0."""
        x = (grid.x_mm() - self.centre_mm[0]) / self.magnification - self.source_mm[0]
        return x, -(grid.y_mm() - self.centre_mm[1]) / self.magnification - self.source_mm[2]
