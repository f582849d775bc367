"""The reference minimum joint space width: the distance between the joint's two curves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from skimage.measure import points_in_poly

from hipseg.labels.circle import head_circle
from hipseg.labels.curves import JointCurves, spline_curves
from hipseg.labels.landmarks import Points
from hipseg.measure.joint_space import JointSpace
from hipseg.measure.weight_bearing import width_profile


class Gap(NamedTuple):
    """The shortest line between head and sourcil, in the unit and frame of the curves.

    Attributes:
        width: Its length; 0 where bone lies on bone.
        on_head: Its end on the femoral head, (2,).
        on_sourcil: Its end on the sourcil, (2,).
    """

    width: float
    on_head: Points
    on_sourcil: Points


def _facing_stretches(curves: JointCurves) -> JointCurves:
    """The part of each curve, at least two vertices, between which the shortest line lies.

    Two closest vertices bound its length; at a right angle to it, a vertex of the segment it meets is at most half that
    segment away.
    """
    distance2 = cdist(*curves, "sqeuclidean")
    bound = distance2.min() + _longest_step(curves) ** 2 / 4
    stretches = []
    for axis, curve in enumerate(curves):
        near = np.flatnonzero(distance2.min(axis=1 - axis) <= bound)
        stretches.append(curve[max(0, near[0] - 1) : near[-1] + 2])
    return JointCurves(*stretches)


def _inside(points: Points, outline: Points) -> Points:
    """Those of the points (n, 2) that lie in an outline (m, 2)."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    near = points[((points >= low) & (points <= high)).all(axis=1)]
    return np.asarray(near[points_in_poly(near, outline)])


def _nearest(points: Points, line: Points) -> tuple[float, Points, Points]:
    """The pair of one of `points` (n, 2) and a point on the polyline `line` (m, 2) that lie closest."""
    start, along = line[:-1], np.diff(line, axis=0)
    dx, dy = along.T
    x, y = points[:, :1] - start[:, 0], points[:, 1:] - start[:, 1]
    fraction = np.clip((x * dx + y * dy) / np.maximum(dx * dx + dy * dy, 1e-18), 0.0, 1.0)
    distance2 = (x - fraction * dx) ** 2 + (y - fraction * dy) ** 2
    i, j = np.unravel_index(np.argmin(distance2), distance2.shape)
    return float(np.sqrt(distance2[i, j])), points[i], start[j] + fraction[i, j] * along[j]


def _crossing(first: Points, second: Points) -> Points | None:
    """Where two polylines cross, if they do."""
    a, b = first[:-1, None], second[None, :-1]
    da, db = np.diff(first, axis=0)[:, None], np.diff(second, axis=0)[None]
    across = da[..., 0] * db[..., 1] - da[..., 1] * db[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        along_a = ((b - a)[..., 0] * db[..., 1] - (b - a)[..., 1] * db[..., 0]) / across
        along_b = ((b - a)[..., 0] * da[..., 1] - (b - a)[..., 1] * da[..., 0]) / across
    hits = np.argwhere((along_a >= 0) & (along_a <= 1) & (along_b >= 0) & (along_b <= 1))
    if not len(hits):
        return None
    i, j = hits[len(hits) // 2]
    return np.asarray(first[i] + along_a[i, j] * (first[i + 1] - first[i]))


def _longest_step(curves: JointCurves) -> float:
    return max(float(np.hypot(*np.diff(curve, axis=0).T).max()) for curve in curves)


def reference_gap(curves: JointCurves) -> Gap:
    """Measure the minimum joint space width on the curves of one hip.

    Two polylines that don't cross are closest at a vertex of one of them, so both directions are searched point to
    segment. A sourcil that reaches into the head (closed by its chord) is bone on bone.

    Args:
        curves: Head and sourcil.
    """
    inside = _inside(curves.sourcil, curves.femoral_head)
    if len(inside):
        point = inside[len(inside) // 2]
        return Gap(0.0, point, point)
    head, sourcil = _facing_stretches(curves)
    width_a, on_head_a, on_sourcil_a = _nearest(head, sourcil)
    width_b, on_sourcil_b, on_head_b = _nearest(sourcil, head)
    # Polylines that cross have vertices within half a segment of each other.
    if min(width_a, width_b) <= _longest_step(curves) / 2:
        crossing = _crossing(curves.femoral_head, curves.sourcil)
        if crossing is not None:
            return Gap(0.0, crossing, crossing)
    if width_a <= width_b:
        return Gap(width_a, on_head_a, on_sourcil_a)
    return Gap(width_b, on_head_b, on_sourcil_b)


def reference_width(landmarks_mm: Points) -> JointSpace:
    """Measure a right hip on its landmarks.

    Args:
        landmarks_mm: (80, 2), x then y; of a left hip as it lies in the mirrored image.
    """
    curves = spline_curves(landmarks_mm)
    gap = reference_gap(curves)
    return JointSpace(gap.width, gap.on_head, gap.on_sourcil, "ok", width_profile(curves, head_circle(landmarks_mm)))
