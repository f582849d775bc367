"""How far the boundaries of two label maps lie apart, in millimetres.

A boundary lies half-way between pixels; its pieces count by their length, or in a volume by their area, and each by its
middle's distance from the other boundary (Nikolov et al., JMIR 2021).

Rule for empty regions, as in `hipseg.metrics.dice`: a label that neither map has counts as perfect (distances 0,
surface Dice 1); one that only one map has counts as worst (distances of the image's diagonal, surface Dice 0).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hipseg.metrics.surface import distances, surface_of

Spacing = float | tuple[float, ...]


class BoundaryQuality(NamedTuple):
    """Of one label.

    Attributes:
        hd95_mm: The larger of both directions' 95th percentile of distances between boundaries.
        assd_mm: Mean of all distances, both directions.
        surface_dice: Share of both boundaries within the tolerance of the other (Nikolov et al., JMIR 2021).
    """

    hd95_mm: float
    assd_mm: float
    surface_dice: float


def missed(shape: tuple[int, ...], spacing_mm: Spacing) -> BoundaryQuality:
    """Of a label that only one of two maps of a shape has."""
    steps = np.broadcast_to(spacing_mm, len(shape))
    diagonal = float(np.hypot.reduce(np.array(shape, dtype=float) * steps))
    return BoundaryQuality(diagonal, diagonal, 0.0)


def boundary_quality(
    predicted: NDArray[np.integer],
    truth: NDArray[np.integer],
    label: int,
    spacing_mm: Spacing,
    tolerance_mm: float,
    smooth: float = 0.0,
) -> BoundaryQuality:
    """Compare one label's boundaries.

    Args:
        predicted: (rows, columns) label map, or a volume.
        truth: Likewise.
        label: Which.
        spacing_mm: Millimetres per pixel, one for all axes or one each.
        tolerance_mm: Of the surface Dice.
        smooth: See `surface_of`.
    """
    found, there = predicted == label, truth == label
    if not found.any() and not there.any():
        return BoundaryQuality(0.0, 0.0, 1.0)
    if not found.any() or not there.any():
        return missed(truth.shape, spacing_mm)
    said, known = surface_of(found, spacing_mm, smooth), surface_of(there, spacing_mm, smooth)
    forth, back = distances(said.middles, known), distances(known.middles, said)
    hd95 = max(_percentile_95(forth, said.size), _percentile_95(back, known.size))
    both, size = np.concatenate([forth, back]), np.concatenate([said.size, known.size])
    return BoundaryQuality(
        hd95, float(np.average(both, weights=size)), float(np.average(both <= tolerance_mm, weights=size))
    )


def _percentile_95(distance: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    """The least distance that pieces of at least 95 % of a boundary do not exceed."""
    order = np.argsort(distance)
    share = np.cumsum(size[order]) / size.sum()
    return float(distance[order][min(int(np.searchsorted(share, 0.95)), len(order) - 1)])
