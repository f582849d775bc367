"""A volume with its labels' outlines in three planes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from hipseg.geometry.arrays import part_with

_WINDOW_HU: Final = (-150.0, 900.0)
_COLOURS: Final = ("#ff5a36", "#38d0ff")
_MARGIN_MM: Final = 12.0
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
        truth: Drawn dashed, if there is one; then only the surroundings of both are shown.
    """
    maps = [(labels, "solid")]
    if truth is not None:
        window = _surroundings((labels > 0) | (truth > 0), spacing_mm)
        image, maps = image[window], [(labels[window], "solid"), (truth[window], "dashed")]
    there = np.argwhere(maps[0][0] > 0)
    middle = there.mean(axis=0).round().astype(int) if len(there) else np.array(image.shape) // 2
    figure = Figure(figsize=(12, 4.9 if truth is None else 7))
    for index, (axis, title) in enumerate(zip(figure.subplots(1, 3), _TITLES, strict=True)):
        others = [spacing_mm[other] for other in range(3) if other != index]
        axis.imshow(
            image.take(middle[index], axis=index), cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1],
            aspect=others[0] / others[1], origin="upper" if index == 0 else "lower",
        )  # fmt: skip
        for map_, style in maps:
            _outline(axis, map_.take(middle[index], axis=index), style)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    said = [Line2D([], [], color=colour, label=name) for colour, name in zip(_COLOURS, ("outer", "inner"), strict=True)]
    if truth is not None:
        said.append(Line2D([], [], color="0.4", linestyle="dashed", label="annotated"))
    figure.legend(handles=said, loc="lower center", ncols=3, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    figure.savefig(path, dpi=110, bbox_inches="tight")


def _outline(axis: Axes, plane: NDArray[np.uint8], style: str) -> None:
    for level, colour in zip((1, 2), _COLOURS, strict=True):
        if (plane >= level).any() and (plane < level).any():
            axis.contour(plane >= level, [0.5], colors=colour, linewidths=0.9, linestyles=style)


def _surroundings(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> tuple[slice, ...]:
    if not mask.any():
        return (slice(None),) * 3
    return part_with(mask, np.ceil(_MARGIN_MM / np.array(spacing_mm)).astype(int))
