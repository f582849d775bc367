"""Metal in place of the femoral head, or within head and neck."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, white_tophat

from hipseg.geometry.volume import Volume
from hipseg.labels.circle import Circle

_SHARE: Final = 0.6
_REACH: Final = 1.9
# Screws and nails are narrower than this, and stand out from bone by so much of the film's range. Lines of bone do too,
# but are not as bright as metal; of phantoms' heads of all presets none has more than 0.005 of such pixels.
_SLIM_MM: Final = 15.0
_STANDS_OUT: Final = 0.12
_LEAST: Final = 0.02  # of the head's area
_RIM_MM: Final = 6.0  # cortical bone is bright too
_METAL_HU: Final = 2400.0
_METAL_MM3: Final = 330.0
_NEAR_MM: Final = 35.0


class GreyLevels(NamedTuple):
    """A film's grey values: above which is metal, and how far they reach."""

    metal: float
    span: float


def grey_levels(film: NDArray[np.float32]) -> GreyLevels:
    """Where metal begins: further above the film's middle than its bright bones by a factor.

    Args:
        film: Its grey values, or their quantiles; bone bright, not clipped.
    """
    span = float(np.ptp(film))
    body = film[film > film.min() + 0.02 * span]
    middle, bright = np.percentile(body, (50, 85)) if body.size else (0.0, 0.0)
    return GreyLevels(float(middle + _REACH * (bright - middle)), span)


def shows_metal(image: NDArray[np.float32], levels: GreyLevels, circle: Circle) -> bool:
    """Whether most of the femoral head is metal: far brighter than bone is on this film, and without texture.

    Args:
        image: (rows, columns), bone bright, not clipped.
        levels: Of its film.
        circle: The head in pixel-centre coordinates of `image`.
    """
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    head = image[np.hypot(columns - circle.x, rows - circle.y) < 0.75 * circle.radius]
    if head.size == 0:
        return False
    low, high = np.percentile(head, (25, 75))
    return bool(high - low < 0.03 * levels.span and (head > levels.metal).mean() > _SHARE)


def shows_hardware(
    image: NDArray[np.float32], levels: GreyLevels, femur: NDArray[np.bool_], circle: Circle, spacing_mm: float
) -> bool:
    """Whether slim metal, as of screws, nails or the neck of a prosthesis, lies within femoral head and neck.

    Args:
        image: (rows, columns), the film's whole range in [0, 1].
        levels: Of its film.
        femur: (rows, columns), where the femur is.
        circle: The head in pixel-centre coordinates of both.
        spacing_mm: Of their pixels.
    """
    place, reach = (circle.y, circle.x), 2.2 * circle.radius
    ends = [np.clip([at - reach, at + reach + 1], 0, n).astype(int) for at, n in zip(place, image.shape, strict=True)]
    part = slice(*ends[0]), slice(*ends[1])
    seen = image[part]
    if not seen.size:
        return False
    radius = max(1, round(_SLIM_MM / 2 / spacing_mm))
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    slim = white_tophat(seen, footprint=x * x + y * y <= radius * radius) > _STANDS_OUT
    slim &= seen > levels.metal
    rows, columns = np.ogrid[part]
    away = np.hypot(columns - circle.x, rows - circle.y) / circle.radius
    inner = distance_transform_edt(femur[part]) * spacing_mm > _RIM_MM
    within = (away < 0.85) | (inner & (away < 1.8))
    return bool((slim & within).sum() > _LEAST * np.pi * circle.radius**2)


def metal_in_scan(scan: Volume, head_mm: NDArray[np.float64]) -> bool:
    """Whether a scan has metal at a femoral head: more of it than a third of a cubic centimetre, within 35 mm.

    Args:
        scan: In Hounsfield units; more than 2400 are metal's.
        head_mm: Its centre, in the patient's millimetres.
    """
    centre, reach = scan.grid.to_indices(head_mm), _NEAR_MM / np.array(scan.grid.spacing_mm)
    ends = [
        np.clip([at - far, at + far + 1], 0, n).astype(int)
        for at, far, n in zip(centre, reach, scan.values.shape, strict=True)
    ]
    part = scan.values[tuple(slice(*end) for end in ends)]
    return bool((part > _METAL_HU).sum() * scan.grid.voxel_mm3 > _METAL_MM3)
