"""mJSW of a label map on pixel borders, as the thesis measures it, but in millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hipseg.labels.label_map import FEMORAL_HEAD_LABEL, JOINT_SPACE_LABEL, ROOF_LABEL
from hipseg.labels.landmarks import Points
from hipseg.measure.joint_space import JointSpace


def _shared_edges(labels: NDArray[np.integer], first: int, second: int) -> Points:
    """Midpoints (n, 2), x then y, of the pixel edges between two labels."""
    points = []
    for axis, half in ((0, (0.0, 0.5)), (1, (0.5, 0.0))):
        a = labels[:-1] if axis == 0 else labels[:, :-1]
        b = labels[1:] if axis == 0 else labels[:, 1:]
        rows, columns = np.nonzero(((a == first) & (b == second)) | ((a == second) & (b == first)))
        points.append(np.stack([columns + half[0], rows + half[1]], axis=1))
    return np.concatenate(points)


def border_width(labels: NDArray[np.integer], spacing_mm: float) -> JointSpace:
    """The shortest line between the joint space's border with the roof and its border with the femoral head.

    Borders are the midpoints of pixel edges, so the result has the pixel's resolution, and the minimum over jagged
    borders falls short of the true width. Head and roof that share an edge are bone on bone, 0 mm.

    Args:
        labels: (rows, columns) label map of a right hip.
        spacing_mm: Millimetres per pixel.
    """
    if not (labels == FEMORAL_HEAD_LABEL).any():
        return JointSpace.failed("no_femoral_head")
    if not (labels == ROOF_LABEL).any():
        return JointSpace.failed("no_roof")
    touching = _shared_edges(labels, FEMORAL_HEAD_LABEL, ROOF_LABEL)
    if len(touching):
        point = touching[len(touching) // 2] * spacing_mm
        return JointSpace(0.0, point, point, "ok")
    upper = _shared_edges(labels, JOINT_SPACE_LABEL, ROOF_LABEL)
    lower = _shared_edges(labels, JOINT_SPACE_LABEL, FEMORAL_HEAD_LABEL)
    if not (len(upper) and len(lower)):
        return JointSpace.failed("no_joint_space")
    distance, nearest = cKDTree(upper).query(lower)
    best = int(np.argmin(distance))
    ends = lower[best] * spacing_mm, upper[nearest[best]] * spacing_mm
    return JointSpace(float(distance[best] * spacing_mm), *ends, "ok")
