"""Where the proximal femurs of a CT lie: their shafts are rings of compact bone at the lower end of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes
from skimage.measure import label, regionprops

from hipseg.geometry.volume import Volume
from hipseg.labels.landmarks import SIDES, Side

_BONE_HU: Final = 350.0
_COMPACT_HU: Final = 600.0  # on average in a shaft's ring
_BODY_HU: Final = -300.0
_SHAFT_MM2: Final = (300.0, 1600.0)
_ROUND: Final = 0.88  # solidity, and the shorter axis against the longer
_LONGEST: Final = 1.7
_UPWARDS_MM: Final = 60.0  # of the scan's lower end that is searched
_STEP_MM: Final = 3.0
_SEEN_IN: Final = 3  # slices at least
_BOX_MM: Final = 153.6  # 192 voxels of 0.8 mm, as a study cuts them; what networks learn on, they are applied to
_MEDIAL_MM: Final = 26.0  # from the shaft to the middle of the femur's head, neck and trochanters
_FORWARDS_MM: Final = 8.0
_BACKGROUND_HU: Final = -1024


@dataclass(frozen=True)
class FemurBox:
    """The part of an upright volume that holds one femur; rows and columns may lie beyond it.

    Attributes:
        side: Of the femur.
        rows: First and one after the last.
        columns: Likewise.
    """

    side: Side
    rows: tuple[int, int]
    columns: tuple[int, int]

    def cut(self, values: NDArray[Any], outside: int = _BACKGROUND_HU) -> NDArray[Any]:
        """(slices, rows, columns) of an upright volume, a right femur mirrored to look like a left one."""
        wide = (
            (0, 0),
            *(_beyond(ends, n) for ends, n in ((self.rows, values.shape[1]), (self.columns, values.shape[2]))),
        )
        padded = np.pad(values, wide, constant_values=outside)
        (top, bottom), (first, last) = self.rows, self.columns
        down, across = wide[1][0], wide[2][0]
        part = padded[:, top + down : bottom + down, first + across : last + across]
        return np.ascontiguousarray(part[:, :, ::-1] if self.side == "right" else part)

    def put_back(self, part: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The inverse of `cut`, 0 elsewhere."""
        whole = np.zeros(shape, dtype=part.dtype)
        seen = part[:, :, ::-1] if self.side == "right" else part
        (top, bottom), (first, last) = self.rows, self.columns
        rows, columns = slice(max(top, 0), min(bottom, shape[1])), slice(max(first, 0), min(last, shape[2]))
        whole[:, rows, columns] = seen[
            :, rows.start - top : rows.stop - top, columns.start - first : columns.stop - first
        ]
        return whole


def _beyond(ends: tuple[int, int], length: int) -> tuple[int, int]:
    return max(-ends[0], 0), max(ends[1] - length, 0)


def find_femurs(volume: Volume) -> list[FemurBox]:
    """The box of each femur whose shaft is seen, right then left: 153.6 mm forwards and across, as high as the scan.

    Args:
        volume: In Hounsfield units, upright (see `hipseg.geometry.volume.upright`).
    """
    down, along, across = volume.grid.spacing_mm
    middle = _middle(volume.values)
    seen: dict[Side, list[tuple[float, float]]] = {side: [] for side in SIDES}
    step = max(1, round(_STEP_MM / down))
    for index in range(0, min(round(_UPWARDS_MM / down), volume.values.shape[0]), step):
        for row, column in _shafts(volume.values[index], along, across):
            seen["left" if column > middle else "right"].append((row, column))
    boxes = []
    for side in SIDES:
        if len(seen[side]) < _SEEN_IN:
            continue
        row, column = np.median(seen[side], axis=0)
        inwards = _MEDIAL_MM / across * (-1 if side == "left" else 1)
        rows, columns = round(_BOX_MM / along), round(_BOX_MM / across)
        top = round(row - _FORWARDS_MM / along - rows / 2)
        first = round(column + inwards - columns / 2)
        boxes.append(FemurBox(side, (top, top + rows), (first, first + columns)))
    return boxes


def _middle(values: NDArray[Any]) -> float:
    """The column of the body's middle."""
    columns = (values > _BODY_HU).sum(axis=(0, 1)).astype(np.float64)
    return float((columns * np.arange(len(columns))).sum() / max(columns.sum(), 1))


def _shafts(image: NDArray[Any], along: float, across: float) -> list[tuple[float, float]]:
    """Row and column of what looks like a femoral shaft in one slice."""
    bone = image > _BONE_HU
    filled = binary_fill_holes(bone)
    found = []
    for part in regionprops(label(filled)):
        area = part.area * along * across
        if not _SHAFT_MM2[0] < area < _SHAFT_MM2[1] or part.solidity < _ROUND:
            continue
        if part.axis_major_length > _LONGEST * max(part.axis_minor_length, 1e-6):
            continue
        inside = tuple(part.coords.T)
        ring = bone[inside]
        hollow = image[inside][~ring]
        if image[inside][ring].mean() > _COMPACT_HU and (hollow.size > 0 or area < 2 * _SHAFT_MM2[0]):
            found.append((float(part.centroid[0]), float(part.centroid[1])))
    return found
