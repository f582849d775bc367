"""Measuring the hip: arrays in, numbers in millimetres out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hipseg.measure.border import border_width
from hipseg.measure.contour import contour_width
from hipseg.measure.joint_space import JointSpace

Method = Literal["contour", "border"]
_METHODS: Final[dict[Method, Callable[[NDArray[Any], float], JointSpace]]] = {
    "contour": contour_width,
    "border": lambda probabilities, spacing_mm: border_width(probabilities.argmax(axis=0), spacing_mm),
}

__all__ = ["JointSpace", "Method", "border_width", "contour_width", "joint_space_width"]


def joint_space_width(probabilities: NDArray[Any], spacing_mm: float, method: Method = "contour") -> JointSpace:
    """Measure the minimum joint space width of a right hip.

    Args:
        probabilities: (4, rows, columns): background, femoral head, acetabular roof, joint space.
        spacing_mm: Millimetres per pixel.
        method: `contour`, to a fraction of a pixel; `border`, on the pixel borders of the label map that the largest
            probabilities give, as the thesis measures.

    Raises:
        ValueError: If the shape is another.
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or len(probabilities) != 4:
        raise ValueError(f"probabilities must be (4, rows, columns), not {probabilities.shape}")
    return _METHODS[method](probabilities, spacing_mm)
