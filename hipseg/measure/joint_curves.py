"""The two curves that face each other across the joint, to a fraction of a pixel, from label probabilities.

The head's curve is its 0.5 contour, as far as roof or joint space lie behind it, continued where the roof is no longer
certain. The sourcil is the roof's contour towards head and joint space; where the background begins a 0.5 contour would
round the corner off, so there the background counts as missing (normalised convolution, Knutsson and Westin, CVPR 1993)
and the ends are redrawn.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, find_objects, label, maximum_filter

from hipseg.labels.circle import Circle, fit_circle, robust_circle
from hipseg.labels.curves import JointCurves
from hipseg.labels.label_map import FEMORAL_HEAD_LABEL, ROOF_LABEL
from hipseg.labels.landmarks import Points
from hipseg.measure.head_end import continue_medially
from hipseg.measure.sourcil_ends import redraw_ends
from hipseg.measure.tracing import Image, blur, contours, facing, join, log_odds, trace
from hipseg.measure.weight_bearing import angles

_MARGIN_PX: Final = 6
_SOME: Final = 0.02
_COMPARABLE: Final = 0.4  # a second hip's bone is about as large as this one's
_EDGE_PX: Final = 3
_PIECE: Final = 0.15  # a piece of a broken roof has so much of the largest one's pixels
_FIRST_REACH: Final = 1.6  # of the first circle's radius, in which the head's outline is looked for
_HEAD_ARC_DEG: Final = (-66.0, 147.0)  # from neck to neck, as landmarks 18 to 27 lie on an average hip
_ENOUGH_ARC: Final = 0.6  # of which a sound head's outline follows more
_ON_CIRCLE: Final = 0.08  # of the radius
_BIN_DEG: Final = 3.0
_SMALLEST_PX: Final = 5.0
_FACING: Final = 0.5  # the sourcil's normal points to the head's centre within 60 degrees


class TracedJoint(NamedTuple):
    """What can be measured, in pixel-centre coordinates.

    Attributes:
        curves: Head and sourcil, each from lateral to medial.
        head: The circle of the femoral head.
        bridged_deg: The widest gap in either curve, seen from the head's centre; an arc bridges it.
    """

    curves: JointCurves
    head: Circle
    bridged_deg: float


class NotTraced(Exception):
    """There is no joint to trace; its argument is the status that says why."""


def trace_joint(probabilities: Image) -> TracedJoint:
    """Trace the joint of a right hip.

    Args:
        probabilities: (4, rows, columns): background, femoral head, acetabular roof, joint space.

    Raises:
        NotTraced: With a status.
    """
    for status, channel in (("no_femoral_head", FEMORAL_HEAD_LABEL), ("no_roof", ROOF_LABEL)):
        if not probabilities[channel].max() > 0.5:
            raise NotTraced(status)
    window = _crop(probabilities)
    corner = np.array([window[1].start, window[0].start], dtype=float)
    head, roof, space = blur(probabilities[1:, window[0], window[1]])
    # How large a part is, and what holds a roof with a notch together, may show above and below the window only.
    if not _is_one_part(head > 0.5):
        head, space = _own_part(head, space, probabilities[FEMORAL_HEAD_LABEL][:, window[1]] > 0.5, window[0].start)
    whole = slice(None, window[0].stop), window[1]
    roof, space = _own_part(roof, space, probabilities[ROOF_LABEL][whole] > 0.5, window[0].start, broken=True)
    below = trace(log_odds(head, 1 - head), roof + space - (1 - head) / 2)
    bone = head + roof + space
    above = trace(np.where(bone > _SOME, log_odds(roof, head + space), 1), bone - 0.5)
    if not below:
        raise NotTraced("no_joint_space")
    try:
        circle = _fit_head(probabilities[FEMORAL_HEAD_LABEL], np.concatenate(below) + corner)
    except (ValueError, np.linalg.LinAlgError):
        raise NotTraced("no_joint_space") from None
    centre = circle.centre - corner
    above = [run for piece in above for run in facing(piece, centre, _FACING)]
    if not above:
        raise NotTraced("no_joint_space")
    (lower, gap), (upper, other_gap) = join(below, centre), join(above, centre)
    upper = redraw_ends(upper, head + space - (1 - roof) / 2, roof - (1 - head - space) / 2, centre)
    if min(len(lower), len(upper)) < 2:
        raise NotTraced("no_joint_space")
    lower = continue_medially(lower, upper, probabilities[ROOF_LABEL][window], centre)
    return TracedJoint(JointCurves(lower + corner, upper + corner), circle, max(gap, other_gap))


def _crop(probabilities: Image) -> tuple[slice, slice]:
    """Where joint space and roof lie, but for the roof above all head and joint space, with a margin."""
    head, roof, space = probabilities[1:, ::2]
    upper = roof + space > 0.5
    rows, columns = np.flatnonzero(upper.any(axis=1)), np.flatnonzero(upper.any(axis=0))
    if not len(rows):
        raise NotTraced("no_joint_space")
    around = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    lower = (head[around] + space[around] > 0.5).any(axis=1)
    top = rows[0] + int(lower.argmax())
    return _widened(2 * top, 2 * rows[-1]), _widened(columns[0], columns[-1])


def _widened(first: int, last: int) -> slice:
    return slice(max(0, int(first) - _MARGIN_PX), int(last) + _MARGIN_PX + 1)


def _own_part(bone: Image, space: Image, seen: Image, first_row: int, broken: bool = False) -> tuple[Image, Image]:
    """The right hip's bone, the leftmost of the large connected parts; all other parts count as joint space.

    Args:
        bone: Its share of pixels.
        space: The joint space's.
        seen: Where the bone is, in more rows than those of `bone`.
        first_row: Of these, the first of `bone`.
        broken: Whether pieces beside that part are this hip's too.
    """
    if _is_one_part(seen):
        return bone, space
    parts, count = label(seen)
    if count == 0:
        raise NotTraced("no_joint_space")
    if count == 1:
        return bone, space
    sizes, columns = np.bincount(parts.ravel())[1:], [place[1] for place in find_objects(parts)]
    first = min(np.flatnonzero(sizes >= _COMPARABLE * sizes.max()), key=lambda i: columns[i].start)
    own = {first}
    if broken:
        reach = 2 * columns[first].stop - columns[first].start
        own |= {i for i in np.flatnonzero(sizes >= _PIECE * sizes.max()) if columns[i].start < reach}
    parts = parts[first_row : first_row + len(bone)]
    kept = np.isin(parts, [i + 1 for i in own])
    # With their blurred edges, of which contours would be left.
    lost = binary_dilation((parts > 0) & ~kept, iterations=_EDGE_PX) & ~kept
    rest = np.where(lost, bone, np.float32(0))
    return bone - rest, space + rest


def _is_one_part(seen: Image) -> bool:
    """Whether a part (rows, columns) is certainly connected: one run of pixels a column, each beside the next one's."""
    columns = np.flatnonzero(seen.any(axis=0))
    if not len(columns) or columns[-1] - columns[0] >= len(columns):
        return False
    within = seen[:, columns[0] : columns[-1] + 1]
    first, last = within.argmax(axis=0), len(within) - 1 - within[::-1].argmax(axis=0)
    single = (within.sum(axis=0) == last - first + 1).all()
    return bool(single and (first[1:] <= last[:-1]).all() and (last[1:] >= first[:-1]).all())


