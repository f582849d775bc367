"""The letters of side markers, and figures, as strokes."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.labels.curves import centripetal_spline
from hipseg.labels.landmarks import Points, Side

# Ends of the seven bars of a display: top, upper left and right, middle, lower left and right, bottom.
_BARS: Final = np.array([
    [(-0.25, -0.5), (0.25, -0.5)], [(-0.25, -0.5), (-0.25, 0.0)], [(0.25, -0.5), (0.25, 0.0)],
    [(-0.25, 0.0), (0.25, 0.0)], [(-0.25, 0.0), (-0.25, 0.5)], [(0.25, 0.0), (0.25, 0.5)], [(-0.25, 0.5), (0.25, 0.5)],
])  # fmt: skip
_LIT: Final = ("012456", "25", "02346", "02356", "1235", "01356", "013456", "025", "0123456", "012356")


def digit_strokes(digit: int) -> list[Points]:
    """Lines of a figure from 0 to 9, one unit high, centred on the origin."""
    return [_BARS[int(bar)] for bar in _LIT[digit]]


def marker_strokes(side: Side) -> list[Points]:
    """Polylines of an R or an L, one unit high, centred on the origin."""
    stem = np.array([(-0.3, -0.5), (-0.3, 0.5)])
    if side == "left":
        return [stem, np.array([(-0.3, 0.5), (0.3, 0.5)])]
    bowl = centripetal_spline(np.array([(-0.3, -0.48), (0.1, -0.48), (0.3, -0.24), (0.1, 0.0), (-0.3, 0.0)]), 6)
    return [stem, bowl, np.array([(0.0, 0.0), (0.32, 0.5)])]
