"""CT scans from in front, with what was found in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hipseg.geometry.grid import Grid


def draw_ct_ap(
    pixels: NDArray[np.float32],
    grid: Grid,
    marks_mm: Mapping[str, NDArray[np.float64]],
    squares_mm: Mapping[str, tuple[float, float, float]],
    path: Path,
) -> None:
    """A scan from in front, crosses at its marks and the squares that are graded.

    Args:
        pixels: (rows, columns), bone bright.
        grid: Of the pixels.
        marks_mm: x and y of each, in the grid's millimetres.
        squares_mm: x and y of each one's middle, and its edge.
        path: PNG file.
    """
    width, height = grid.size_mm
    figure = Figure(figsize=(7, 7 * height / width), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    low, high = np.percentile(pixels, (1, 99.7))
    axes.imshow(pixels, cmap="gray", extent=(0, width, height, 0), vmin=low, vmax=max(high, low + 1e-6))
    axes.set_axis_off()
    for x, y in marks_mm.values():
        axes.plot(x, y, "+", color="tab:cyan", markersize=9)
    for name, (x, y, edge) in squares_mm.items():
        axes.add_patch(Rectangle((x - edge / 2, y - edge / 2), edge, edge, fill=False, edgecolor="tab:orange"))
        axes.text(x - edge / 2 + 2, y - edge / 2 + 6, name, color="tab:orange", fontsize=8)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    figure.savefig(path)
