"""The square about a femoral head that is graded: socket and head, the neck up to the trochanters."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hipseg.errors import Excluded
from hipseg.geometry.grid import Grid
from hipseg.transforms.resample import resample

FILM_EDGE_MM: Final = 96.0
"""On a radiograph: 603 pixels of 0.16 mm, the mean of a study's squares."""
CT_EDGE_MM: Final = 84.0
"""In CT, where nothing is magnified: what a square of 96 mm shows on a film, an eighth smaller."""
_HEAD_MM: Final = 30.0  # from a head's centre, that has to be on the image
_MAX: Final = 65535


def hip_square(
    pixels: NDArray[Any], grid: Grid, centre_mm: tuple[float, float], edge_mm: float, edge: int, mirror: bool
) -> NDArray[np.uint16]:
    """The square, resampled once.

    Args:
        pixels: (rows, columns), bone bright.
        grid: Where they lie.
        centre_mm: Of the head, x and y in the grid's millimetres.
        edge_mm: Of the square.
        edge: Its pixels along an edge.
        mirror: Whether it is mirrored from left to right, so that a left hip looks like a right one.

    Returns:
        (edge, edge) in the square's own whole range; the least value beyond the image.

    Raises:
        Excluded: `points_outside` where a part of the head lies beyond the image, `constant` for one grey value.
    """
    low, high = np.asarray(grid.origin_mm), np.asarray(grid.origin_mm) + grid.size_mm
    if (np.asarray(centre_mm) - _HEAD_MM < low).any() or (np.asarray(centre_mm) + _HEAD_MM > high).any():
        raise Excluded("points_outside", "a part of the femoral head lies beyond the image")
    square = Grid.centred((edge, edge), edge_mm / edge, centre_mm)
    # Above 0, so that what lies beyond the image is told from what is dark.
    found = resample((pixels - pixels.min() + 1).astype(np.float32), grid, square)
    inside = found > 0.5
    darkest, brightest = float(found[inside].min()), float(found.max())
    if not brightest > darkest:
        raise Excluded("constant", "the square about the femoral head has one grey value")
    scaled = np.clip((found - darkest) / (brightest - darkest), 0, 1)
    made = np.rint(scaled * _MAX).astype(np.uint16)
    return np.ascontiguousarray(made[:, ::-1]) if mirror else made
