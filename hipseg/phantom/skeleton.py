"""The skeleton of one film: 80 landmarks a hip and the outlines around them, in body millimetres.

The body's frame has its origin between the hips: x from the mid-sagittal line (the right side negative, as on the
film), y downward from the height of the template's femoral heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hipseg.labels.circle import head_circle
from hipseg.labels.curves import spline_curves
from hipseg.labels.landmarks import FEMORAL_HEAD, SIDES, Points, Side
from hipseg.labels.template import template
from hipseg.measure.reference import reference_gap
from hipseg.phantom.bones import FAR_STRUCTURES, KNEE, MIDLINE_STRUCTURES, SHAFT_LATERAL, SHAFT_MEDIAL
from hipseg.phantom.subject import Shape, Stance, Subject

TEMPLATE_RADIUS_MM = 26.0
_BONE_ON_BONE_MM = 0.3
_FLAT_DEG = 32.0  # from the middle of a flattened part of the head to where it has faded to 1 / e
_BELOW = ("shaft_lateral", "shaft_medial", "knee")  # of the femur below its landmarks


@dataclass(frozen=True)
class Hip:
    """One side's outlines, in film millimetres once posed.

    Attributes:
        landmarks: (80, 2), the truth.
        structures: Other outlines and lines of this side, by name.
    """

    landmarks: Points
    structures: dict[str, Points]


def smoothstep(low: float, high: float, values: Points) -> Points:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def rotate(points: Points, centre: Points, degrees: float | Points) -> Points:
    """Rotate (n, 2) points about a centre, clockwise on the screen, by one angle or one each."""
    angle = np.deg2rad(degrees)
    x, y = (points - centre).T
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y], axis=1) + centre


def _shape_femur(points: Points, shape: Shape, leg_rotation: float) -> Points:
    """Femur points relative to the head's centre, reshaped: neck length and angle, reach, lesser trochanter."""
    neck = np.array([-0.79, 0.61])
    along = points @ neck
    radius = np.linalg.norm(points, axis=1)
    scale = shape.head_radius_mm / (TEMPLATE_RADIUS_MM / 1.15)
    # The head has its own radius, the rest follows half of it.
    points = points * (1 + (scale - 1) * (1 - 0.5 * smoothstep(28, 60, radius)))[:, None]
    # Rotating the leg outward foreshortens the neck.
    stretch = 36.0 * (shape.neck_length * np.cos(np.deg2rad(leg_rotation)) - 1.0)
    points = points + np.outer(stretch * smoothstep(18, 42, along), neck)
    base = 46.0 * neck
    points = rotate(points, base, shape.neck_shaft_deg * smoothstep(25, 55, along))
    below = np.maximum(points[:, 1] - 40.0, 0.0)
    points[:, 1] += (shape.femur_reach - 1.0) * below
    bump = np.exp(-((points[:, 1] - 60.0) ** 2) / 200.0) * smoothstep(-25, -12, points[:, 0])
    points[:, 0] += bump * (0.12 * leg_rotation)
    points[:, 1] += shape.lesser_trochanter_mm * smoothstep(42, 52, points[:, 1]) * smoothstep(-25, -12, points[:, 0])
    return points


def _shape_pelvis(points: Points, shape: Shape, stance: Stance, head_x: float) -> Points:
    """Pelvic points relative to the head's centre: the symphysis stays on the mid-line, tilt changes the foramen."""
    template_x = -head_circle(template()).x
    medial = np.maximum(points[:, 0] - 34.0, 0.0)
    factor = (-head_x - 34.0) / (template_x - 34.0)
    x = np.minimum(points[:, 0], 34.0) + medial * factor
    low = smoothstep(10.0, 45.0, points[:, 1])
    y = points[:, 1] * (1 + low * (shape.foramen_height * stance.tilt - 1.0))
    high = np.maximum(-points[:, 1] - 38.0, 0.0)
    y -= high * (shape.pelvis_height / stance.tilt - 1.0)
    return np.stack([x, y], axis=1)


def _close_joint(landmarks: Points, femur: Points, width_mm: float, migration_deg: float) -> Points:
    """The shift of the femur (with its rows of `landmarks`) at which the reference mJSW is `width_mm`."""
    direction = np.array([np.sin(np.deg2rad(migration_deg)), -np.cos(np.deg2rad(migration_deg))])

    def width(shift: float) -> float:
        moved = landmarks.copy()
        moved[FEMORAL_HEAD] += shift * direction
        return reference_gap(spline_curves(moved)).width

    open_mm, closed_mm = -12.0, 12.0
    for _ in range(16):  # to half a micrometre
        middle = (open_mm + closed_mm) / 2
        open_mm, closed_mm = (middle, closed_mm) if width(middle) > width_mm else (open_mm, middle)
    shift = open_mm + (_BONE_ON_BONE_MM if width_mm <= 0 else 0.0)
    return femur + shift * direction


def flattened(hip: Hip, loss_mm: float, towards: Points, width_mm: float) -> Hip:
    """A posed hip whose head has lost height, moved up until its joint is as wide as before.

    Args:
        hip: In film millimetres.
        loss_mm: Where most is lost, on the film.
        towards: (2,) direction of that from the head's centre, of length 1.
        width_mm: Minimum joint space width.
    """
    landmarks, circle = hip.landmarks.copy(), head_circle(hip.landmarks)
    away = landmarks[FEMORAL_HEAD] - circle.centre
    length = np.linalg.norm(away, axis=1)
    angle = np.rad2deg(np.arccos(np.clip(away @ towards / length, -1, 1)))
    landmarks[FEMORAL_HEAD] -= away / length[:, None] * (loss_mm * np.exp(-((angle / _FLAT_DEG) ** 2)))[:, None]
    moved = _close_joint(landmarks, landmarks[:40], width_mm, float(np.rad2deg(np.arctan2(towards[0], -towards[1]))))
    shift = moved[0] - landmarks[0]
    landmarks[:40] = moved
    return Hip(landmarks, hip.structures | {name: hip.structures[name] + shift for name in _BELOW})


