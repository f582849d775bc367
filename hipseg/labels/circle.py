"""The circle of the femoral head."""

from __future__ import annotations

from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from hipseg.labels.landmarks import FEMORAL_HEAD, Points

_OUTLYING: Final = 3.0  # standard deviations, of which the median distance from the circle is 1 / 1.4826
_ROUND: Final = 0.09  # of the radius; so far even a sound head's landmarks may lie off a circle
# Root mean square distance from the circle, of the landmarks' from their mean. Of 900 phantom heads of all presets five
# have more (at most 0.066); with one to three neighbours dented by 7 mm it is 0.049 to 0.116.
_SOUND: Final = 0.047
_CORNERS: Final = 10  # points of which circles through three are tried, as many as a head has landmarks


class Circle(NamedTuple):
    """A circle in the unit and frame of the points it was fitted to."""

    x: float
    y: float
    radius: float

    @property
    def centre(self) -> Points:
        """x, y."""
        return np.array([self.x, self.y])

    def shifted(self, x: float, y: float) -> Circle:
        """The same circle so far to the right and down."""
        return Circle(self.x + x, self.y + y, self.radius)

    def around(self, reach: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of an image of a shape that lie within a reach of the centre; at least one of each."""
        row, column = (
            slice(int(np.clip(at - reach, 0, length - 1)), int(np.clip(at + reach + 1, 1, length)))
            for at, length in zip((self.y, self.x), shape, strict=True)
        )
        return row, column


def fit_circle(points: Points) -> Circle:
    """Fit a circle to (n, 2) points, n >= 3, by Taubin's algebraic method.

    The constraint is solved by a singular value decomposition (Chernov, Circular and Linear Regression, 2010, section
    5.10), which is exact on a circle and nearly unbiased on a short, noisy arc.

    Raises:
        ValueError: If there are fewer than three points, or they lie on one line.
    """
    if len(points) < 3:
        raise ValueError(f"a circle can't be fitted to {len(points)} points")
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
    """The circle of the femoral head's arc in one hip's (80, 2) landmarks; see `robust_circle`."""
    return robust_circle(landmarks[FEMORAL_HEAD])


def robust_circle(points: Points) -> Circle:
    """The circle of (n, 2) points of which a few neighbours may lie off it, as on a dented head.

    Points as round as those of sound heads have `fit_circle`'s. Otherwise the circle through three that fits best
    by the median distance (Rousseeuw, J Am Stat Assoc 1984) tells which points take part.

    Raises:
        ValueError: If there are fewer than three points, or they lie on one line.
    """
    whole = fit_circle(points)
    extent = np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean())
    if np.sqrt((_off(whole, points) ** 2).mean()) <= _SOUND * extent:
        return whole
    best, least = whole, _median_off(whole, points)
    spread = np.unique(np.linspace(0, len(points) - 1, _CORNERS).round().astype(int))
    for three in combinations(spread, 3):
        try:
            circle = fit_circle(points[list(three)])
        except (ValueError, np.linalg.LinAlgError):
            continue
        if (off := _median_off(circle, points)) < least:
            best, least = circle, off
    distance = _off(best, points)
    near = distance <= max(_OUTLYING * 1.4826 * least, _ROUND * best.radius)
    return whole if near.all() else fit_circle(points[near])


def _off(circle: Circle, points: Points) -> Points:
    return np.asarray(np.abs(np.hypot(*(points - circle.centre).T) - circle.radius))


def _median_off(circle: Circle, points: Points) -> float:
    return float(np.median(_off(circle, points)))
