"""How far the boundaries of two label maps lie apart, in millimetres.

Rule for empty regions, as in `hipseg.metrics.dice`: a label that neither map has counts as perfect (distances 0,
surface Dice 1); one that only one map has counts as worst (distances of the image's diagonal, surface Dice 0).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from monai.metrics.utils import get_edge_surface_distance
from numpy.typing import NDArray

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
    predicted: NDArray[np.integer], truth: NDArray[np.integer], label: int, spacing_mm: Spacing, tolerance_mm: float
) -> BoundaryQuality:
    """Compare one label's boundary pixels.

    Args:
        predicted: (rows, columns) label map, or a volume.
        truth: Likewise.
        label: Which.
        spacing_mm: Millimetres per pixel, one for all axes or one each.
        tolerance_mm: Of the surface Dice.
    """
    found, there = predicted == label, truth == label
    if not found.any() and not there.any():
        return BoundaryQuality(0.0, 0.0, 1.0)
    if not found.any() or not there.any():
        return missed(truth.shape, spacing_mm)
    masks = torch.from_numpy(found), torch.from_numpy(there)
    _, distances, _ = get_edge_surface_distance(*masks, spacing=spacing_mm, symmetric=True)
    forth, back = (np.asarray(distance, dtype=float) for distance in distances)
    both = np.concatenate([forth, back])
    hd95 = max(np.percentile(forth, 95), np.percentile(back, 95))
    return BoundaryQuality(float(hd95), float(both.mean()), float((both <= tolerance_mm).mean()))
