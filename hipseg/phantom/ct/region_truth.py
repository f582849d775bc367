"""Where the regions of a phantom's femur end, in the patient's millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hipseg.geometry.volume import VolumeGrid
from hipseg.measure.femur_geometry import Floats, NoFemur
from hipseg.measure.femur_regions import find_planes

_POINTS = ("region_head", "region_head_end", "region_neck_end", "region_trochanter_end", "region_intertrochanter_end")
_AXES = ("region_neck_axis", "region_shaft_axis")


def region_truth(labels: NDArray[np.uint8], grid: VolumeGrid) -> dict[str, Any]:
    """Head and planes of one femur by the rules of the regions, from its true label map.

    Args:
        labels: (slices, rows, columns): 0 outside the femur.
        grid: Where its voxels lie.

    Returns:
        `regions`: `ok` or what is missing; `region_head_radius_mm`; x, y and z of the head's centre and of a point on
        each plane, and of both unit normals: the neck's axis away from the head across the planes that end head and
        neck, the shaft's downwards across those that end trochanter and intertrochanteric region. NaN if not `ok`.
    """
    spacing = np.array(grid.spacing_mm)
    directions = grid.affine[:3, :3] / spacing
    try:
        planes = find_planes(labels > 0, grid.spacing_mm)
    except NoFemur as error:
        nowhere = np.full(3, np.nan)
        places = {f"{name}_mm": nowhere for name in _POINTS} | dict.fromkeys(_AXES, nowhere)
        return {"regions": error.status, "region_head_radius_mm": float("nan"), **_columns(places)}
    found = planes.geometry
    points = (
        found.head_mm,
        found.head_mm + planes.head_end_mm * found.neck_axis,
        found.head_mm + planes.neck_end_mm * found.neck_axis,
        found.shaft_mm,
        found.shaft_mm + planes.end_mm * found.shaft_axis,
    )
    places = {f"{name}_mm": grid.to_mm(point / spacing) for name, point in zip(_POINTS, points, strict=True)}
    normals = (found.neck_axis, found.shaft_axis)
    places |= {name: directions @ normal for name, normal in zip(_AXES, normals, strict=True)}
    return {"regions": "ok", "region_head_radius_mm": found.radius_mm, **_columns(places)}


def _columns(places: dict[str, Floats]) -> dict[str, float]:
    """`head_mm` as `head_x_mm` and so on; what has no unit as `axis_x`."""
    columns: dict[str, float] = {}
    for name, place in places.items():
        stem, unit = (name.removesuffix("_mm"), "_mm") if name.endswith("_mm") else (name, "")
        columns |= {f"{stem}_{axis}{unit}": float(value) for axis, value in zip("xyz", place, strict=True)}
    return columns
