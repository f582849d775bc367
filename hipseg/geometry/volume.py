"""Where the voxels of a volume lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.surface import Surface


@dataclass(frozen=True, eq=False)
class VolumeGrid:
    """The voxels of a volume, whose axes are slices, rows and columns in that order.

    Attributes:
        shape: Slices, rows and columns.
        affine: (4, 4), from the indices (slice, row, column, 1) of a voxel's centre to millimetres as DICOM counts
            them: x to the patient's left, y backwards, z towards the head.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @classmethod
    def of_axes(cls, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], origin_mm: Any) -> VolumeGrid:
        """Slices towards the head, rows backwards, columns to the left.

        Args:
            shape: Slices, rows and columns.
            spacing_mm: In that order.
            origin_mm: x, y and z of the first voxel's centre.
        """
        affine = np.eye(4)
        affine[:3, :3] = np.fliplr(np.diag(spacing_mm[::-1]))
        affine[:3, 3] = origin_mm
        return cls(shape, affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between slices, rows and columns."""
        down, along, across = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return down, along, across

    @property
    def voxel_mm3(self) -> float:
        """Of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def to_mm(self, indices: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 3) indices as (..., 3) x, y, z."""
        return np.asarray(indices @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_indices(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) x, y, z as (..., 3) indices, which needn't be whole."""
        return np.asarray((points_mm - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T)

    def to_patient(self, surface: Surface) -> Surface:
        """A surface along the array's axes, in mm from the first voxel's centre, in the patient's millimetres."""
        faces = surface.faces if np.linalg.det(self.affine[:3, :3]) > 0 else surface.faces[:, ::-1]
        return Surface(self.to_mm(surface.vertices / self.spacing_mm), np.ascontiguousarray(faces))


@dataclass(frozen=True, eq=False)
class Volume:
    """Values and where they lie.

    Attributes:
        values: (slices, rows, columns).
        grid: Where.
    """

    values: NDArray[Any]
    grid: VolumeGrid


def upright(volume: Volume) -> Volume:
    """The same voxels in the order in which they lie best towards the head, backwards and to the left.

    Axes are swapped and turned round, nothing is resampled; `like` brings another array of that order back.
    """
    order, turned = _way_upright(volume.grid)
    affine = volume.grid.affine.copy()
    for axis in range(3):
        if turned[axis]:
            affine[:3, 3] += affine[:3, axis] * (volume.grid.shape[axis] - 1)
            affine[:3, axis] *= -1
    affine[:, :3] = affine[:, list(order)]
    values = np.flip(volume.values, tuple(axis for axis in range(3) if turned[axis])).transpose(order)
    return Volume(values, VolumeGrid(values.shape, affine))


def like(values: NDArray[Any], grid: VolumeGrid) -> NDArray[Any]:
    """Values of `upright` voxels (slices, rows, columns) in the order of the grid that they came from."""
    order, turned = _way_upright(grid)
    back = values.transpose(np.argsort(order))
    return np.flip(back, tuple(axis for axis in range(3) if turned[axis]))


def _way_upright(grid: VolumeGrid) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Which of the grid's axes come first, second and third, and which of its axes are turned round."""
    directions = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    free, order = [0, 1, 2], list[int]()
    for world in (2, 1, 0):
        best = max(free, key=lambda axis: abs(float(directions[world, axis])))
        free.remove(best)
        order.append(best)
    turned = [False] * 3
    for world, axis in zip((2, 1, 0), order, strict=True):
        turned[axis] = bool(directions[world, axis] < 0)
    return tuple(order), tuple(turned)
