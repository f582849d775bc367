"""An automatic annotator's error: landmarks slide and bulge along their curves, the image stays as it is."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hipseg.labels.landmarks import LANDMARKS_PER_HIP, Points

_CURVE_ENDS = (0, 35, 40, 44, 60, 67, 75, LANDMARKS_PER_HIP)


def misplace(landmarks: Points, error_mm: float, rng: np.random.Generator) -> Points:
    """One hip's (80, 2) landmarks moved by a Gaussian error; its root mean square distance is `error_mm`.

    Neighbours on a curve err alike (correlation length three landmarks), curves err apart.
    """
    moved = landmarks.copy()
    for start, end in pairwise(_CURVE_ENDS):
        white = rng.standard_normal((end - start + 24, 2))
        smooth = gaussian_filter1d(white, 2.0, axis=0)[12:-12]
        # 0.3755 is that filter's standard deviation on white noise.
        moved[start:end] += error_mm / sqrt(2) * smooth / 0.3755
    return moved