def _right_hip(subject: Subject, stance: Stance, side: Side, width_mm: float) -> Hip:
    """One hip as if it were the right one, in body millimetres."""
    shape, base = subject.shapes[side], template()
    circle = head_circle(base)
    turn = stance.rotation if side == "right" else -stance.rotation
    head_x = circle.x * shape.pelvis_width * (1 + turn)
    centre = np.array([head_x, 0.0])
    femur = np.concatenate([base[:40], SHAFT_LATERAL, SHAFT_MEDIAL, KNEE]) - circle.centre
    femur = _shape_femur(femur, shape, stance.leg_rotation[side])
    femur = rotate(femur, np.zeros(2), stance.abduction_deg[side])
    names = list(FAR_STRUCTURES)
    pelvis = np.concatenate([base[40:], *FAR_STRUCTURES.values()]) - circle.centre
    pelvis = _shape_pelvis(pelvis, shape, stance, head_x)
    rim = np.zeros_like(pelvis)
    # Rows 67 to 69, the outer roof: bone there differs in breadth more than in height.
    rim[27:30] = np.array(shape.roof_rim_mm[:6]).reshape(3, 2) * [1.0, 0.35]
    rim[30] = 0.4 * np.array(shape.roof_rim_mm[6:8])
    pelvis += rim
    near = np.exp(-((np.linalg.norm(pelvis, axis=1) / 60.0) ** 4))
    pelvis = rotate(pelvis, np.zeros(2), shape.roof_inclination_deg * near * smoothstep(0, 20, -pelvis[:, 1]))
    # Keep the template's clearance for any head radius.
    pelvis *= 1 + (shape.head_radius_mm * 1.15 / TEMPLATE_RADIUS_MM - 1.0) * near[:, None]
    landmarks = np.concatenate([femur[:40], pelvis[:40]])
    femur = _close_joint(landmarks, femur, width_mm, shape.migration_deg)
    landmarks = np.concatenate([femur[:40], pelvis[:40]]) + centre
    lengths = np.cumsum([len(FAR_STRUCTURES[name]) for name in names])[:-1]
    structures = dict(zip(names, np.split(pelvis[40:] + centre, lengths), strict=True))
    below = np.split(femur[40:] + centre, np.cumsum([len(SHAFT_LATERAL), len(SHAFT_MEDIAL)]))
    return Hip(landmarks, structures | dict(zip(_BELOW, below, strict=True)))


def _warp(points: Points, subject: Subject) -> Points:
    """A smooth displacement of the subject's own, wavelengths 90 to 260 mm."""
    rng = np.random.default_rng([subject.seed, 1])
    shift = np.zeros_like(points)
    for _ in range(6):
        wave = 2 * np.pi / rng.uniform(90, 260)
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        wave_phase = wave * (points @ np.array([np.cos(angle), np.sin(angle)])) + phase
        shift += np.outer(np.sin(wave_phase), rng.normal(0, 1, 2))
    return points + subject.warp_mm / np.sqrt(6) * shift


@dataclass(frozen=True)
class Skeleton:
    """Everything with an outline on one film, in film millimetres.

    Attributes:
        hips: By side; left hips lie on the image's right.
        midline: Outlines of sacrum, spine and what lies between, by name.
        centre_mm: Where the body's origin fell on the film.
        scale: Film millimetres per body (template) millimetre.
    """

    hips: dict[Side, Hip]
    midline: dict[str, Points]
    centre_mm: tuple[float, float]
    scale: float


def pose_skeleton(
    subject: Subject, stance: Stance, widths_mm: dict[Side, float], film_centre_mm: tuple[float, float]
) -> Skeleton:
    """Place the subject's skeleton on a film.

    Args:
        subject: Whose.
        stance: In which pose.
        widths_mm: Minimum joint space width of each hip as it will appear on the film (0 is bone on bone).
        film_centre_mm: The middle of the film.
    """
    scale = stance.magnification / 1.15
    centre = np.asarray(film_centre_mm) + np.asarray(stance.centre_mm)

    def on_film(points: Points) -> Points:
        warped = _warp(points, subject)
        return rotate(warped, np.zeros(2), stance.roll_deg) * scale + centre

    def hip(side: Side) -> Hip:
        flip = np.array([1.0 if side == "right" else -1.0, 1.0])
        body = _right_hip(subject, stance, side, widths_mm[side] / scale)
        structures = {name: on_film(points * flip) for name, points in body.structures.items()}
        landmarks = on_film(body.landmarks * flip)
        # The warp has moved the joint by tenths of a millimetre; close it again on the film.
        moved = _close_joint(landmarks, landmarks[:40], widths_mm[side], 0.0)
        shift = moved[0] - landmarks[0]
        landmarks[:40] = moved
        for name in _BELOW:
            structures[name] = structures[name] + shift
        return Hip(landmarks, structures)

    hips = {side: hip(side) for side in SIDES}
    turn = np.array([60.0 * stance.rotation, 0.0])
    midline = {name: on_film(points + turn) for name, points in MIDLINE_STRUCTURES.items()}
    return Skeleton(hips, midline, (float(centre[0]), float(centre[1])), scale)
