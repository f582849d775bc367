"""Where the head, the neck and the shaft of a femur lie, from its mask alone.

Every step is built on distances and sections, so that a femur that is turned, mirrored or sampled otherwise gives the
same places. docs/ct.md has a figure of them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from skimage.measure import label

from hipseg.errors import HipsegError
from hipseg.geometry.arrays import part_with
from hipseg.geometry.surface import fit_sphere
from hipseg.metrics.surface import Surface, surface_of

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_HEAD_MM: Final = (14.0, 34.0)  # radii that a head may have
_ON_SPHERE_MM: Final = (3.0, 1.5)  # at first, and in the end: surface so near the sphere is the head's
_FITS: Final = 12
_HEAD_SHARE: Final = 0.35  # of the sphere's area that must be bone's surface
_FREE: Final = 0.3  # cosine of the angle from the neck's axis, beyond which the head is free of the neck
_SHAFT: Final = (3.7, 5.6)  # radii of the head below its centre, where the shaft's axis is taken
_FAR: Final = 2.6  # radii from the head's centre, beyond which all is shaft but for a trochanter's tip
_WHOLE: Final = 0.75  # of the usual section, below which one is cut
_LEVELS: Final = 4
_SHAFT_LEAST: Final = 0.8  # of these radii that must be there
_NECK: Final = (0.6, 2.2)  # radii of the head from its centre, between which the neck is narrowest
_DROP: Final = 0.75  # of the head's offset: how far below the head's level neck and shaft meet, to begin with
_TURNS: Final = 6
_WIDEST: Final = 2.6  # radii of the head from its centre, up to where the neck has widened
_LEAST_IN: Final = 9  # sections of the last look, among which the narrowest is
_OVERFLOW: Final = 5.0  # of the narrowest section: a larger one says no more
_SECTION_MM: Final = (42.0, 1.2)  # half the side of a section, and its pixels


class NoFemur(HipsegError):
    """A mask is not that of a whole proximal femur; `status` says what is missing in one word."""

    def __init__(self, status: str) -> None:
        super().__init__(f"the mask is none of a whole proximal femur: {status}")
        self.status = status


class FemurGeometry(NamedTuple):
    """Places in mm along the mask's axes, from its first voxel's centre.

    Attributes:
        head_mm: (3,) centre of the head's sphere.
        radius_mm: Of the head.
        roughness_mm: Root mean square distance of the surface from the sphere, where no neck is in the way.
        neck_axis: (3,) unit vector from the head's centre through the middle of the neck's narrowest section.
        narrowest_mm: Of the neck, from the head's centre along its axis.
        narrowest_mm2: Area of that section.
        beyond: (n, 2) sections from there on: mm along the axis, area in square mm.
        shaft_mm: (3,) point on the shaft's axis nearest to the neck's.
        shaft_axis: (3,) unit vector away from the head.
    """

    head_mm: Floats
    radius_mm: float
    roughness_mm: float
    neck_axis: Floats
    narrowest_mm: float
    narrowest_mm2: float
    beyond: Floats
    shaft_mm: Floats
    shaft_axis: Floats


def find_geometry(bone: Mask, spacing_mm: tuple[float, ...]) -> FemurGeometry:
    """Head, neck and shaft of one femur.

    Args:
        bone: (slices, rows, columns), all that the periosteal surface encloses.
        spacing_mm: Of these axes.

    Raises:
        NoFemur: `no_head`, `shaft_short` or `no_neck`.
    """
    if not bone.any():
        raise NoFemur("no_head")
    there, spacing = part_with(bone, 2), np.asarray(spacing_mm, dtype=np.float64)
    part = bone[there]
    surface = surface_of(part, tuple(spacing), smooth=1.0)
    head, radius = _find_head(part, spacing, surface)
    shaft, down = _find_shaft(part, spacing, head, radius)
    sections = _Sections(part, spacing)
    axis, narrowest, area, beyond = _find_neck(sections, head, radius, shaft, down)
    origin = np.array([axis.start for axis in there]) * spacing
    meeting = _nearest_on_first(shaft, down, head, axis)
    roughness = _roughness_mm(surface, head, radius, axis)
    return FemurGeometry(head + origin, radius, roughness, axis, narrowest, area, beyond, meeting + origin, down)


def _find_head(bone: Mask, spacing: Floats, surface: Surface) -> tuple[Floats, float]:
    """The sphere that fits the surface about the largest ball within the bone."""
    depth = distance_transform_edt(np.pad(bone, 1), spacing)[1:-1, 1:-1, 1:-1]
    deepest = np.array(np.unravel_index(int(depth.argmax()), depth.shape))
    centre, radius = deepest * spacing, float(depth.max())
    points, area = surface.middles, surface.size
    near = np.zeros(len(points), dtype=bool)
    for turn in range(_FITS):
        tolerance = _ON_SPHERE_MM[0] if turn < _FITS // 2 else _ON_SPHERE_MM[1]
        near = np.abs(np.linalg.norm(points - centre, axis=1) - radius) < tolerance
        if near.sum() < 50:
            raise NoFemur("no_head")
        centre, radius = fit_sphere(points[near])
    covered = float(area[near].sum()) / (4 * np.pi * radius**2)
    if not _HEAD_MM[0] <= radius <= _HEAD_MM[1] or covered < _HEAD_SHARE:
        raise NoFemur("no_head")
    return centre, radius


def _roughness_mm(surface: Surface, head: Floats, radius: float, neck_axis: Floats) -> float:
    """How far the surface lies from the sphere on the side away from the neck."""
    away = surface.middles - head
    distance = np.linalg.norm(away, axis=1)
    free = (away @ neck_axis < _FREE * distance) & (distance < 1.5 * radius)
    return float(np.sqrt(np.average((distance[free] - radius) ** 2, weights=surface.size[free])))


def _find_shaft(bone: Mask, spacing: Floats, head: Floats, radius: float) -> tuple[Floats, Floats]:
    """A point on the shaft's axis and its direction, away from the head."""
    points = np.argwhere(bone[::2, ::2, ::2]) * 2 * spacing
    away = np.linalg.norm(points - head, axis=1) / radius
    far = points[(away > _FAR) & (away < _SHAFT[1])]
    if (away > _SHAFT[0]).sum() < 100:
        raise NoFemur("shaft_short")
    middle, axis = far.mean(axis=0), np.linalg.svd(far - far.mean(axis=0), full_matrices=False)[2][0]
    for _ in range(_TURNS):
        axis = axis if (middle - head) @ axis > 0 else -axis
        along = (points - head) @ axis / radius
        chosen = (along > _SHAFT[0]) & (along < _SHAFT[1])
        beside = points - middle - ((points - middle) @ axis)[:, None] * axis
        chosen &= np.linalg.norm(beside, axis=1) < 1.5 * radius
        if not chosen.any() or np.ptp(along[chosen]) < _SHAFT_LEAST:
            raise NoFemur("shaft_short")
        levels = np.floor(along[chosen] * radius / 3.0).astype(int)
        kept = points[chosen]
        numbers, counts = np.unique(levels, return_counts=True)
        # Where a scan ends askew a level is cut, and its middle beside the axis.
        whole = numbers[counts > _WHOLE * np.median(counts)]
        centres = np.array([kept[levels == level].mean(axis=0) for level in whole])
        if len(centres) < _LEVELS:
            raise NoFemur("shaft_short")
        middle = centres.mean(axis=0)
        axis = np.linalg.svd(centres - middle, full_matrices=False)[2][0]
    return middle, axis if (middle - head) @ axis > 0 else -axis


