"""One anti-aliased resampling between pixel grids, exact in position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hipseg.geometry.grid import Grid


def axis_weights(
    source_mm: NDArray[np.float64], source_spacing: float, target_mm: NDArray[np.float64], target_spacing: float
) -> csr_array:
    """Triangle-filter weights (targets, sources); rows of targets beyond the source's outer edges are empty."""
    half_width = max(source_spacing, target_spacing)
    taps = int(np.ceil(2 * half_width / source_spacing)) + 1
    first = np.ceil((target_mm - half_width - source_mm[0]) / source_spacing).astype(np.int64)
    columns = first[:, None] + np.arange(taps)
    distance = np.abs(source_mm[0] + columns * source_spacing - target_mm[:, None])
    weights = np.maximum(0.0, 1.0 - distance / half_width)
    weights[(columns < 0) | (columns >= len(source_mm))] = 0.0
    reach = source_spacing * (0.5 + 1e-6)
    inside = (target_mm >= source_mm[0] - reach) & (target_mm <= source_mm[-1] + reach)
    weights *= inside[:, None] / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    rows = np.broadcast_to(np.arange(len(target_mm))[:, None], columns.shape)
    keep = weights > 0
    shape = (len(target_mm), len(source_mm))
    return csr_array((weights[keep].astype(np.float32), (rows[keep], columns[keep])), shape=shape)


def resample(image: NDArray[np.float32], source: Grid, target: Grid) -> NDArray[np.float32]:
    """Sample an image at the pixels of another grid, 0 beyond its edges.

    A separable triangle filter as wide as the coarser of both spacings: it shifts nothing, never overshoots, and turns
    into linear interpolation where the target is finer.

    Args:
        image: (rows, columns) on `source`.
        source: Where the image's pixels lie.
        target: Where the result's pixels lie.

    Returns:
        (rows, columns) of `target`, float32.
    """
    rows = axis_weights(source.y_mm(), source.spacing_mm, target.y_mm(), target.spacing_mm)
    columns = axis_weights(source.x_mm(), source.spacing_mm, target.x_mm(), target.spacing_mm)
    return np.ascontiguousarray((columns @ (rows @ image).T).T, dtype=np.float32)


def inside_film(film: Grid, target: Grid) -> tuple[slice, slice]:
    """The rows and columns of `target` whose centres lie on the film."""

    def span(centres: NDArray[np.float64], length_mm: float) -> slice:
        hits = np.flatnonzero((centres >= -1e-6 * film.spacing_mm) & (centres <= length_mm + 1e-6 * film.spacing_mm))
        return slice(int(hits[0]), int(hits[-1]) + 1) if len(hits) else slice(0, 0)

    width, height = film.size_mm
    return span(target.y_mm(), height), span(target.x_mm(), width)
