"""Closed surfaces of triangles, measured and refined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Points3 = NDArray[np.float64]
"""(n, 3), in millimetres."""
Faces = NDArray[np.int64]
"""(m, 3) indices of vertices, anticlockwise seen from outside."""

_ROUNDING: Final = 0.5  # how far a refined triangle bulges: on a sphere, so that its edges' middles lie on it too


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

    def vertex_areas(self) -> NDArray[np.float64]:
        """(n,) square mm: a third of every adjoining triangle."""
        shares = np.repeat(np.linalg.norm(_cross(self.corners), axis=1) / 6, 3)
        return np.asarray(np.bincount(self.faces.ravel(), shares, len(self.vertices)), dtype=np.float64)

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


def fit_sphere(points: Points3) -> tuple[NDArray[np.float64], float]:
    """Centre (3,) and radius of the sphere through (n, 3) points, n >= 4, by linear least squares."""
    design = np.column_stack([2 * points, np.ones(len(points))])
    solved: NDArray[Any] = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)[0]
    return solved[:3], float(np.sqrt(solved[3] + solved[:3] @ solved[:3]))
