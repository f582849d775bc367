"""Whether 80 landmarks are a right hip's: what an annotator, a program or a file can get wrong."""

from __future__ import annotations

from typing import Final

import numpy as np

from hipseg.labels.circle import fit_circle, head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import FEMORAL_HEAD, SOURCIL, SOURCIL_LATERAL, SOURCIL_MEDIAL, Points
from hipseg.labels.template import template
from hipseg.measure.quality import Plausible
from hipseg.measure.reference import reference_gap
from hipseg.measure.weight_bearing import angles, width_profile

# Of the template's size. Phantom hips of all presets have a median of at most 6 mm and no landmark beyond 27 mm.
_ORDER_MM: Final = 13.0
_FAR_OFF_MM: Final = 38.0
_TURNED_DEG: Final = 50.0
_DEEPEST_MM: Final = 5.0
_ALL_ROUND: Final = 2.36  # times as much as under the roof, where predictions are judged: landmarks err one by one


def landmark_fault(landmarks_mm: Points, plausible: Plausible) -> str:
    """What is wrong with one hip's landmarks, in a sentence; empty if nothing is.

    Args:
        landmarks_mm: (80, 2), x then y, as a right hip's.
        plausible: Limits that predictions must meet too.
    """
    off, turned_deg = _off_template(landmarks_mm)
    if np.median(off) > _ORDER_MM or abs(turned_deg) > _TURNED_DEG:
        mirrored = np.median(_off_template(landmarks_mm * [-1.0, 1.0])[0])
        if mirrored < _ORDER_MM:
            return "the landmarks are a mirror image: the other side's, upside down or in reverse order"
        return "the landmarks are not in the order of a hip's on this side"
    worst = int(np.argmax(off))
    far_off = f"landmark {worst} lies {off[worst]:.0f} mm from where a hip has it" if off[worst] > _FAR_OFF_MM else ""
    return _head_fault(landmarks_mm, plausible) or _roof_fault(landmarks_mm, plausible) or far_off


def _head_fault(landmarks_mm: Points, plausible: Plausible) -> str:
    """What is wrong with the head's landmarks among themselves."""
    try:
        circle = head_circle(landmarks_mm)
    except (ValueError, np.linalg.LinAlgError):
        return "the femoral head's landmarks lie on one spot or line"
    low, high = plausible.head_radius_mm
    if not low <= circle.radius <= high:
        return f"the femoral head's radius is {circle.radius:.1f} mm, not between {low:g} and {high:g}"
    head = landmarks_mm[FEMORAL_HEAD]
    turns = np.diff(np.unwrap(np.arctan2(head[:, 1] - circle.y, head[:, 0] - circle.x)))
    if (turns <= 0).any():
        return "the femoral head's landmarks are not in their order (reversed?), or lie off its circle"
    whole = fit_circle(head)
    residual = float(np.sqrt(np.mean((np.hypot(*(head - whole.centre).T) - whole.radius) ** 2)))
    if residual > (most := _ALL_ROUND * plausible.head_residual_mm):
        return f"the femoral head's landmarks lie {residual:.1f} mm off a circle, more than {most:g}"
    return ""


def _roof_fault(landmarks_mm: Points, plausible: Plausible) -> str:
    """What is wrong with the roof's landmarks, and with where they lie about the head."""
    if landmarks_mm[SOURCIL_MEDIAL, 0] <= landmarks_mm[SOURCIL_LATERAL, 0]:
        return "the roof's landmarks along the sourcil run in reverse order"
    circle, curves = head_circle(landmarks_mm), spline_curves(landmarks_mm)
    profile = width_profile(curves, circle)
    (first, second), (third, last) = plausible.lateral_deg, plausible.medial_deg
    if not (first <= profile.lateral_deg <= second and third <= profile.medial_deg <= last):
        said = f"{profile.lateral_deg:.0f} to {profile.medial_deg:.0f} degrees about the head"
        return f"the roof does not lie above the head: the sourcil spans {said}"
    if (np.diff(angles(landmarks_mm[SOURCIL], circle.centre)) <= 0).any():
        return "the roof's landmarks along the sourcil are not in their order"
    depth = circle.radius - float(np.hypot(*(curves.sourcil - circle.centre).T).min())
    if depth > _DEEPEST_MM:
        return f"the roof reaches {depth:.1f} mm into the head"
    width, jump = reference_gap(curves).width, profile.largest_change_mm()
    if width > plausible.mjsw_mm:
        return f"the joint space's width is {width:.1f} mm, more than {plausible.mjsw_mm:g}: roof and head lie apart"
    if jump > plausible.jump_mm:
        return f"the width between roof and head jumps by {jump:.1f} mm within three degrees"
    return ""


def _off_template(landmarks: Points) -> tuple[Points, float]:
    """How far (80,) each landmark lies from the template's once turned, scaled and moved onto it, in its mm; the turn.

    Least squares (Umeyama, IEEE PAMI 1991), without reflection: for all landmarks, and twice for the nearer half.
    """
    model, kept = template(), np.ones(len(landmarks), dtype=bool)
    off, angle = np.zeros(len(landmarks)), 0.0
    for _ in range(3):
        source, target = landmarks[kept], model[kept]
        a, b = (part - part.mean(axis=0) for part in (source, target))
        spread = float((a**2).sum())
        if spread <= 0:
            return np.full(len(landmarks), np.inf), 0.0
        # As complex numbers one factor turns and scales.
        factor = np.vdot(a @ [1, 1j], b @ [1, 1j]) / spread
        placed = (landmarks - source.mean(axis=0)) @ [1, 1j] * factor
        off = np.abs(placed - (model - target.mean(axis=0)) @ [1, 1j])
        angle = float(np.rad2deg(np.angle(factor)))
        kept = off <= np.median(off)
    return off, angle
