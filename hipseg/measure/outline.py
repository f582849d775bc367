"""Facts about what a network outlined, by which an implausible hip is told from a sound one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_closing,
    binary_dilation,
    binary_fill_holes,
    distance_transform_edt,
    label,
    maximum_filter,
    minimum_filter,
)

from hipseg.geometry.arrays import largest_of
from hipseg.labels.circle import Circle
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL, JOINT_SPACE_LABEL, ROOF_LABEL

_NEAR: Final = 1.6  # of the head's radius about its centre, where a hole matters
_ARC_DEG: Final = np.arange(-60.0, 61.0)
_BESIDE_MM: Final = 4.5  # of the joint space, where a network's answer decides on widths
_EDGE_MM: Final = 3.2
_AROUND_MM: Final = 50.0
_STEP: Final = 0.02  # of the head's radius, along rays


@dataclass(frozen=True)
class Outline:
    """Shapes of a hip's labels, in units of its head so that they don't depend on its size.

    Attributes:
        hole: Area of the largest hole in a bone, or between the bones of the joint, as a share of the head's.
        roof_thickness_mm: Median thickness of the roof along rays from the head's centre.
        roof_deg: Angle that the roof spans about the head's centre.
        femur_area: Of the femur, as a share of the head's.
        femur_ends: Whether the image ends within the femur, of which there may be more.
        femur_beyond: Of the femur's parts where no hip's has any: above or medial of its head, or lateral of its
            trochanter.
        apart_mm: How far the farthest speck lies from the largest part; 0 if there is none.
    """

    hole: float
    roof_thickness_mm: float
    roof_deg: float
    femur_area: float
    femur_ends: bool
    femur_beyond: float
    apart_mm: float


def describe_outline(
    labels: NDArray[Any], head: Circle, spacing_mm: float, unseen: NDArray[np.bool_] | None = None
) -> Outline:
    """The facts of one right hip.

    Args:
        labels: (rows, columns), a label map.
        head: The femoral head's circle, in pixel-centre coordinates.
        spacing_mm: Millimetres per pixel.
        unseen: (rows, columns), where there is no image; beyond the edge alone if None.
    """
    femur, roof, space = (labels == number for number in (FEMORAL_HEAD_LABEL, ROOF_LABEL, JOINT_SPACE_LABEL))
    rows, columns = np.mgrid[: labels.shape[0], : labels.shape[1]]
    across, down = (columns - head.x) / head.radius, (rows - head.y) / head.radius
    area = np.pi * head.radius**2
    hip = femur | roof | space
    holes = binary_fill_holes(hip) & ~hip
    for bone in (femur, roof):
        holes |= binary_fill_holes(bone) & ~bone
    thickness, span = _roof_along_rays(roof, head)
    beyond = femur & ((down < -1.25) | ((across < -1.6) & (down < -0.75)) | (across < -3.4) | (across > 1.5))
    return Outline(
        hole=_largest(holes & (np.hypot(across, down) < _NEAR)) / area,
        roof_thickness_mm=thickness * spacing_mm,
        roof_deg=span,
        femur_area=float(femur.sum() / area),
        femur_ends=touches(femur, np.zeros_like(femur) if unseen is None else unseen),
        femur_beyond=float(beyond.sum() / area),
        apart_mm=_farthest_speck(hip) * spacing_mm,
    )


def touches(part: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> bool:
    """Whether a part (rows, columns) reaches the edge, or a pixel that is not seen or lies beside one that isn't."""
    grown = binary_dilation(np.pad(unseen, 1, constant_values=True))[1:-1, 1:-1]
    return bool((part & grown).any())


def _largest(mask: NDArray[np.bool_]) -> float:
    parts, count = label(mask)
    return float(np.bincount(parts.ravel())[1:].max()) if count else 0.0


def _farthest_speck(mask: NDArray[np.bool_]) -> float:
    """Distance in pixels of the farthest small part from the largest, once pieces a pixel apart are joined."""
    parts, count = label(binary_closing(np.pad(mask, 2))[2:-2, 2:-2] | mask, structure=np.ones((3, 3)))
    if count < 2:
        return 0.0
    largest = largest_of(parts)
    distance = distance_transform_edt(parts != largest)
    return float(max(distance[parts == part].min() for part in range(1, count + 1) if part != largest))


def _roof_along_rays(roof: NDArray[np.bool_], head: Circle) -> tuple[float, float]:
    """Median thickness in pixels along rays from the head's centre that meet the roof, and how many degrees do."""
    radius = np.arange(0.8, 2.2, _STEP)
    angle = np.deg2rad(_ARC_DEG)[:, None]
    columns = np.rint(head.x + head.radius * radius * np.sin(angle)).astype(int)
    rows = np.rint(head.y - head.radius * radius * np.cos(angle)).astype(int)
    on = (rows >= 0) & (rows < roof.shape[0]) & (columns >= 0) & (columns < roof.shape[1])
    seen = np.zeros(on.shape, dtype=bool)
    seen[on] = roof[rows[on], columns[on]]
    met = seen.sum(axis=1) * _STEP * head.radius
    return (float(np.median(met[met > 0])) if (met > 0).any() else 0.0), float((met > 0).sum())


def sureness(probabilities: NDArray[np.float32], spacing_mm: float) -> float:
    """How sure a network is of the joint: its top probability near the joint space, or where head and roof touch.

    The mean over pixels that aren't beside another label: there a network that is taught shares of pixels is right to
    hesitate. NaN if no others are left.

    Args:
        probabilities: (4, rows, columns) of a hip.
        spacing_mm: Millimetres per pixel.
    """
    labels = probabilities.argmax(axis=0)
    touching = binary_dilation(labels == FEMORAL_HEAD_LABEL) & (labels == ROOF_LABEL)
    near = distance_transform_edt(~(touching | (labels == JOINT_SPACE_LABEL))) * spacing_mm < _BESIDE_MM
    inner = (maximum_filter(labels, 3) == minimum_filter(labels, 3)) & near & (labels > 0)
    return float(probabilities.max(axis=0)[inner].mean()) if inner.any() else math.nan


def roof_contrast(labels: NDArray[Any], image: NDArray[np.float32], head: Circle, spacing_mm: float) -> float:
    """How much brighter the roof's edge is than the joint space below it, as a share of the range of greys around.

    The sourcil is the brightest line of the joint: where it lies in what is outlined as joint space, or in the head,
    the joint is another. NaN if there is neither.

    Args:
        labels: (rows, columns), a label map.
        image: (rows, columns) of the film, 0 where there is no image.
        head: The femoral head's circle, in pixel-centre coordinates.
        spacing_mm: Millimetres per pixel.
    """
    space = labels == JOINT_SPACE_LABEL
    edge = (labels == ROOF_LABEL) & (distance_transform_edt(~space) * spacing_mm < _EDGE_MM)
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    around = image[(np.hypot(columns - head.x, rows - head.y) * spacing_mm < _AROUND_MM) & (image > 0)]
    if not (edge.any() and space.any() and around.size):
        return math.nan
    low, high = np.percentile(around, (2, 98))
    return float((image[edge].mean() - image[space].mean()) / max(float(high - low), 1e-6))
