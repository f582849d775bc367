"""Hips drawn: prediction beside label with the mJSW line, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hipseg.inference.hips import HipPrediction
from hipseg.labels.landmarks import Points
from hipseg.measure.joint_space import JointSpace
from hipseg.report.case_figures import DIFFERENCE_COLOURS, difference

_LABEL_COLOURS: Final = ListedColormap(["#00000000", "#4e9de6", "#f2a33a", "#e8505b"])
_MARGIN_PX: Final = 14


@dataclass(frozen=True)
class HipPicture:
    """What is drawn of a hip, as a right one.

    Attributes:
        image: (rows, columns) in [0, 1], the field that the network saw.
        label: Its label map.
        predicted: The predicted one.
        reference: Measured on the landmarks.
        label_line: Measured on the label map of the whole stored image.
        offset_mm: Where the field's first pixel lies in it, x and y.
        predicted_line: Measured on the prediction.
        spacing_mm: Millimetres per pixel.
    """

    image: NDArray[np.float32]
    label: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    reference: JointSpace
    label_line: JointSpace
    offset_mm: Points
    predicted_line: JointSpace
    spacing_mm: float


def choose_hips(hips: pd.DataFrame, count: int) -> list[str]:
    """Samples spread evenly from the worst to the best mean Dice."""
    dice = hips.filter(regex="^dice_").mean(axis=1).to_numpy()
    order = np.argsort(dice, kind="stable")
    chosen = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [str(hips["sample"].iloc[order[i]]) for i in chosen]


def _window(picture: HipPicture) -> tuple[slice, slice]:
    """The part around both label maps."""
    rows, columns = np.nonzero((picture.label > 0) | (picture.predicted > 0))
    if not len(rows):
        return slice(None), slice(None)
    return (
        slice(max(0, rows.min() - _MARGIN_PX), rows.max() + _MARGIN_PX),
        slice(max(0, columns.min() - _MARGIN_PX), columns.max() + _MARGIN_PX),
    )


def _draw_line(axes: Axes, line: JointSpace, offset_mm: Points, spacing_mm: float, corner: Points) -> None:
    if line.status == "ok":
        ends = (np.stack([line.on_head_mm, line.on_roof_mm]) - offset_mm) / spacing_mm - corner
        axes.plot(*ends.T, "-", color="white", linewidth=1.6)
        axes.plot(*ends.T, "o", color="white", markersize=2.2)


def _draw_row(row: list[Axes], name: str, picture: HipPicture) -> None:
    window = _window(picture)
    corner = np.array([window[1].start or 0, window[0].start or 0])
    image = picture.image[window]
    for axes in row[:4]:
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    label, predicted = picture.label[window], picture.predicted[window]
    for axes, pixels, line, offset in (
        (row[1], label, picture.label_line, picture.offset_mm),
        (row[2], predicted, picture.predicted_line, np.zeros(2)),
    ):
        axes.imshow(pixels, cmap=_LABEL_COLOURS, vmin=0, vmax=3, alpha=0.55, interpolation="nearest")
        _draw_line(axes, line, offset, picture.spacing_mm, corner)
    marked = difference(label, predicted)
    row[3].imshow(marked, cmap=DIFFERENCE_COLOURS, vmin=0, vmax=3, alpha=0.8, interpolation="nearest")
    _draw_profiles(row[4], picture)
    row[0].set_title(name, fontsize=8)
    row[1].set_title(f"label: {_said(picture.label_line)} (reference {picture.reference.mjsw_mm:.2f} mm)", fontsize=8)
    row[2].set_title(f"prediction: {_said(picture.predicted_line)}", fontsize=8)
    row[3].set_title("red: only predicted, blue: only label, violet: other", fontsize=7)


def _draw_profiles(axes: Axes, picture: HipPicture) -> None:
    """The width along the weight-bearing region: landmarks black, label map dashed, prediction coloured."""
    styles = {"reference": "k-", "label map": "k:", "prediction": "-"}
    joints = (picture.reference, picture.label_line, picture.predicted_line)
    for (name, style), joint in zip(styles.items(), joints, strict=True):
        profile = joint.profile
        axes.plot(profile.angle_deg, profile.width_mm, style, linewidth=1.2, label=name)
    axes.set_ylim(bottom=0)
    axes.set_title("joint space width (mm), lateral to medial (degrees)", fontsize=7)
    axes.tick_params(labelsize=6)
    axes.legend(fontsize=6)


def _said(line: JointSpace) -> str:
    return f"{line.mjsw_mm:.2f} mm" if line.status == "ok" else line.status.replace("_", " ")


def draw_hips(pictures: Mapping[str, HipPicture], path: Path) -> None:
    """A row a hip: image, label, prediction, difference, widths along the joint; the white line is the mJSW.

    Args:
        pictures: By name.
        path: PNG file.
    """
    figure = Figure(figsize=(15, 2.9 * len(pictures)), dpi=110)
    rows = figure.subplots(len(pictures), 5, squeeze=False)
    for row, (name, picture) in zip(rows, pictures.items(), strict=True):
        _draw_row(list(row), name, picture)
    figure.tight_layout(pad=0.4)
    figure.savefig(path)


def draw_prediction(hips: Sequence[HipPrediction], lines: Sequence[JointSpace], path: Path) -> None:
    """The hips of one film with their predicted labels and mJSW lines.

    Args:
        hips: What a network said.
        lines: Measured on it.
        path: PNG file.
    """
    figure = Figure(figsize=(5 * len(hips), 5.2), dpi=110)
    for axes, hip, line in zip(figure.subplots(1, len(hips), squeeze=False)[0], hips, lines, strict=True):
        axes.imshow(hip.image, cmap="gray", vmin=0, vmax=1)
        axes.imshow(hip.labels, cmap=_LABEL_COLOURS, vmin=0, vmax=3, alpha=0.45, interpolation="nearest")
        _draw_line(axes, line, np.zeros(2), hip.grid.spacing_mm, np.zeros(2))
        mirrored = " (mirrored)" if hip.side == "left" else ""
        axes.set_title(f"{hip.side}{mirrored}: {_said(line)}", fontsize=9)
        axes.set_axis_off()
    figure.tight_layout(pad=0.4)
    figure.savefig(path)
