"""The joint's two curves, femoral head and sourcil: the one place where they are drawn between the landmarks.

The phantom's image, the label map and the reference mJSW all call the same function, so they agree on where bone ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from hipseg.labels.landmarks import FEMORAL_HEAD, SOURCIL, Points

SAMPLES_PER_SPAN: Final = 24


class JointCurves(NamedTuple):
    """Dense polylines (n, 2), in the unit and frame of the landmarks they came from."""

    femoral_head: Points
    sourcil: Points


CurveFunction = Callable[[Points], JointCurves]


def centripetal_spline(points: Points, samples_per_span: int = SAMPLES_PER_SPAN) -> Points:
    """A cubic spline through all points, its parameter the square root of the chord length.

    The centripetal parameter keeps unevenly spaced landmarks free of loops and overshoot (Lee, Computer-Aided Design
    21(6), 1989).

    Args:
        points: (n, 2), n >= 3, in order along the curve.
        samples_per_span: Vertices drawn from each landmark up to the next.

    Returns:
        ((n - 1) * samples_per_span + 1, 2); every landmark is one of its vertices.
    """
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(np.maximum(chords, 1e-9)))])
    fractions = np.arange(samples_per_span) / samples_per_span
    parameters = (knots[:-1, None] + np.diff(knots)[:, None] * fractions).ravel()
    return np.asarray(CubicSpline(knots, points, axis=0)(np.append(parameters, knots[-1])))


def spline_curves(landmarks: Points) -> JointCurves:
    """Head and sourcil of one hip's (80, 2) landmarks as centripetal splines, neither running on past its own ends."""
    return JointCurves(centripetal_spline(landmarks[FEMORAL_HEAD]), centripetal_spline(landmarks[SOURCIL]))


def polygon_curves(landmarks: Points) -> JointCurves:
    """Head and sourcil as straight chords between the landmarks, as the thesis draws its labels."""
    return JointCurves(landmarks[FEMORAL_HEAD], landmarks[SOURCIL])


CURVE_FUNCTIONS: Final[dict[str, CurveFunction]] = {
    function.__name__: function for function in (spline_curves, polygon_curves)
}
"""By the name that a store keeps."""