def _fit_head(share: Image, facing_joint: Points) -> Circle:
    """The head's circle from its whole round part.

    Begun with the part (n, 2) that faces the joint; where its circle is not the outline's, because that part is short
    or not round, with the largest circle within the femur that touches it.
    """
    circle = robust_circle(facing_joint)
    found = _fit_from(circle, share, facing_joint)
    if _followed(found, share) < _ENOUGH_ARC and (inner := _inscribed(share, facing_joint)) is not None:
        other = _fit_from(inner, share, facing_joint)
        found = max(found, other, key=lambda one: _followed(one, share))
    return found


def _outline_about(circle: Circle, share: Image) -> Points:
    """The femur's contour within reach of a circle, (n, 2), and its angles in degrees and radii about the centre."""
    reach, step = _FIRST_REACH * circle.radius, max(1, int(circle.radius / 30))
    low = np.maximum(np.floor(circle.centre - reach).astype(int), 0)
    high = np.minimum(np.ceil(circle.centre + reach).astype(int) + 1, share.shape[::-1])
    part = share[low[1] : high[1] : step, low[0] : high[0] : step]
    if min(part.shape) < 2:
        return np.empty((0, 2))
    return np.asarray(np.concatenate([*contours(part, 0.5), np.empty((0, 2))]) * step + low)


def _fit_from(circle: Circle, share: Image, facing_joint: Points) -> Circle:
    """The circle of the head's round part, begun with one that is about right."""
    outline = _outline_about(circle, share)
    if not len(outline):
        return circle
    for tolerance in (0.25, 0.12):
        angle, radius = np.rad2deg(angles(outline, circle.centre)), np.hypot(*(outline - circle.centre).T)
        arc = (angle > _HEAD_ARC_DEG[0]) & (angle < _HEAD_ARC_DEG[1])
        arc &= np.abs(radius - circle.radius) < tolerance * circle.radius
        circle = fit_circle(np.concatenate([outline[arc], facing_joint]))
    return circle


def _followed(circle: Circle, share: Image) -> float:
    """The part of the head's arc, from neck to neck, along which the femur's outline follows a circle."""
    outline = _outline_about(circle, share)
    if not len(outline):
        return 0.0
    near = np.abs(np.hypot(*(outline - circle.centre).T) - circle.radius) < _ON_CIRCLE * circle.radius
    angle = np.rad2deg(angles(outline[near], circle.centre))
    degrees = np.unique(angle[(angle > _HEAD_ARC_DEG[0]) & (angle < _HEAD_ARC_DEG[1])] // _BIN_DEG)
    return float(len(degrees) * _BIN_DEG / (_HEAD_ARC_DEG[1] - _HEAD_ARC_DEG[0]))


def _inscribed(share: Image, facing_joint: Points) -> Circle | None:
    """Of all circles within the femur the one that the part (n, 2) facing the joint follows best; None without any."""
    femur = np.pad(share > 0.5, 1)
    distance = distance_transform_edt(femur)[1:-1, 1:-1]
    rows, columns = np.nonzero((distance == maximum_filter(distance, 5)) & (distance > _SMALLEST_PX))
    if not len(rows):
        return None
    radius = distance[rows, columns]
    away = np.hypot(columns[:, None] - facing_joint[:, 0], rows[:, None] - facing_joint[:, 1])
    off = np.median(np.abs(away - radius[:, None]), axis=1) / radius
    best = int(off.argmin())
    return Circle(float(columns[best]), float(rows[best]), float(radius[best]))
