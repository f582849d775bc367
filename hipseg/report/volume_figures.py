"""A volume with its labels' outlines in three planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_WINDOW_HU: Final = (-150.0, 900.0)
_COLOURS: Final = ("#ff5a36", "#38d0ff")
_TITLES: Final = ("axial", "coronal", "sagittal")


def draw_planes(
    image: NDArray[Any],
    labels: NDArray[np.uint8],
    spacing_mm: tuple[float, ...],
    path: Path,
    truth: NDArray[np.uint8] | None = None,
) -> None:
    """Axial, coronal and sagittal plane through the middle of what is labelled.

    Args:
        image: (slices, rows, columns) in Hounsfield units, slices towards the head.
        labels: Likewise; 1 lies around 2.
        spacing_mm: Of the three axes.
        path: PNG to write.
        truth: Drawn dashed, if there is one.
    """
    there = np.argwhere(labels > 0)
    middle = there.mean(axis=0).round().astype(int) if len(there) else np.array(labels.shape) // 2
    figure = Figure(figsize=(12, 4.6))
    axes = figure.subplots(1, 3)
    for index, (axis, title) in enumerate(zip(axes, _TITLES, strict=True)):
        others = [spacing_mm[other] for other in range(3) if other != index]
        axis.imshow(
            image.take(middle[index], axis=index), cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1],
            aspect=others[0] / others[1], origin="upper" if index == 0 else "lower",
        )  # fmt: skip
        for map_, style in ((labels, "solid"), (truth, "dashed")):
            if map_ is None:
                continue
            plane = map_.take(middle[index], axis=index)
            for level, colour in zip((1, 2), _COLOURS, strict=True):
                if (plane >= level).any() and (plane < level).any():
                    axis.contour(plane >= level, [0.5], colors=colour, linewidths=0.9, linestyles=style)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
