"""Closed surfaces of triangles: refined, measured, and as a signed distance from any point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

Points3 = NDArray[np.float64]
"""(n, 3), in millimetres."""
Faces = NDArray[np.int64]
"""(m, 3) indices of vertices, anticlockwise seen from outside."""

_ROUNDING: Final = 0.5  # how far a refined triangle bulges: on a sphere, so that its edges' middles lie on it too

_BESIDE_MM: Final = 1.0
_TIE_MM: Final = 0.2  # from the surface, where a plane and a triangle may differ on the side


@dataclass(frozen=True)
class Surface:
    """A surface of triangles.

    Attributes:
        vertices: (n, 3).
        faces: (m, 3), anticlockwise seen from outside.
    """

    vertices: Points3
    faces: Faces

    @property
    def corners(self) -> NDArray[np.float64]:
        """(m, 3, 3): every face's three vertices."""
        return np.asarray(self.vertices[self.faces])

    @property
    def volume_mm3(self) -> float:
        """Of what a closed surface encloses, by the divergence theorem."""
        first, second, third = self.corners.transpose(1, 0, 2)
        return float(np.einsum("ij,ij->i", first, np.cross(second, third)).sum() / 6)

    @property
    def area_mm2(self) -> float:
        """Of all triangles."""
        return float(np.linalg.norm(_cross(self.corners), axis=1).sum() / 2)

    def normals(self) -> Points3:
        """(n, 3) unit vectors outwards, the mean of the adjoining faces' by their area."""
        summed = np.zeros_like(self.vertices)
        across = _cross(self.corners)
        for corner in range(3):
            np.add.at(summed, self.faces[:, corner], across)
        return np.asarray(summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12))

    def moved(self, rotation: NDArray[np.float64], shift: NDArray[np.float64]) -> Surface:
        """Every vertex v at rotation @ v + shift."""
        return replace(self, vertices=self.vertices @ np.asarray(rotation).T + shift)

    def mirrored(self) -> Surface:
        """Its mirror image in x = 0, its faces again anticlockwise from outside."""
        return Surface(self.vertices * [-1.0, 1.0, 1.0], np.ascontiguousarray(self.faces[:, ::-1]))

    def refined(self) -> tuple[Surface, NDArray[np.int64]]:
        """Every triangle in four, the new vertices on a rounded surface.

        By Phong tessellation (Boubekeur and Alexa, ACM Trans Graph 2008).

        Returns:
            The surface, whose first n vertices are this one's, and (k, 2) the ends of the edge that each new vertex
            halves.
        """
        edges = np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        halved, which = np.unique(edges, axis=0, return_inverse=True)
        middle = self.vertices[halved].mean(axis=1)
        normals = self.normals()
        lift = np.zeros_like(middle)
        for end in range(2):
            normal = normals[halved[:, end]]
            off = ((middle - self.vertices[halved[:, end]]) * normal).sum(axis=1, keepdims=True)
            lift -= off * normal / 2
        new = which.reshape(-1, 3) + len(self.vertices)
        (a, b, c), (ab, bc, ca) = self.faces.T, new.T
        faces = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]], axis=2)
        vertices = np.concatenate([self.vertices, middle + _ROUNDING * lift])
        return Surface(vertices, np.ascontiguousarray(faces.transpose(2, 1, 0).reshape(-1, 3))), halved


def _cross(corners: NDArray[np.float64]) -> Points3:
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


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


def voxels_within(surface: Surface, axes: Sequence[NDArray[np.float64]]) -> NDArray[np.bool_]:
    """(x, y, z) which points of a grid lie within a closed surface, by its winding number along z.

    Args:
        surface: Closed; it may reach beyond the grid.
        axes: Evenly rising coordinates along the grid's three axes, in mm.
    """
    x, y, z = axes
    # Off the grid by next to nothing, so that no line meets an edge or a vertex.
    corners = surface.corners + np.array([1.2345e-7, 2.3456e-7, 0.0])
    steps = [axis[1] - axis[0] if len(axis) > 1 else 1.0 for axis in axes]
    flat = (corners[:, :, :2] - [x[0], y[0]]) / steps[:2]
    face, column, shares, facing = crossings(flat, (len(x), len(y)))
    height = (shares * corners[face, :, 2]).sum(axis=1)
    above = np.clip(np.ceil((height - z[0]) / steps[2]).astype(int), 0, len(z))
    winding = np.zeros((len(x), len(y), len(z) + 1), dtype=np.int32)
    # A face that looks up is where a line leaves.
    np.add.at(winding, (column[:, 0], column[:, 1], above), -facing)
    return np.asarray(winding.cumsum(axis=2)[:, :, :-1] > 0)


def crossings(
    flat: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]]:
    """Which points of a grid lie in which triangles of a plane.

    Args:
        flat: (m, 3, 2) corners, in steps of the grid; none may lie on a line through its points.
        shape: Of the grid.

    Returns:
        For every point in a triangle: the triangle, (k, 2) the point, (k, 3) the corners' barycentric shares, and 1 for
        triangles that run anticlockwise, -1 for others.
    """
    first = np.clip(np.ceil(flat.min(axis=1)).astype(np.int64), 0, None)
    last = np.minimum(np.floor(flat.max(axis=1)).astype(np.int64), np.array(shape) - 1)
    wide, high = (last - first + 1).clip(min=0).T
    a, b, c = flat.transpose(1, 0, 2)
    doubled = _turn(a, b, c)
    some = np.nonzero((wide > 0) & (high > 0) & (doubled != 0))[0]
    lines = np.repeat(some, wide[some])
    x = first[lines, 0] + _counted(wide[some])
    which = np.repeat(np.arange(len(lines)), high[lines])
    face = lines[which]
    y = first[face, 1] + _counted(high[lines])
    # Shares rise evenly over the plane.
    whole = np.where(doubled == 0, 1, doubled)[:, None]
    ends = [(one - other) / whole for one, other in ((c, b), (a, c))]
    along = [np.stack([-end[:, 1], end[:, 0]], axis=1) for end in ends]
    starts = [-(slope * corner).sum(axis=1) for slope, corner in zip(along, (b, c), strict=True)]
    # A line of points has one x.
    at_x = [start[lines] + slope[lines, 0] * x for start, slope in zip(starts, along, strict=True)]
    one, two = (value[which] + slope[face, 1] * y for value, slope in zip(at_x, along, strict=True))
    hit = np.nonzero((one >= 0) & (two >= 0) & (one + two <= 1))[0]
    one, two, face = one[hit], two[hit], face[hit]
    points = np.stack([x[which[hit]], y[hit]], axis=1)
    return face, points, np.stack([one, two, 1 - one - two], axis=1), np.sign(doubled[face]).astype(np.int32)


def _counted(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 and so on up to each length, one after the other."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)


def _turn(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the signed area of triangles in the plane."""
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


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


def fit_sphere(points: Points3) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius of the sphere through (n, 3) points, n >= 4, by linear least squares."""
    design = np.column_stack([2 * points, np.ones(len(points))])
    solved: NDArray[Any] = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))
