"""Where a loss can trust the label map: bone goes on beyond the landmarks, and there the map says background."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hipseg.labels.landmarks import FEMUR, ROOF_TOP, SOURCIL_MEDIAL, Points

Weight = NDArray[np.bool_]


class WeightMap(Protocol):
    """Pixels of a right hip that a loss counts."""

    def __call__(self, landmarks: Points, shape: tuple[int, int]) -> Weight:
        """(rows, columns) of the image that the landmarks (80, 2) in pixel-centre coordinates lie in."""


def everywhere(landmarks: Points, shape: tuple[int, int]) -> Weight:
    """All pixels count, as in the thesis."""
    return np.ones(shape, dtype=bool)


def described_bone(landmarks: Points, shape: tuple[int, int]) -> Weight:
    """Leaves out where bone is not described by landmarks.

    That is what lies below the lowest femoral landmark, where the shaft goes on, and beyond the two straight edges that
    close the roof: above its top, and medial of the sourcil's end down to that end, where the ilium goes on.
    """
    y, x = np.mgrid[: shape[0], : shape[1]]
    medial_x, medial_y = landmarks[SOURCIL_MEDIAL]
    below = y > landmarks[FEMUR, 1].max()
    above = y < landmarks[ROOF_TOP, 1]
    beside = (x > medial_x) & (y < medial_y)
    return np.asarray(~(below | above | beside))
