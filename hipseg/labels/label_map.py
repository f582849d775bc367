"""One hip's landmarks as a label map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from hipseg.labels.circle import head_circle
from hipseg.labels.curves import CurveFunction, JointCurves
from hipseg.labels.landmarks import FEMORAL_HEAD, FEMUR, ROOF, ROOF_TOP, SOURCIL_LATERAL, SOURCIL_MEDIAL, Points

LABEL_NAMES: Final = ("background", "femoral_head", "acetabular_roof", "joint_space")
FEMORAL_HEAD_LABEL: Final = LABEL_NAMES.index("femoral_head")
ROOF_LABEL: Final = LABEL_NAMES.index("acetabular_roof")
JOINT_SPACE_LABEL: Final = LABEL_NAMES.index("joint_space")

_FINENESS: Final = 16  # parts of a pixel's side that shares are counted in
_NEAR_PX: Final = 8


def femur_outline(landmarks: Points, curves: JointCurves) -> Points:
    """The proximal femur's closed outline: chords, with the head's curve in place of its arc."""
    before, after = landmarks[FEMUR.start : FEMORAL_HEAD.start], landmarks[FEMORAL_HEAD.stop : FEMUR.stop]
    return np.concatenate([before, curves.femoral_head, after])


def roof_outline(landmarks: Points, curves: JointCurves) -> Points:
    """The acetabular roof's closed outline: lateral chords, the sourcil, and the corner above its medial end."""
    corner = [[landmarks[SOURCIL_MEDIAL, 0], landmarks[ROOF_TOP, 1]]]
    return np.concatenate([landmarks[ROOF.start : SOURCIL_LATERAL], curves.sourcil, corner])


def joint_space_outline(landmarks: Points) -> Points:
    """The region in which what is neither femur nor roof is joint space."""
    medial_x, top_y = landmarks[SOURCIL_MEDIAL, 0], landmarks[ROOF_TOP, 1]
    centre = head_circle(landmarks).centre
    return np.array([landmarks[SOURCIL_LATERAL], centre, (medial_x, centre[1]), (medial_x, top_y), landmarks[ROOF_TOP]])


def _fill(shape: tuple[int, int], outline: Points) -> NDArray[np.bool_]:
    """`polygon2mask` by scan lines, for large shapes: every edge flips what lies right of it in its rows."""
    row, column = outline.T
    row_after, column_after = np.roll(row, -1), np.roll(column, -1)
    y = np.arange(shape[0])[:, None]
    line, edge = np.nonzero((row <= y) != (row_after <= y))
    slope = (column_after - column)[edge] / (row_after - row)[edge]
    x = column[edge] + (line - row[edge]) * slope
    flips = np.zeros((shape[0], shape[1] + 1), dtype=np.uint8)
    np.add.at(flips, (line, np.clip(np.ceil(x), 0, shape[1]).astype(int)), 1)
    return np.asarray(np.bitwise_xor.accumulate(flips & 1, axis=1)[:, :-1].astype(bool))


def draw_label_map(
    landmarks: Points,
    shape: tuple[int, int],
    curve_function: CurveFunction,
    fill: Callable[[tuple[int, int], Points], NDArray[np.bool_]] = polygon2mask,
) -> NDArray[np.uint8]:
    """Draw one hip; where regions overlap femur lies over roof, and roof over joint space.

    Args:
        landmarks: (80, 2) in pixel-centre coordinates of the image, x then y.
        shape: Rows and columns of the image; what lies beyond it is cut off.
        curve_function: How head and sourcil run between their landmarks.
        fill: Shape and outline (n, 2), row then column, to the mask of pixels whose centre is inside.

    Returns:
        (rows, columns) uint8 in the order of `LABEL_NAMES`; a pixel has a region's label if its centre is inside.
    """
    curves = curve_function(landmarks)
    labels = np.zeros(shape, dtype=np.uint8)
    for outline, label in (
        (joint_space_outline(landmarks), JOINT_SPACE_LABEL),
        (roof_outline(landmarks, curves), ROOF_LABEL),
        (femur_outline(landmarks, curves), FEMORAL_HEAD_LABEL),
    ):
        # Rounded so that an outline and its mirror image decide alike where an edge runs through pixel centres.
        snapped = np.rint(outline[:, ::-1] * 2**20) / 2**20
        labels[fill(shape, snapped)] = label
    return labels


def draw_label_shares(landmarks: Points, shape: tuple[int, int], curve_function: CurveFunction) -> NDArray[np.float32]:
    """The share of every pixel's area that each label of one hip covers around its joint: a label map with soft edges.

    Args:
        landmarks: As in `draw_label_map`.
        shape: Likewise.
        curve_function: Likewise.

    Returns:
        (labels, rows, columns) in steps of 1/256. Further than a few pixels from roof and joint space the shares are
        those of the label map, 0 or 1.
    """
    labels = draw_label_map(landmarks, shape, curve_function)
    shares = (labels == np.arange(len(LABEL_NAMES), dtype=np.uint8)[:, None, None]).astype(np.float32)
    near = np.argwhere((labels == ROOF_LABEL) | (labels == JOINT_SPACE_LABEL))
    if not len(near):
        return shares
    first = np.maximum(near.min(axis=0) - _NEAR_PX, 0)
    last = np.minimum(near.max(axis=0) + _NEAR_PX + 1, shape)
    rows, columns = (int(size) for size in last - first)
    fine = (landmarks - first[::-1] + 0.5) * _FINENESS - 0.5
    drawn = draw_label_map(fine, (rows * _FINENESS, columns * _FINENESS), curve_function, _fill)
    blocks = drawn.reshape(rows, _FINENESS, columns, _FINENESS)
    for label, share in enumerate(shares):
        share[first[0] : last[0], first[1] : last[1]] = (blocks == label).mean(axis=(1, 3))
    return shares
