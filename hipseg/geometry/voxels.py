"""Which points of a grid lie within a surface of triangles, or within triangles of a plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface


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
