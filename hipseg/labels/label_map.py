"""One hip's landmarks as a label map."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from hipseg.labels.circle import Circle, head_circle
from hipseg.labels.curves import CurveFunction, JointCurves
from hipseg.labels.landmarks import FEMORAL_HEAD, FEMUR, ROOF, ROOF_TOP, SOURCIL_LATERAL, SOURCIL_MEDIAL, Points

LABEL_NAMES: Final = ("background", "femoral_head", "acetabular_roof", "joint_space")
FEMORAL_HEAD_LABEL: Final = LABEL_NAMES.index("femoral_head")
ROOF_LABEL: Final = LABEL_NAMES.index("acetabular_roof")
JOINT_SPACE_LABEL: Final = LABEL_NAMES.index("joint_space")

_NEAR_PX: Final = 8
_REACHES: Final = 1.25  # of the radius, up to the middle of what lies beside the joint


def head_under_joint(labels: NDArray[np.integer[Any]]) -> Circle | None:
    """About where a label map's femoral head lies: the largest circle within the femur that reaches up to the joint.

    Args:
        labels: (rows, columns) of one hip.

    Returns:
        In pixel-centre coordinates; None if no femur lies beside joint space or roof.
    """
    joint = np.pad((labels == JOINT_SPACE_LABEL) | (labels == ROOF_LABEL), 1)
    beside = joint[:-2, 1:-1] | joint[2:, 1:-1] | joint[1:-1, :-2] | joint[1:-1, 2:]
    femur = labels == FEMORAL_HEAD_LABEL
    rows, columns = np.nonzero(beside & femur)
    if not len(rows):
        return None
    radius = distance_transform_edt(np.pad(femur, 1))[1:-1, 1:-1]
    y, x = np.indices(labels.shape)
    away = np.hypot(y - np.median(rows), x - np.median(columns))
    row, column = np.unravel_index(int(np.where(away < _REACHES * radius, radius, 0).argmax()), labels.shape)
    return Circle(float(column), float(row), float(radius[row, column]))


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


def fill(shape: tuple[int, int], outline: Points) -> NDArray[np.bool_]:
    """Pixels whose centre lies in an outline (n, 2), row then column: an edge flips what lies right of it in its rows.

    As `skimage.draw.polygon2mask`, but that a level lower edge through pixel centres lies outside.
    """
    mask = np.zeros(shape, dtype=bool)
    # An outline is a small part of a film.
    first = np.clip(np.floor(outline.min(axis=0)), 0, shape).astype(int)
    last = np.clip(np.ceil(outline.max(axis=0)) + 1, 0, shape).astype(int)
    rows, columns = (int(size) for size in last - first)
    if rows <= 0 or columns <= 0:
        return mask
    row, column = (outline - first).T
    row_after, column_after = np.roll(row, -1), np.roll(column, -1)
    y = np.arange(rows)[:, None]
    line, edge = np.nonzero((row <= y) != (row_after <= y))
    slope = (column_after - column)[edge] / (row_after - row)[edge]
    x = column[edge] + (line - row[edge]) * slope
    flips = np.zeros((rows, columns + 1), dtype=np.uint8)
    np.add.at(flips, (line, np.clip(np.ceil(x), 0, columns).astype(int)), 1)
    filled = np.bitwise_xor.accumulate(flips & 1, axis=1)[:, :-1]
    # What lies on an edge is inside, on the left of an outline as on its right.
    exact = (x == np.rint(x)) & (x >= 0) & (x < columns)
    filled[line[exact], x[exact].astype(int)] = 1
    mask[first[0] : last[0], first[1] : last[1]] = filled
    return mask


class HipOutlines(NamedTuple):
    """One hip's closed outlines (n, 2), x then y; where they overlap, later ones lie over earlier ones."""

    joint_space: Points
    roof: Points
    femur: Points


def hip_outlines(landmarks: Points, curve_function: CurveFunction) -> HipOutlines:
    """The outlines of one hip's (80, 2) landmarks, in their unit and frame."""
    curves = curve_function(landmarks)
    return HipOutlines(
        joint_space_outline(landmarks), roof_outline(landmarks, curves), femur_outline(landmarks, curves)
    )


def _paint(outlines: HipOutlines, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Label every pixel whose centre is inside."""
    labels = np.zeros(shape, dtype=np.uint8)
    for outline, label in zip(outlines, (JOINT_SPACE_LABEL, ROOF_LABEL, FEMORAL_HEAD_LABEL), strict=True):
        # Rounded so that an outline and its mirror image decide alike where an edge runs through pixel centres.
        snapped = np.rint(outline[:, ::-1] * 2**20) / 2**20
        labels[fill(shape, snapped)] = label
    return labels


def draw_label_map(landmarks: Points, shape: tuple[int, int], curve_function: CurveFunction) -> NDArray[np.uint8]:
    """Draw one hip; where regions overlap femur lies over roof, and roof over joint space.

    Args:
        landmarks: (80, 2) in pixel-centre coordinates of the image, x then y.
        shape: Rows and columns of the image; what lies beyond it is cut off.
        curve_function: How head and sourcil run between their landmarks.

    Returns:
        (rows, columns) uint8 in the order of `LABEL_NAMES`; a pixel has a region's label if its centre is inside.
    """
    return _paint(hip_outlines(landmarks, curve_function), shape)


def soften_label_map(labels: NDArray[np.uint8], outlines: HipOutlines, fineness: int) -> NDArray[np.float32]:
    """The share of every pixel's area that each label of one hip covers around its joint: a label map with soft edges.

    Args:
        labels: (rows, columns), the label map.
        outlines: The hip's, in the label map's pixel-centre coordinates.
        fineness: Parts of a pixel's side that shares are counted in.

    Returns:
        (labels, rows, columns) in steps of 1 / fineness^2. Further than a few pixels from roof and joint space the
        shares are those of the label map, 0 or 1.
    """
    shares = (labels == np.arange(len(LABEL_NAMES), dtype=np.uint8)[:, None, None]).astype(np.float32)
    near = np.argwhere((labels == ROOF_LABEL) | (labels == JOINT_SPACE_LABEL))
    if not len(near):
        return shares
    first = np.maximum(near.min(axis=0) - _NEAR_PX, 0)
    last = np.minimum(near.max(axis=0) + _NEAR_PX + 1, labels.shape)
    rows, columns = (int(size) for size in last - first)
    fine = HipOutlines(*((outline - first[::-1] + 0.5) * fineness - 0.5 for outline in outlines))
    blocks = _paint(fine, (rows * fineness, columns * fineness)).reshape(rows, fineness, columns, fineness)
    for label, share in enumerate(shares):
        share[first[0] : last[0], first[1] : last[1]] = (blocks == label).mean(axis=(1, 3))
    return shares


def draw_label_shares(landmarks: Points, shape: tuple[int, int], curve_function: CurveFunction) -> NDArray[np.float32]:
    """`soften_label_map` of the label map that `draw_label_map` draws, in steps of 1/256."""
    outlines = hip_outlines(landmarks, curve_function)
    return soften_label_map(_paint(outlines, shape), outlines, 16)
