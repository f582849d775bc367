"""The circle of the femoral head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hipseg.labels.landmarks import FEMORAL_HEAD, Points


class Circle(NamedTuple):
    """A circle in the unit and frame of the points it was fitted to."""

    x: float
    y: float
    radius: float

    @property
    def centre(self) -> Points:
        """x, y."""
        return np.array([self.x, self.y])


def fit_circle(points: Points) -> Circle:
    """Fit a circle to (n, 2) points, n >= 3, by Taubin's algebraic method.

    The constraint is solved by a singular value decomposition (Chernov, Circular and Linear Regression, 2010, section
    5.10), which is exact on a circle and nearly unbiased on a short, noisy arc.

    Raises:
        ValueError: If the points lie on one line.
    """
    mean = points.mean(axis=0)
    x, y = (points - mean).T
    square = x * x + y * y
    mean_square = square.mean()
    if mean_square <= 1e-24 * (1.0 + mean @ mean):
        raise ValueError("a circle can't be fitted to one point")
    design = np.stack([(square - mean_square) / (2.0 * np.sqrt(mean_square)), x, y], axis=1)
    a, b, c = np.linalg.svd(design, full_matrices=False)[2][2]
    a /= 2.0 * np.sqrt(mean_square)
    if abs(a) * np.sqrt(mean_square) < 1e-9:
        raise ValueError("a circle can't be fitted to points on a line")
    radius = np.sqrt(b * b + c * c + 4.0 * a * a * mean_square) / (2.0 * abs(a))
    return Circle(float(mean[0] - b / (2.0 * a)), float(mean[1] - c / (2.0 * a)), float(radius))


def head_circle(landmarks: Points) -> Circle:
    """The circle of the femoral head's arc in one hip's (80, 2) landmarks."""
    return fit_circle(landmarks[FEMORAL_HEAD])
