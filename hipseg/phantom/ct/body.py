"""Where skin, fascia, muscles, vessels and organs lie around the bones: signed distances on a coarse grid.

The grid has half the resolution of a scan, so that edges fall between its voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.ct.bones import Bones, Femur
from hipseg.phantom.ct.muscles import ARTERY, MUSCLES, ORGANS, VEIN, Organ, Tube

Volume = NDArray[np.float32]
Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Rising x, y and z of a grid's voxel centres, in the subject's millimetres."""

COARSE: Final = 2  # voxels of the full grid, along each axis, that make one of the coarse one
_CROTCH_MM: Final = -88.0  # below the heads


@dataclass(frozen=True)
class Build:
    """A body around its bones.

    Attributes:
        fat_mm: Mean thickness below the skin.
        muscle: Size of the muscles, 1 on average.
        infiltration: Share of fat in the muscles.
        plaque: Share of the arteries' wall that is calcified.
        gas: Size of what gas there is in the bowel, 1 on average.
        bladder: Its size, likewise.
    """

    fat_mm: float
    muscle: float
    infiltration: float
    plaque: float
    gas: float
    bladder: float


@dataclass(frozen=True)
class SoftFields:
    """Signed distances in mm, negative within, on the coarse grid.

    Attributes:
        skin: Of the body.
        fascia: Of what lies below the fat under the skin.
        muscle: Of the nearest muscle.
        septum: How much farther the second nearest is.
        artery: Of the nearest artery.
        vein: Of the nearest vein.
        organs: Of each organ, with it.
        weave: A random field of unit variance, some millimetres wide.
        plaque: Where it is below 0, an artery's wall is calcified.
    """

    skin: Volume
    fascia: Volume
    muscle: Volume
    septum: Volume
    artery: Volume
    vein: Volume
    organs: tuple[tuple[Organ, Volume], ...]
    weave: Volume
    plaque: Volume


def coarse(axes: Axes) -> Axes:
    """Every other coordinate of a grid, and beyond its end, so that it can be interpolated."""
    x, y, z = (np.append(axis[::COARSE], axis[::COARSE][-1] + COARSE * (axis[1] - axis[0])) for axis in axes)
    return x, y, z


def soft_fields(rng: np.random.Generator, bones: Bones, build: Build, axes: Axes) -> tuple[SoftFields, float]:
    """The fields on the coarse grid of `axes`, and how far back the body reaches, y in mm."""
    x, y, z = coarse(axes)
    femurs = bones.femurs
    skin = _skin(femurs, build, (x, y, z))
    fascia = skin + _fat(build, x, y).astype(np.float32)[:, :, None]
    shape = skin.shape
    muscle, second = np.full(shape, np.float32(60)), np.full(shape, np.float32(60))
    artery, vein = np.full(shape, np.float32(60)), np.full(shape, np.float32(60))
    for side in SIDES:
        for tube in MUSCLES:
            line, size = _line(tube, femurs[side], side), tube.size_mm * build.muscle
            window, distance = _near_line(line, size + 12, (x, y, z))
            distance = (distance - np.float32(size)) * np.float32(16 / (size + 6))
            first = muscle[window]
            second[window] = np.minimum(np.maximum(first, distance), second[window])
            muscle[window] = np.minimum(first, distance)
        for tube, vessel in ((ARTERY, artery), (VEIN, vein)):
            window, distance = _near_line(_line(tube, femurs[side], side), tube.size_mm + 6, (x, y, z))
            vessel[window] = np.minimum(vessel[window], distance - np.float32(tube.size_mm))
    # The straight muscle of the belly.
    wall = np.maximum(np.abs(fascia + 7) - 5, np.maximum(np.abs(x)[:, None, None] - 60, 25 - z))
    wall = np.where(y[None, :, None] < 0, wall, 60).astype(np.float32)
    second, muscle = np.minimum(np.maximum(muscle, wall), second), np.minimum(muscle, wall)
    organs = []
    for side in SIDES:
        joint = Organ(
            "joint", tuple(femurs[side].head_mm), 3 * (femurs[side].head_radius_mm + bones.joint_space_mm[side],)
        )
        organs.append((joint, _ellipsoid(joint, np.zeros(3), 1.0, (x, y, z))))
    for organ in ORGANS:
        grow = build.gas if organ.tissue == "gas" else build.bladder if organ.tissue == "bladder" else 1.0
        shift = rng.normal(0, 3, 3)
        if grow > 0.2:
            organs.append((organ, _ellipsoid(organ, shift, grow * float(rng.uniform(0.85, 1.15)), (x, y, z))))
    weave = _field(rng, shape, 2.2)
    plaque = _field(rng, shape, 4.0) + np.float32(4 * (0.5 - build.plaque))
    fields = SoftFields(skin, fascia, muscle, second - muscle, artery, vein, tuple(organs), weave, plaque)
    inside = np.nonzero((skin < 0).any(axis=(0, 2)))[0]
    return fields, float(y[inside[-1]]) if inside.size else float(y[-1])


