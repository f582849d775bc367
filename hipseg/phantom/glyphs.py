"""The letters of side markers as strokes."""

from __future__ import annotations

import numpy as np

from hipseg.labels.curves import centripetal_spline
from hipseg.labels.landmarks import Points, Side


def marker_strokes(side: Side) -> list[Points]:
    """Polylines of an R or an L, one unit high, centred on the origin."""
    stem = np.array([(-0.3, -0.5), (-0.3, 0.5)])
    if side == "left":
        return [stem, np.array([(-0.3, 0.5), (0.3, 0.5)])]
    bowl = centripetal_spline(np.array([(-0.3, -0.48), (0.1, -0.48), (0.3, -0.24), (0.1, 0.0), (-0.3, 0.0)]), 6)
    return [stem, bowl, np.array([(0.0, 0.0), (0.32, 0.5)])]
