"""Measuring the hip: arrays in, numbers in millimetres out."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hipseg.measure.border import border_width
from hipseg.measure.joint_space import JointSpace

Method = Literal["border"]
_METHODS: Final = {"border": lambda probabilities, spacing_mm: border_width(probabilities.argmax(axis=0), spacing_mm)}

__all__ = ["JointSpace", "Method", "border_width", "joint_space_width"]


def joint_space_width(probabilities: NDArray[Any], spacing_mm: float, method: Method = "border") -> JointSpace:
    """Measure the minimum joint space width of a right hip.

    Args:
        probabilities: (4, rows, columns): background, femoral head, acetabular roof, joint space.
        spacing_mm: Millimetres per pixel.
        method: `border`, on the borders of the label map that the largest probabilities give.

    Raises:
        ValueError: If the shape is another.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or len(probabilities) != 4:
        raise ValueError(f"probabilities must be (4, rows, columns), not {probabilities.shape}")
    return _METHODS[method](probabilities, spacing_mm)
