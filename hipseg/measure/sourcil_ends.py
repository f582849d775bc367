"""The last pixels of the sourcil, which the blurred corners of the roof bend up or down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from hipseg.labels.landmarks import Points
from hipseg.measure.tracing import BENT_PX, Image, polar, sample
from hipseg.measure.weight_bearing import angles

_STRAIGHT_PX: Final = 9.0  # what the end is continued from
_FEWEST: Final = 3  # points give no parabola that is more than an interpolation
_DEPTHS_PX: Final = (1.25, 2.5)  # where joint space and roof are looked for, clear of the edge between them
_STEEPEST_PX: Final = 2.0  # further out at the second depth than at the first; beyond that something else was met
_BEHIND_PX: Final = 2.5
_FURTHER_PX: Final = 4.0
_STEPS_PER_PX: Final = 4

Values = NDArray[np.float64]


def redraw_ends(sourcil: Points, joint: Image, roof: Image, centre: Points) -> Points:
    """The sourcil with both ends continued from what lies further in, up to where the joint below them ends.

    Where the joint is narrower than the depth at which it is looked for, up to where the roof above them ends.

    Args:
        sourcil: (n, 2) as traced, in pixel-centre coordinates.
        joint: (rows, columns), positive where joint or head lies, negative in the background; the roof aside.
        roof: (rows, columns), positive where the roof lies, negative in the background; joint and head aside.
        centre: Of the femoral head.
    """
    angle = angles(sourcil, centre)
    order = np.argsort(angle, kind="stable")
    angle, radius = _innermost(angle[order], np.hypot(*(sourcil - centre).T)[order])
    for sign in (1, -1):  # the medial end, then the lateral one as its mirror image
        angle, radius = _redraw_end(angle, radius, joint, roof, centre, sign)
        angle, radius = -angle[::-1], radius[::-1]
    return centre + polar(angle, radius)


def _innermost(angle: Values, radius: Values) -> tuple[Values, Values]:
    """A curve (n,), angles ascending, without what lies behind it: where joint space reaches up beside the roof."""
    pixel = ((angle - angle[0]) * radius.mean()).astype(int)
    least = np.full(pixel[-1] + 1, np.inf)
    np.minimum.at(least, pixel, radius)
    first = radius <= minimum_filter1d(least, 3)[pixel] + _BEHIND_PX
    return angle[first], radius[first]


def _redraw_end(
    angle: Values, radius: Values, joint: Image, roof: Image, centre: Points, sign: int
) -> tuple[Values, Values]:
    """Redraw the end of the largest angle; with a sign of -1 angles run the other way."""
    arc = (angle[-1] - angle) * radius
    keep, inner = arc > BENT_PX, (arc > BENT_PX) & (arc < BENT_PX + _STRAIGHT_PX)
    if inner.sum() <= _FEWEST:
        return angle, radius
    shape = _parabola(angle[inner], radius[inner])
    steps = np.arange(1, int(_STEPS_PER_PX * (BENT_PX + _FURTHER_PX)))
    beyond = angle[keep][-1] + steps / (_STEPS_PER_PX * radius[-1])
    continued = shape(beyond)
    last = float(beyond[-1])
    for image, away, least in ((joint, -1, 0.0), (roof, 1, -1.0)):
        at = [centre + polar(sign * beyond, continued + away * depth) for depth in _DEPTHS_PX]
        near, far = (_first_negative(beyond, values) for values in np.split(sample(image, np.concatenate(at)), 2))
        if near is not None and far is not None:
            # The end slants, the joint's always outward; from two depths to where it meets the sourcil.
            steepest = _STEEPEST_PX / radius[-1]
            slant = far - near if least * steepest < far - near < steepest else 0.0
            last = near - slant * _DEPTHS_PX[0] / (_DEPTHS_PX[1] - _DEPTHS_PX[0])
            break
    last = max(last, angle[0])
    drawn = angle[keep & (angle < last)]
    further = np.append(beyond[beyond < last], last)
    return np.append(drawn, further), np.append(radius[: len(drawn)], shape(further))


def _parabola(x: Values, y: Values) -> Callable[[Values], Values]:
    """The parabola of least squares through points (n,), x ascending."""
    middle, half = (x[0] + x[-1]) / 2, max((x[-1] - x[0]) / 2, 1e-12)

    def powers(at: Values) -> Values:
        scaled = (at - middle) / half
        return np.stack([np.ones_like(scaled), scaled, scaled * scaled], axis=1)

    coefficients = np.linalg.lstsq(powers(x), y, rcond=None)[0]
    return lambda at: np.asarray(powers(at) @ coefficients)


def _first_negative(at: Values, values: Values) -> float | None:
    """Where, between `at` (n,), values (n,) turn negative: the first place if they begin so, None if they never do."""
    ended = np.flatnonzero(values < 0)
    if not len(ended):
        return None
    i = int(ended[0])
    if i == 0:
        return float(at[0])
    return float(at[i - 1] + values[i - 1] / (values[i - 1] - values[i]) * (at[i] - at[i - 1]))
