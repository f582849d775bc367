"""Drawing with signed distances on a pixel grid, fast enough for a film a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.draw import polygon

from hipseg.geometry.grid import Grid
from hipseg.labels.landmarks import Points
from hipseg.transforms.resample import resample

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Shadow:
    """A signed distance in a window of a canvas.

    Attributes:
        window: Rows and columns of the canvas.
        distance_mm: float32 over the window, negative inside a closed outline, always positive around a line.
    """

    window: tuple[slice, slice]
    distance_mm: Image

    def fill(self, width_mm: float) -> Image:
        """1 inside, 0 outside, with a smooth edge `width_mm` wide centred on the outline."""
        return ramp(-self.distance_mm / np.float32(width_mm) + np.float32(0.5))

    def line(self, width_mm: float, offset_mm: float = 0.0) -> Image:
        """A soft ridge along the outline, of the given full width at half height, `offset_mm` outside it."""
        t = (self.distance_mm - np.float32(offset_mm)) / np.float32(0.6 * width_mm)
        return np.exp(-t * t)

    def shell(self, depth_mm: float, edge_mm: float) -> Image:
        """1 in a layer of the given depth inside the outline."""
        deep = ramp((-self.distance_mm - np.float32(depth_mm)) / np.float32(max(edge_mm, 0.6 * depth_mm)) + 0.5)
        return self.fill(edge_mm) * (1 - deep)

    def dome(self, depth_mm: float) -> Image:
        """0 at the outline, 1 from `depth_mm` inside on, as the thickness of something round."""
        t = np.clip(1 + self.distance_mm / np.float32(depth_mm), 0, 1)
        return np.sqrt(np.maximum(0, 1 - t * t)).astype(np.float32)


def ramp(values: NDArray[np.floating[Any]]) -> Image:
    """A smooth step from 0 at 0 to 1 at 1."""
    t = np.clip(values, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def dense(points: Points, step_mm: float, closed: bool) -> Points:
    """A polyline with vertices at most `step_mm` apart."""
    ends = np.concatenate([points, points[:1]]) if closed else points
    counts = np.maximum(1, np.ceil(np.linalg.norm(np.diff(ends, axis=0), axis=1) / step_mm)).astype(int)
    start = np.repeat(ends[:-1], counts, axis=0)
    along = np.repeat(np.diff(ends, axis=0) / counts[:, None], counts, axis=0)
    index = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    line = start + index[:, None] * along
    return line if closed else np.concatenate([line, ends[-1:]])


def _exact_distance(grid_points: Points, line: Points, closed: bool) -> Points:
    """Distance of points to a dense polyline: to the two segments that meet at the nearest vertex."""
    _, nearest = cKDTree(line).query(grid_points, workers=1)
    last = len(line) - 1
    best = np.full(len(grid_points), np.inf)
    for step in (-1, 0):
        a = nearest + step
        first = a % len(line) if closed else np.clip(a, 0, last - 1)
        start, end = line[first], line[(first + 1) % len(line)]
        along = end - start
        offset = grid_points - start
        fraction = np.clip((offset * along).sum(1) / np.maximum((along**2).sum(1), 1e-12), 0, 1)
        best = np.minimum(best, np.linalg.norm(offset - fraction[:, None] * along, axis=1))
    return best


@dataclass
class Canvas:
    """An image that structures are added to.

    Attributes:
        grid: Its pixels on the film.
        image: (rows, columns) float32.
    """

    grid: Grid
    image: Image

    @classmethod
    def blank(cls, grid: Grid) -> Canvas:
        """All zero."""
        return cls(grid, np.zeros(grid.shape, dtype=np.float32))

    def shadow(self, points: Points, *, reach_mm: float, closed: bool = True, pitch_mm: float = 1.5) -> Shadow:
        """The signed distance to an outline or line, exact on a grid of `pitch_mm` and linear between.

        Args:
            points: (n, 2) film millimetres.
            reach_mm: How far beyond the outline distances are wanted.
            closed: Whether the points bound an area.
            pitch_mm: Grid of the exact distances.
        """
        window, origin, shape = self._window(points, reach_mm)
        if 0 in shape:
            return Shadow(window, np.zeros(shape, dtype=np.float32))
        fine = Grid(shape, self.grid.spacing_mm, origin)
        coarse_shape = tuple(int(np.ceil((n - 1) * fine.spacing_mm / pitch_mm)) + 2 for n in shape)
        coarse = Grid((coarse_shape[0], coarse_shape[1]), pitch_mm, origin)
        mesh = np.stack(np.meshgrid(coarse.x_mm(), coarse.y_mm()), axis=-1)
        line = dense(points, max(0.25, 0.35 * pitch_mm), closed)
        distance = _exact_distance(mesh.reshape(-1, 2), line, closed).reshape(coarse.shape)
        if closed:
            x, y = coarse.to_pixels(points).T
            rows, columns = polygon(y, x, coarse.shape)
            distance[rows, columns] *= -1
        return Shadow(window, resample(distance.astype(np.float32), coarse, fine))

    def _window(
        self, points: Points, reach_mm: float
    ) -> tuple[tuple[slice, slice], tuple[float, float], tuple[int, int]]:
        low = np.floor(self.grid.to_pixels(points.min(axis=0) - reach_mm)).astype(int)
        high = np.ceil(self.grid.to_pixels(points.max(axis=0) + reach_mm)).astype(int) + 1
        rows, columns = self.grid.shape
        x0, x1 = (int(np.clip(v, 0, columns)) for v in (low[0], high[0]))
        y0, y1 = (int(np.clip(v, 0, rows)) for v in (low[1], high[1]))
        x_mm, y_mm = self.grid.to_mm(np.array([x0, y0], dtype=np.float64))
        return (slice(y0, y1), slice(x0, x1)), (float(x_mm), float(y_mm)), (max(0, y1 - y0), max(0, x1 - x0))

    def add(self, shadow: Shadow, amount: Image) -> None:
        """Add `amount` over the shadow's window."""
        self.image[shadow.window] += amount
