"""Two eccentric arcs whose distance is known, as label shares of pixels of any size."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Shares = NDArray[np.float32]
Edge = Literal["gauss", "area", "hard"]

HEAD_MM, FINE = 26.0, 8


def scene(width_mm: float, spacing_mm: float, edge: Edge, rng: np.random.Generator, size_mm: float = 70.0) -> Shares:
    """A head and an eccentric roof over 90 degrees, nearest in a random direction, at a random sub-pixel place."""
    eccentricity, narrowest = rng.uniform(0.3, 1.5), np.deg2rad(rng.uniform(-30, 30))
    pixels = round(size_mm / spacing_mm)
    at = (np.arange(pixels * FINE) + 0.5) * spacing_mm / FINE - spacing_mm / 2
    x, y = np.meshgrid(at, at)
    centre = np.array([0.5, 0.6]) * size_mm + rng.uniform(-0.5, 0.5, 2) * spacing_mm
    roof = centre - eccentricity * np.array([np.sin(narrowest), -np.cos(narrowest)])
    from_head, from_roof = np.hypot(x - centre[0], y - centre[1]), np.hypot(x - roof[0], y - roof[1])
    angle = np.rad2deg(np.arctan2(x - centre[0], centre[1] - y))
    inner = HEAD_MM + width_mm + eccentricity
    labels = np.zeros(x.shape, dtype=np.uint8)
    sector = (angle > -50) & (angle < 40)
    labels[sector & (from_roof < inner)] = 3
    labels[sector & (from_roof >= inner) & (from_roof < inner + 12)] = 2
    labels[from_head < HEAD_MM] = 1
    return soften(labels, edge)


def soften(labels: NDArray[np.uint8], edge: Edge) -> Shares:
    """Finely drawn labels as shares of pixels: by area, by a Gaussian of 0.7 pixel around their centres, or 0 and 1."""
    if edge == "hard":
        centres = labels[FINE // 2 :: FINE, FINE // 2 :: FINE]
        return (centres == np.arange(4)[:, None, None]).astype(np.float32)
    shares = []
    for label in range(4):
        share = (labels == label).astype(np.float32)
        if edge == "gauss":
            # The four fine pixels around a pixel's centre; their spread is a little of the Gaussian.
            share = gaussian_filter(share, np.sqrt(0.7**2 - 1 / 12 * (2 / FINE) ** 2) * FINE)
            a, b = slice(FINE // 2 - 1, None, FINE), slice(FINE // 2, None, FINE)
            share = (share[a, a] + share[a, b] + share[b, a] + share[b, b]) / 4
        else:
            share = share.reshape(len(share) // FINE, FINE, -1, FINE).mean(axis=(1, 3))
        shares.append(share)
    return np.stack(shares)
