"""BoneFinder's 160 landmarks: which rows are which structure, and the right-hand view of a left hip."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from hipseg.geometry.arrays import Points as Points

Side = Literal["right", "left"]
SIDES: Final[tuple[Side, Side]] = ("right", "left")
LANDMARKS_PER_HIP: Final = 80

# Rows within one hip's 80 landmarks.
FEMUR: Final = slice(0, 35)
FEMORAL_HEAD: Final = slice(18, 28)
ROOF: Final = slice(67, 75)
SOURCIL: Final = slice(70, 75)
ROOF_TOP: Final = 67
SOURCIL_LATERAL: Final = 70
SOURCIL_MEDIAL: Final = 74


def hip_landmarks(points: Points, side: Side) -> Points:
    """The (80, 2) landmarks of one side out of a film's (160, 2)."""
    start = SIDES.index(side) * LANDMARKS_PER_HIP
    return points[start : start + LANDMARKS_PER_HIP]


def mirror_columns(points: Points, width: int) -> Points:
    """Pixel-centre coordinates (n, 2) as they lie in the image mirrored left to right.

    Args:
        points: x, y in pixel-centre coordinates.
        width: Columns of the image.
    """
    return np.stack([width - 1 - points[..., 0], points[..., 1]], axis=-1)
