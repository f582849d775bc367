"""How far points lie from a surface of triangles, and on which side of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from hipseg.geometry.surface import Points3, Surface
from hipseg.geometry.voxels import voxels_within

_BESIDE_MM: Final = 1.0
_TIE_MM: Final = 0.2  # from the surface, where a plane and a triangle may differ on the side


@dataclass(frozen=True)
class NearSurface:
    """A signed distance on part of a grid.

    Attributes:
        window: The part, a slice an axis.
        distance: In mm, negative within; infinite far outside, and minus that deep within.
        nearest: Index of the surface's nearest vertex, -1 where that is not known.
    """

    window: tuple[slice, ...]
    distance: NDArray[np.float32]
    nearest: NDArray[np.int32]


class SignedDistance:
    """How far points lie from a surface, negative within.

    Near the surface it is the distance from the tangent plane at the nearest vertex, so a surface of small triangles is
    needed: an edge of e mm on a curvature of r mm errs by e squared / 8 r.

    Args:
        surface: Closed, with triangles of a millimetre or so.
    """

    def __init__(self, surface: Surface) -> None:
        self.surface, self._normals = surface, surface.normals()
        self._tree = cKDTree(surface.vertices, leafsize=32, balanced_tree=False)

    def __call__(self, points: Points3) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distances (n,) in mm of points (n, 3) that lie near the surface, and the nearest vertices."""
        away, nearest = self._tree.query(points)
        height = ((points - self.surface.vertices[nearest]) * self._normals[nearest]).sum(axis=1)
        # Where the nearest vertex does not lie below the point, its plane tells the side alone.
        beside = np.sqrt(np.maximum(away**2 - height**2, 0))
        return np.where(beside < _BESIDE_MM, height, np.copysign(away, height)), nearest

    def clears(self, points: Points3, distance_mm: float) -> bool:
        """Whether no vertex lies within so many mm of any of (n, 3) points."""
        return not np.isfinite(self._tree.query(points, distance_upper_bound=distance_mm)[0]).any()

    def near(self, axes: Sequence[NDArray[np.float64]], reach_mm: float, depth_mm: float) -> NearSurface:
        """The distance at the points of a grid that lie near the surface.

        Args:
            axes: Evenly rising coordinates along the grid's three axes, in mm.
            reach_mm: Outside.
            depth_mm: Inside.
        """
        low, high = self.surface.vertices.min(axis=0) - reach_mm, self.surface.vertices.max(axis=0) + reach_mm
        window = tuple(
            slice(int(np.searchsorted(axis, least)), int(np.searchsorted(axis, most, side="right")))
            for axis, least, most in zip(axes, low, high, strict=True)
        )
        inner = [axis[part] for axis, part in zip(axes, window, strict=True)]
        shape = tuple(len(axis) for axis in inner)
        distance, nearest = np.full(shape, np.float32(np.inf)), np.full(shape, -1, dtype=np.int32)
        if min(shape) == 0:
            return NearSurface(window, distance, nearest)
        steps = [axis[1] - axis[0] for axis in axes]
        spare = float(np.linalg.norm(steps))
        # The surface that is nearest may lie beyond the grid.
        wider = [
            axis[0] + step * np.arange(-more, len(axis) + more)
            for axis, step, more in ((a, s, int(np.ceil((max(reach_mm, depth_mm) + spare) / s)))
                                     for a, s in zip(inner, steps, strict=True))
        ]  # fmt: skip
        around = voxels_within(self.surface, wider)
        middle = tuple(
            slice((len(wide) - length) // 2, (len(wide) + length) // 2)
            for wide, length in zip(wider, shape, strict=True)
        )
        within = around[middle]
        distance[within] = -np.inf
        deep = distance_transform_edt(around, steps)[middle] if not around.all() else np.full(shape, np.inf)
        far = distance_transform_edt(~around, steps)[middle] if around.any() else np.full(shape, np.inf)
        where = np.nonzero((deep < depth_mm + spare) & (far < reach_mm + spare))
        points = np.stack([axis[at] for axis, at in zip(inner, where, strict=True)], axis=1)
        exact, nearest[where] = self(points)
        sure = np.where(within[where], -np.abs(exact), np.abs(exact))
        distance[where] = np.where(np.abs(exact) < _TIE_MM, exact, sure)
        return NearSurface(window, distance, nearest)
