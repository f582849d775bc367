"""Pictures of hips beside what a network's answer depends on in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


class Heated(NamedTuple):
    """A picture with its heat maps.

    Attributes:
        picture: (rows, columns).
        heat: (rows, columns) by the method's name; what is negative speaks against.
        said: Above it.
    """

    picture: NDArray[np.float32]
    heat: Mapping[str, NDArray[np.float32]]
    said: str


def draw_heat(case: Heated, path: Path) -> None:
    """A picture, and over it each of its heat maps, red where they speak for and blue where they speak against.

    Args:
        case: To draw.
        path: PNG file.
    """
    figure = Figure(figsize=(3.2 * (1 + len(case.heat)), 3.7), dpi=100)
    panels = figure.subplots(1, 1 + len(case.heat), squeeze=False)[0]
    low, high = np.percentile(case.picture, (1, 99))
    for axes in panels:
        axes.imshow(case.picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        axes.set_axis_off()
    for axes, (name, heat) in zip(panels[1:], case.heat.items(), strict=True):
        most = float(np.abs(heat).max()) or 1.0
        shown = np.clip(np.abs(heat) / most, 0, 1) ** 0.7 * 0.6
        axes.imshow(heat, cmap="coolwarm", vmin=-most, vmax=most, alpha=shown)
        axes.set_title(f"{name}, up to {most:.2g}", fontsize=9)
    figure.suptitle(case.said, fontsize=10)
    figure.tight_layout(pad=0.4, rect=(0, 0, 1, 0.96))
    figure.savefig(path)
