"""Cases of any segmentation drawn: image, annotation, prediction, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

DIFFERENCE_COLOURS: Final = ListedColormap(["#00000000", "#d9303c", "#2f6fd0", "#8e44ad"])
_HAND_PICKED: Final = ("#e8505b", "#3fa45b", "#f2c53a", "#4e79e6", "#9b59b6", "#f2803a", "#3ac0c0", "#a0703a")

Drawn = tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]


def label_colours(labels: int) -> Colormap:
    """A colour for every label, the background transparent."""
    colours = list(_HAND_PICKED[: labels - 1])
    more = labels - 1 - len(colours)
    return ListedColormap(["#00000000", *colours, *(colormaps["hsv"](np.linspace(0, 0.9, more)) if more > 0 else ())])


def difference(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.int64]:
    """0 where both agree, 1 where only the prediction has a label, 2 where only the truth has, 3 for another label."""
    return np.select([truth == predicted, truth == 0, predicted == 0], [0, 1, 2], 3)


def draw_labels(image: NDArray[np.float32], labels: NDArray[np.uint8], names: Sequence[str], path: Path) -> None:
    """One image beside itself with its predicted labels, each named.

    Args:
        image: (rows, columns).
        labels: (rows, columns).
        names: Of the labels, the background first.
        path: PNG file.
    """
    colours = label_colours(len(names))
    figure = Figure(figsize=(8, 4 * image.shape[0] / image.shape[1] + 0.6), dpi=110)
    low, high = np.percentile(image, (1, 99))
    plain, marked = figure.subplots(1, 2)
    for axes in (plain, marked):
        axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        axes.set_axis_off()
    marked.imshow(labels, cmap=colours, vmin=0, vmax=len(names) - 1, alpha=0.5, interpolation="nearest")
    shown = [Patch(color=colours(number), label=name.replace("_", " ")) for number, name in enumerate(names) if number]
    figure.legend(handles=shown, loc="lower center", ncols=min(len(shown), 4), fontsize=7, frameon=False)
    figure.tight_layout(pad=0.4, rect=(0, 0.06, 1, 1))
    figure.savefig(path)


def draw_cases(cases: Mapping[str, Drawn], labels: int, path: Path) -> None:
    """A row a case: image, annotation, prediction, difference.

    Args:
        cases: By name: image (rows, columns), annotated and predicted label map.
        labels: How many there are, the background included.
        path: PNG file.
    """
    figure = Figure(figsize=(12, 4 * len(cases)), dpi=90)
    colours = label_colours(labels)
    for row, (name, (image, truth, predicted)) in zip(
        figure.subplots(len(cases), 4, squeeze=False), cases.items(), strict=True
    ):
        low, high = np.percentile(image, (1, 99))
        for axes in row:
            axes.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
            axes.set_axis_off()
        for axes, pixels in ((row[1], truth), (row[2], predicted)):
            axes.imshow(pixels, cmap=colours, vmin=0, vmax=max(labels - 1, 1), alpha=0.5, interpolation="nearest")
        marked = difference(truth, predicted)
        row[3].imshow(marked, cmap=DIFFERENCE_COLOURS, vmin=0, vmax=3, alpha=0.8, interpolation="nearest")
        for axes, title in zip(row, (name, "annotated", "predicted", "red: only predicted, blue: only annotated"),
                               strict=True):  # fmt: skip
            axes.set_title(title, fontsize=8)
    figure.tight_layout(pad=0.4)
    figure.savefig(path)