def _line(tube: Tube, femur: Femur, side: Side) -> NDArray[np.float64]:
    """A tube's points in the subject's millimetres."""
    outward = 1.0 if side == "left" else -1.0
    points = [femur.head_mm + np.multiply(offset, (outward, 1, 1)) for offset in tube.pelvis]
    upper, lower = femur.shaft_mm
    for dx, dy, dz in tube.thigh:
        height = femur.head_mm[2] + dz
        axis = upper + (lower - upper) * (height - upper[2]) / (lower[2] - upper[2])
        points.append(axis + np.array([outward * dx, dy, 0]))
    return np.array(points)


def _near_line(
    line: NDArray[np.float64], reach: float, axes: Sequence[NDArray[np.float64]]
) -> tuple[tuple[slice, ...], Volume]:
    """Distance from a line of points, on the part of a grid within a reach of it."""
    low, high = line.min(axis=0) - reach, line.max(axis=0) + reach
    window = tuple(
        slice(int(np.searchsorted(axis, a)), int(np.searchsorted(axis, b)))
        for axis, a, b in zip(axes, low, high, strict=True)
    )
    x, y, z = np.ix_(*(axis[part].astype(np.float32) for axis, part in zip(axes, window, strict=True)))
    nearest = np.full((x.size, y.size, z.size), np.float32(np.inf))
    for start, end in zip(line[:-1].astype(np.float32), line[1:].astype(np.float32), strict=True):
        along = end - start
        at = ((x - start[0]) * along[0] + (y - start[1]) * along[1] + (z - start[2]) * along[2]) / (along @ along)
        at = np.clip(at, 0, 1)
        square = sum((axis - start[i] - at * along[i]) ** 2 for i, axis in enumerate((x, y, z)))
        nearest = np.minimum(nearest, square)
    return window, np.sqrt(nearest)


def _skin(femurs: Mapping[Side, Femur], build: Build, axes: Sequence[NDArray[np.float64]]) -> Volume:
    """The body's signed distance: a trunk that ends between two thighs."""
    x, y, z = np.ix_(*(axis.astype(np.float32) for axis in axes))
    reach = max(abs(float(femur.shaft_mm[0, 0])) for femur in femurs.values())
    wide, deep = reach + 26 + 0.9 * build.fat_mm, 86 + 1.05 * build.fat_mm
    waist = 1 - 0.10 * np.clip((z - 40) / 90, 0, 1) ** 2
    trunk = _oval((x / (wide * waist), (y - 14) / deep), 2.6, deep)
    bottom = (np.float32(_CROTCH_MM + 14) - z).astype(np.float32)
    body = _smooth_max(trunk, bottom, 30.0)
    for side, femur in femurs.items():
        outward = 1.0 if side == "left" else -1.0
        upper, lower = femur.shaft_mm.astype(np.float32)
        share = (z - upper[2]) / (lower[2] - upper[2])
        across, back = upper[0] + share * (lower[0] - upper[0]), upper[1] + share * (lower[1] - upper[1])
        size = 64 + 0.75 * build.fat_mm + 30 * (build.muscle - 1)
        thigh = _oval(((x - across + outward * 16) / (size * 1.02), (y - back - 4) / (size * 1.08)), 2.1, size)
        top = (z - np.float32(30)).astype(np.float32)
        body = _smooth_min(body, _smooth_max(thigh, top, 40.0), 22.0)
    return body


def _oval(scaled: tuple[NDArray[Any], NDArray[Any]], power: float, size: float) -> Volume:
    """About the signed distance from an oval whose half axes are 1 in `scaled` units."""
    radius = (np.abs(scaled[0]) ** power + np.abs(scaled[1]) ** power) ** np.float32(1 / power)
    return ((radius - 1) * np.float32(size)).astype(np.float32)


def _smooth_min(a: Volume, b: Volume, width: float) -> Volume:
    overlap = np.maximum(np.float32(width) - np.abs(a - b), 0) / np.float32(width)
    return np.minimum(a, b) - overlap * overlap * np.float32(width / 4)


def _smooth_max(a: Volume, b: Volume, width: float) -> Volume:
    return -_smooth_min(-a, -b, width)


def _fat(build: Build, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, y) thickness below the skin: more behind and beside, less in front."""
    angle = np.arctan2(y[None, :] - 14, np.abs(x)[:, None])
    return build.fat_mm * (0.95 + 0.35 * np.sin(angle) + 0.15 * np.cos(2 * angle))


def _ellipsoid(organ: Organ, shift: NDArray[np.float64], grow: float, axes: Sequence[NDArray[np.float64]]) -> Volume:
    x, y, z = (
        ((axis - at - moved) / (radius * grow)).astype(np.float32)
        for axis, at, moved, radius in zip(np.ix_(*axes), organ.centre_mm, shift, organ.radii_mm, strict=True)
    )
    return ((np.sqrt(x * x + y * y + z * z) - 1) * np.float32(min(organ.radii_mm) * grow)).astype(np.float32)


def _field(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> Volume:
    """A random field of unit variance, so many voxels wide."""
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), width)
    return np.asarray(noise / noise.std(), dtype=np.float32)
