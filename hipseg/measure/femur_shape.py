"""Whether an outline has the shape of a femur: a few numbers of it, and the limits that they must keep."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, zoom
from scipy.ndimage import label as parts_of

from hipseg.geometry.arrays import part_with
from hipseg.measure.femur_regions import RegionPlanes

Mask = NDArray[np.bool_]

# Wider than true femurs of experiments/femur_status are: its README says what they are, and what each limit finds.
LIMITS: Final[dict[str, tuple[float, float]]] = {
    "roughness_mm": (0.0, 1.1),
    "neck_to_head": (0.58, 0.74),
    "neck_shaft_deg": (106.0, 142.0),
    "neck_length": (0.4, 1.1),
    "pieces_cm3": (0.0, 0.5),
    "hollows_cm3": (0.0, 6.5),
}
_GRID_MM: Final = 2.0  # on which hollows are sought
_BALL_MM: Final = 16.0  # that rolls over the outside; what it can't reach is hollow


class FemurShape(NamedTuple):
    """Numbers of a femur's outline.

    Attributes:
        roughness_mm: Root mean square distance of the head's surface from its sphere.
        neck_to_head: Radius of a circle as large as the neck's narrowest section, in radii of the head.
        neck_shaft_deg: Angle between the axes of neck and shaft.
        neck_length: From where the head ends to where the neck does, in radii of the head.
        pieces_cm3: What hangs together with no more than itself, beside the largest piece.
        hollows_cm3: What a ball of 16 mm radius rolled over the outside of the largest piece cannot reach.
    """

    roughness_mm: float
    neck_to_head: float
    neck_shaft_deg: float
    neck_length: float
    pieces_cm3: float
    hollows_cm3: float


def femur_shape(bone: Mask, planes: RegionPlanes, spacing_mm: tuple[float, ...]) -> FemurShape:
    """Numbers of one femur's outline.

    Args:
        bone: (slices, rows, columns), all that the periosteal surface encloses.
        planes: Of this femur, as `find_planes` gives them.
        spacing_mm: Of the axes.
    """
    found = planes.geometry
    between = float(np.degrees(np.arccos(np.clip(found.neck_axis @ found.shaft_axis, -1, 1))))
    return FemurShape(
        found.roughness_mm,
        float(np.sqrt(found.narrowest_mm2 / np.pi)) / found.radius_mm,
        180.0 - between,
        (planes.neck_end_mm - planes.head_end_mm) / found.radius_mm,
        *_pieces_and_hollows_cm3(bone, spacing_mm),
    )


def faults_of(shape: FemurShape) -> tuple[str, ...]:
    """Names of the numbers that lie beyond `LIMITS`; none of a plausible femur."""
    values = shape._asdict()
    return tuple(name for name, (least, most) in LIMITS.items() if not least <= values[name] <= most)


def _pieces_and_hollows_cm3(bone: Mask, spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    parts, _ = parts_of(bone)
    sizes = np.bincount(parts.ravel())[1:]
    largest = parts == 1 + int(sizes.argmax())
    pieces = float(sizes.sum() - sizes.max()) * float(np.prod(spacing_mm)) / 1000
    seen: Any = largest[part_with(largest)].astype(np.float32)
    coarse = zoom(seen, np.array(spacing_mm) / _GRID_MM, order=1) > 0.5
    solid = np.pad(coarse, int(2 * _BALL_MM / _GRID_MM))
    reached = distance_transform_edt(~solid, sampling=_GRID_MM) >= _BALL_MM
    closed = distance_transform_edt(~reached, sampling=_GRID_MM) > _BALL_MM
    hollow = binary_fill_holes(closed) & ~solid
    return pieces, float(hollow.sum()) * _GRID_MM**3 / 1000
