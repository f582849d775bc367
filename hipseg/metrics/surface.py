"""The surface of a mask to a fraction of a pixel, and how far another one lies from it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from hipseg.geometry.arrays import part_with

Floats = NDArray[np.float64]

_HALF: Final = 0.5
_NEAREST: Final = {2: 4, 3: 12}  # pieces by their middles, among which the nearest of all is


class Surface(NamedTuple):
    """Straight pieces half-way between the pixels of a mask and those beside it: lines in the plane, else triangles.

    Attributes:
        corners: (pieces, 2, 2) or (pieces, 3, 3), in mm.
        size: (pieces,) lengths in mm, or areas in square mm.
    """

    corners: Floats
    size: Floats

    @property
    def middles(self) -> Floats:
        """(pieces, axes) in mm."""
        return np.asarray(self.corners.mean(axis=1))


def surface_of(mask: NDArray[np.bool_], spacing_mm: float | tuple[float, ...], smooth: float = 0.0) -> Surface:
    """Where a mask ends, the image's edge included (marching squares or cubes at one half).

    Args:
        mask: (rows, columns) or a volume, not empty.
        spacing_mm: Millimetres per pixel, one for all axes or one each.
        smooth: Standard deviation in pixels of a blur before: the stairs of a mask bring its surface nearer to others'.
            What it would wipe out is left as it is.
    """
    if mask.ndim == 3:
        vertices, faces = triangles_of(mask, spacing_mm, smooth)
        corners = vertices[faces]
    else:
        around, first = _about(mask, smooth)
        lines = [np.asarray(line) for line in contour_generator(z=around).lines(_HALF)]
        pieces = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])[..., ::-1]
        corners = (pieces + first) * np.broadcast_to(spacing_mm, mask.ndim)
    edges = corners[:, 1:] - corners[:, :1]
    size = np.linalg.norm(edges[:, 0], axis=1)
    if mask.ndim == 3:
        size = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    return Surface(corners[size > 0], size[size > 0])


def triangles_of(
    mask: NDArray[np.bool_], spacing_mm: float | tuple[float, ...], smooth: float = 0.0
) -> tuple[Floats, NDArray[np.int64]]:
    """The surface of a volume as vertices (n, 3) in mm and the triangles (m, 3) between them; see `surface_of`."""
    around, first = _about(mask, smooth)
    vertices, faces, *_ = marching_cubes(around, _HALF)
    return (vertices.astype(float) + first) * np.broadcast_to(spacing_mm, 3), faces.astype(np.int64)


def _about(mask: NDArray[np.bool_], smooth: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The blurred part of an image that holds its mask, with a margin, and where that part begins, in pixels."""
    part = part_with(mask)
    margin = 1 + int(np.ceil(4 * smooth))
    around = np.pad(mask[part], margin).astype(np.float32)
    if smooth and (blurred := gaussian_filter(around, smooth)).max() > _HALF:
        around = blurred
    return around, np.array([axis.start - margin for axis in part])


def distances(points: Floats, surface: Surface) -> Floats:
    """How far points (n, axes) in mm lie from a surface, in mm."""
    count = min(_NEAREST[points.shape[1]], len(surface.size))
    near = KDTree(surface.middles).query(points, count)[1].reshape(len(points), count)
    to = _to_line if points.shape[1] == 2 else _to_triangle
    return np.asarray(to(points[:, None], surface.corners[near]).min(axis=1))


def signed_distances(
    points: Floats, mask: NDArray[np.bool_], spacing_mm: float | tuple[float, ...], smooth: float = 0.0
) -> Floats:
    """How far points (n, axes) in mm lie from the surface of a mask, in mm, negative within; see `surface_of`."""
    around, first = _about(mask, smooth)
    places = points / np.broadcast_to(spacing_mm, mask.ndim) - first
    inside = map_coordinates(around, places.T, order=1) > _HALF
    away = distances(points, surface_of(mask, spacing_mm, smooth))
    return np.where(inside, -away, away)


def _to_line(points: Floats, corners: Floats) -> Floats:
    """Distances of points (..., axes) from lines that end at corners (..., 2, axes)."""
    start, along = corners[..., 0, :], corners[..., 1, :] - corners[..., 0, :]
    length = (along**2).sum(axis=-1)
    share = ((points - start) * along).sum(axis=-1) / np.where(length > 0, length, 1)
    return np.asarray(np.linalg.norm(points - start - np.clip(share, 0, 1)[..., None] * along, axis=-1))


def _to_triangle(points: Floats, corners: Floats) -> Floats:
    """Distances of points (..., 3) from triangles (..., 3, 3): from the plane above them, else from their edges."""
    first, second, third = (corners[..., i, :] for i in range(3))
    normal = np.cross(second - first, third - first)
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    ends = [(first, second), (second, third), (third, first)]
    to_edges = np.min([_to_line(points, np.stack(edge, axis=-2)) for edge in ends], axis=0)
    above = np.all([(np.cross(b - a, points - a) * normal).sum(axis=-1) >= 0 for a, b in ends], axis=0)
    return np.asarray(np.where(above, np.abs(((points - first) * normal).sum(axis=-1)), to_edges))