def _find_neck(
    sections: _Sections, head: Floats, radius: float, shaft: Floats, down: Floats
) -> tuple[Floats, float, float, Floats]:
    """The neck's axis, where along it the neck is narrowest and how large it is there, and the sections beyond."""
    nearest = shaft + ((head - shaft) @ down) * down
    axis = nearest + _DROP * np.linalg.norm(nearest - head) * down - head
    steps = np.arange(_NECK[0] * radius, _NECK[1] * radius, 2.0)
    for _ in range(_TURNS):
        axis = axis / np.linalg.norm(axis)
        found = [sections.at(head + step * axis, axis) for step in steps]
        areas = np.array([section.area_mm2 for section in found])
        best = int(areas.argmin())
        if not np.isfinite(areas[best]) or best in (0, len(steps) - 1):
            raise NoFemur("no_neck")
        axis = found[best].centre_mm - head
    axis = axis / np.linalg.norm(axis)
    steps = np.arange(steps[best] - 3.0, _WIDEST * radius, 0.75)
    profile = np.array([sections.at(head + step * axis, axis).area_mm2 for step in steps])
    if not np.isfinite(profile[:_LEAST_IN]).all():
        raise NoFemur("no_neck")
    smooth = gaussian_filter(np.minimum(profile, _OVERFLOW * profile[:_LEAST_IN].min()), 1.0)
    least = int(smooth[:_LEAST_IN].argmin())
    return axis, float(steps[least]), float(smooth[least]), np.stack([steps[least:], smooth[least:]], axis=1)


class _Section(NamedTuple):
    area_mm2: float
    centre_mm: Floats


class _Sections:
    """Plane sections of a mask."""

    def __init__(self, bone: Mask, spacing: Floats) -> None:
        self._bone, self._spacing = gaussian_filter(bone.astype(np.float32), 0.7), spacing
        half, step = _SECTION_MM
        line = np.arange(-half, half + step / 2, step)
        self._down, self._across = np.meshgrid(line, line, indexing="ij")

    def at(self, point: Floats, normal: Floats) -> _Section:
        """The part of the section through a point that holds it or lies next to it; infinite if it goes on beyond."""
        first = np.cross(normal, np.eye(3)[int(np.abs(normal).argmin())])
        first = first / np.linalg.norm(first)
        second = np.cross(normal, first)
        places = point + self._down[..., None] * first + self._across[..., None] * second
        where: Any = np.moveaxis(places / self._spacing, -1, 0)
        seen = map_coordinates(self._bone, where, order=1, cval=0.0)
        parts, count = label(seen > 0.5, connectivity=1, return_num=True)
        if count == 0:
            return _Section(float("inf"), point)
        middle = np.hypot(self._down, self._across)
        number = parts[np.unravel_index(int(np.where(parts > 0, middle, np.inf).argmin()), parts.shape)]
        chosen = parts == number
        edges = (chosen[0], chosen[-1], chosen[:, 0], chosen[:, -1])
        if any(edge.any() for edge in edges):
            return _Section(float("inf"), point)
        return _Section(float(chosen.sum()) * _SECTION_MM[1] ** 2, places[chosen].mean(axis=0))


def _nearest_on_first(point: Floats, along: Floats, other: Floats, other_along: Floats) -> Floats:
    """The point of a line that lies nearest to another line."""
    across = np.cross(along, other_along)
    size = float(across @ across)
    if size < 1e-6:
        return point
    step = float(np.cross(other - point, other_along) @ across) / size
    return np.asarray(point + step * along)
