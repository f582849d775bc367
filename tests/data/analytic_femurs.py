"""A scan of two femurs that geometry knows, on any grid: a closed tube for each shaft, a hollow ball for each head.

Places are in millimetres as DICOM counts them: to the patient's left, backwards, towards the head. The cortex has 600
HU more than the muscle around it, and what it encloses 600 HU more again: a voxel's grey value tells each one's share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.landmarks import Side

Floats = NDArray[np.float64]

STEP_HU: Final = 600
ENCLOSED_HU: Final = 2 * STEP_HU
AIR_HU: Final = -1024
_FAT_HU: Final = -100
_BODY_MM: Final = (118.0, 74.0)  # half its width and depth
_MUSCLE_MM: Final = (108.0, 64.0)
_FIELD_MM: Final = np.array([244.0, 154.0, 110.0])
_MIDDLE_MM: Final = np.array([2.3, 1.1, 53.0])
_PARTS: Final = 3  # of a voxel that a surface crosses, along every axis; odd, so that no share is just a half


@dataclass(frozen=True)
class Solid:
    """A tube or a ball, and the hollow in it.

    Attributes:
        centre: Of both.
        outer_mm: Radius.
        inner_mm: Radius of the hollow.
        axis: Of a tube, a unit vector; None of a ball.
        length_mm: Of a tube; its hollow ends by the wall's thickness before.
    """

    centre: tuple[float, float, float]
    outer_mm: float
    inner_mm: float
    axis: tuple[float, float, float] | None = None
    length_mm: float = 0.0

    def volume_cm3(self, hollow: bool) -> float:
        radius, length = self._sizes(hollow)
        volume = 4 / 3 * np.pi * radius**3 if self.axis is None else np.pi * radius**2 * length
        return float(volume) / 1000

    def along_and_off(self, points: Floats) -> tuple[Floats, Floats]:
        """Heights of points (..., 3) above a tube's middle, and their distances from its axis."""
        away = points - self.centre
        along = away @ np.array(self.axis)
        return along, np.sqrt(np.maximum((away**2).sum(axis=-1) - along**2, 0))

    def depth_mm(self, points: Floats, hollow: bool) -> Floats:
        """How deep points (..., 3) lie in the solid or its hollow; below 0 beyond it."""
        radius, length = self._sizes(hollow)
        if self.axis is None:
            return np.asarray(radius - np.linalg.norm(points - self.centre, axis=-1))
        along, off = self.along_and_off(points)
        return np.minimum(radius - off, length / 2 - np.abs(along))

    def _sizes(self, hollow: bool) -> tuple[float, float]:
        wall = self.outer_mm - self.inner_mm
        return (self.inner_mm, self.length_mm - 2 * wall) if hollow else (self.outer_mm, self.length_mm)


def _tube(foot: tuple[float, float, float], way: Any, length_mm: float, outer_mm: float, inner_mm: float) -> Solid:
    axis = np.array(way) / np.linalg.norm(way)
    middle, direction = (tuple(map(float, vector)) for vector in (foot + axis * length_mm / 2, axis))
    return Solid(middle, outer_mm, inner_mm, direction, length_mm)  # type: ignore[arg-type]


# Different on both sides, the heads medial and in front of the shafts, by other lengths left and right.
FEMURS: Final[dict[Side, dict[str, Solid]]] = {
    "right": {
        "shaft": _tube((-84.0, 9.0, 9.0), (0.08, -0.03, 1), 46.0, 12.4, 8.1),
        "head": Solid((-58.5, 3.0, 78.0), 19.5, 16.1),
    },
    "left": {
        "shaft": _tube((81.0, 4.0, 6.0), (-0.06, 0.05, 1), 50.0, 13.5, 9.0),
        "head": Solid((54.0, -8.0, 80.0), 22.0, 18.5),
    },
}


def grid_of(directions: Floats, spacing_mm: tuple[float, float, float]) -> tuple[tuple[int, ...], Floats]:
    """Shape, and affine from (slice, row, column, 1), of a scan of the whole field.

    Args:
        directions: (3, 3), unit vectors along slices, rows and columns in its columns.
        spacing_mm: Between slices, rows and columns.
    """
    shape = tuple(int(count) for count in np.ceil(np.abs(np.rint(directions)).T @ _FIELD_MM / spacing_mm))
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = _MIDDLE_MM - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return shape, affine


def places_of(indices: NDArray[Any], affine: Floats) -> Floats:
    """(..., 3) indices as millimetres."""
    return np.asarray(indices @ affine[:3, :3].T + affine[:3, 3])


def draw_scan(shape: tuple[int, ...], affine: Floats) -> tuple[NDArray[np.int16], dict[Side, NDArray[np.uint8]]]:
    """Hounsfield units, and the label map of each femur: what covers most of a voxel."""
    values = np.empty(shape, dtype=np.float32)
    rows, columns = np.arange(shape[1])[:, None], np.arange(shape[2])
    for index in range(shape[0]):
        x, y = (down * index + along * rows + across * columns + at for down, along, across, at in affine[:2])
        body, muscle = ((x / wide) ** 2 + (y / deep) ** 2 < 1 for wide, deep in (_BODY_MM, _MUSCLE_MM))
        values[index] = np.where(muscle, 0, np.where(body, _FAT_HU, AIR_HU))
    labels = {}
    for side, solids in FEMURS.items():
        outer, inner = (np.zeros(shape, dtype=np.float32) for _ in range(2))
        for solid in solids.values():
            _add_shares(outer, solid, affine, hollow=False)
            _add_shares(inner, solid, affine, hollow=True)
        values += STEP_HU * (outer + inner)
        labels[side] = ((outer >= 0.5).astype(np.uint8) + (inner >= 0.5)).astype(np.uint8)
    return np.rint(values).astype(np.int16), labels


def _add_shares(shares: NDArray[np.float32], solid: Solid, affine: Floats, hollow: bool) -> None:
    """Add the share of every voxel that lies in a solid: those near its surface are looked at in parts."""
    reach = np.hypot(solid.outer_mm, solid.length_mm / 2) + 2
    middle = np.linalg.solve(affine[:3, :3], np.array(solid.centre) - affine[:3, 3])
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    low = np.maximum(np.floor(middle - reach / spacing), 0).astype(int)
    high = np.minimum(np.ceil(middle + reach / spacing), np.array(shares.shape) - 1).astype(int)
    part = tuple(slice(first, last + 1) for first, last in zip(low, high, strict=True))
    places = places_of(np.stack(np.indices(shares[part].shape), axis=-1) + low.astype(float), affine)
    depth = solid.depth_mm(places, hollow)
    found = (depth > 0).astype(np.float32)
    crossed = np.abs(depth) < np.linalg.norm(spacing) / 2
    ends = (np.arange(_PARTS) + 0.5) / _PARTS - 0.5
    parts = np.stack(np.meshgrid(ends, ends, ends), axis=-1).reshape(-1, 3) @ affine[:3, :3].T
    found[crossed] = (solid.depth_mm(places[crossed][:, None] + parts, hollow) > 0).mean(axis=1)
    shares[part] += found
