"""The head, neck, trochanter and intertrochanteric region of a femur, by planes: the hipseg regions.

The regions of the programs that QCT studies use are not published; these claim no equivalence to any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from hipseg.geometry.arrays import largest_of, part_with
from hipseg.labels.femur import CORTEX, VOLUMES
from hipseg.measure.femur_geometry import FemurGeometry, Floats, NoFemur, find_geometry

REGION_NAMES: Final = ("background", "head", "neck", "trochanter", "intertrochanter", "shaft")
HEAD, NECK, TROCHANTER, INTERTROCHANTER, SHAFT = range(1, 6)
_COMBINATION: Final = (NECK, TROCHANTER, INTERTROCHANTER)
REGION_VOLUMES: Final[Mapping[str, tuple[tuple[int, ...], bool]]] = {
    "head": ((HEAD,), False), "neck": ((NECK,), False), "combination": (_COMBINATION, False),
    "neck_cortex": ((NECK,), True), "combination_cortex": (_COMBINATION, True),
}  # fmt: skip
"""Which regions each reported volume is of, and whether only of their cortex."""
VOLUME_NAMES: Final = (*VOLUMES, *REGION_VOLUMES)

_WIDENED: Final = 1.4  # of its narrowest section: where the neck ends
_BELOW: Final = 2.0  # radii of the head, from where the axes of neck and shaft meet to the end of the regions


class RegionPlanes(NamedTuple):
    """Where regions end, in mm.

    Attributes:
        geometry: Head, neck and shaft.
        head_end_mm: From the head's centre along the neck's axis, to where a cylinder as wide as the neck meets the
            sphere.
        neck_end_mm: Likewise, to where the neck's section has grown by 40 % beyond its narrowest.
        end_mm: Below the meeting of both axes along the shaft's, where the intertrochanteric region ends.
    """

    geometry: FemurGeometry
    head_end_mm: float
    neck_end_mm: float
    end_mm: float


def find_planes(bone: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> RegionPlanes:
    """The planes of one femur; see `find_geometry`.

    Raises:
        NoFemur: Also `no_neck` where it never widens.
    """
    found = find_geometry(bone, spacing_mm)
    inner = found.radius_mm**2 - found.narrowest_mm2 / np.pi
    wide = found.beyond[:, 1] >= _WIDENED * found.narrowest_mm2
    if inner <= 0 or not wide.any() or wide[0]:
        raise NoFemur("no_neck")
    after = int(wide.argmax())
    (near, less), (far, more) = found.beyond[after - 1], found.beyond[after]
    neck = near + (far - near) * (_WIDENED * found.narrowest_mm2 - less) / (more - less)
    return RegionPlanes(found, float(np.sqrt(inner)), float(neck), _BELOW * found.radius_mm)


def region_map(bone: NDArray[np.bool_], planes: RegionPlanes, spacing_mm: tuple[float, ...]) -> NDArray[np.uint8]:
    """(slices, rows, columns) uint8: of every voxel of the bone its region, as `REGION_NAMES` counts them.

    Args:
        bone: All that the periosteal surface encloses.
        planes: Of this femur.
        spacing_mm: Of the axes.
    """
    regions = np.zeros(bone.shape, dtype=np.uint8)
    if not bone.any():
        return regions
    there = part_with(bone)
    geometry, inside, spacing = planes.geometry, bone[there], np.asarray(spacing_mm)
    first = np.array([part.start for part in there])
    places = [(np.arange(n) + start) * mm for n, start, mm in zip(inside.shape, first, spacing_mm, strict=True)]
    along_neck = _along(places, geometry.head_mm, geometry.neck_axis)
    down = _along(places, geometry.shaft_mm, geometry.shaft_axis)
    named = np.where(down < 0, TROCHANTER, np.where(down < planes.end_mm, INTERTROCHANTER, SHAFT)).astype(np.uint8)
    slab = inside & (along_neck >= planes.head_end_mm) & (along_neck < planes.neck_end_mm)
    middle = geometry.head_mm + geometry.narrowest_mm * geometry.neck_axis
    named[_part_at(slab, np.rint(middle / spacing).astype(int) - first)] = NECK
    named[along_neck < planes.head_end_mm] = HEAD
    regions[there] = np.where(inside, named, 0)
    return regions


def region_volumes_cm3(
    labels: NDArray[np.uint8], regions: NDArray[np.uint8], spacing_mm: tuple[float, ...]
) -> dict[str, float]:
    """Volumes in cm3 by the names of `REGION_VOLUMES`.

    Args:
        labels: 1 cortex, 2 what it encloses.
        regions: Of the same femur.
        spacing_mm: Of the axes.
    """
    counts = np.bincount(regions[regions > 0], minlength=len(REGION_NAMES))
    cortex = np.bincount(regions[(regions > 0) & (labels == CORTEX)], minlength=len(REGION_NAMES))
    voxel_cm3 = float(np.prod(spacing_mm)) / 1000
    return {
        name: float((cortex if only_cortex else counts)[list(parts)].sum()) * voxel_cm3
        for name, (parts, only_cortex) in REGION_VOLUMES.items()
    }


class FemurMeasurement(NamedTuple):
    """What is measured of one femur.

    Attributes:
        volumes_cm3: By `VOLUME_NAMES`; those of regions are NaN where these are not found.
        regions: As `region_map` gives them; all 0 where they are not found.
        status: `ok`, or what is missing to find them.
        planes: Between regions; None where they are not found.
    """

    volumes_cm3: dict[str, float]
    regions: NDArray[np.uint8]
    status: str
    planes: RegionPlanes | None


def measure_femur(labels: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> FemurMeasurement:
    """Volumes of one femur, whole and by region.

    Args:
        labels: (slices, rows, columns): 1 cortex, 2 what it encloses.
        spacing_mm: Of the axes.
    """
    counts, voxel_cm3 = np.bincount(labels.ravel(), minlength=3), float(np.prod(spacing_mm)) / 1000
    whole = {name: float(counts[list(parts)].sum()) * voxel_cm3 for name, parts in VOLUMES.items()}
    bone = labels > 0
    try:
        planes = find_planes(bone, spacing_mm)
    except NoFemur as error:
        none = dict.fromkeys(REGION_VOLUMES, float("nan"))
        return FemurMeasurement(whole | none, np.zeros_like(labels), error.status, None)
    regions = region_map(bone, planes, spacing_mm)
    return FemurMeasurement(whole | region_volumes_cm3(labels, regions, spacing_mm), regions, "ok", planes)


def _along(places: list[Floats], start: Floats, axis: Floats) -> Floats:
    """(slices, rows, columns) mm of every voxel from a point along a direction."""
    down, rows, columns = ((where - at) * part for where, at, part in zip(places, start, axis, strict=True))
    return np.asarray(down[:, None, None] + rows[None, :, None] + columns[None, None, :])


def _part_at(mask: NDArray[np.bool_], place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The connected part of a mask that holds a place, or the largest if none does."""
    parts = label(mask, connectivity=1)
    inside = all(0 <= at < length for at, length in zip(place, mask.shape, strict=True))
    number = int(parts[tuple(place)]) if inside else 0
    if not number and parts.max() > 0:
        number = largest_of(parts)
    return np.asarray(mask & (parts == number) & (parts > 0))
