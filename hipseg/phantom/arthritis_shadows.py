"""What osteoarthritis adds to a hip's shadow on a film: osteophytes, sclerosis, cysts; and where each lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from hipseg.labels.circle import head_circle
from hipseg.labels.curves import centripetal_spline, spline_curves
from hipseg.labels.landmarks import SIDES, Points, Side
from hipseg.phantom.arthritis import Arthritis, Cyst
from hipseg.phantom.bone_shadows import Brush, paint_bones
from hipseg.phantom.skeleton import Skeleton, flattened

_AROUND_DEG: Final = 38.0  # of the narrowest place, that bone is dense
_LEAST_MM: Final = 0.3  # of an osteophyte that is drawn
_BODY: Final = 1.15  # magnification at which a skeleton's scale is 1
_LATERAL: Final = 17  # landmark where the head meets the neck
_ROOF: Final = 70  # the roof's lateral end


@dataclass(frozen=True)
class DiseasedHips:
    """What adds the changes of both hips to a film's bones.

    Attributes:
        hips: What osteoarthritis has made of each.
        seed: Of the shapes that vary from hip to hip.
    """

    hips: Mapping[Side, Arthritis]
    seed: int

    def paint(self, brush: Brush, skeleton: Skeleton) -> None:
        """Add the bones' shadows with these."""
        paint_bones(brush, skeleton)
        for side in SIDES:
            joint = self._joint(skeleton, side)
            joint.add_osteophytes(brush)
            joint.add_sclerosis(brush)
            for cyst in self.hips[side].cysts:
                joint.add_cyst(brush, cyst)

    def flatten(self, skeleton: Skeleton, widths_mm: Mapping[Side, float]) -> Skeleton:
        """A skeleton whose heads have lost height, their joints as wide as before."""
        hips = dict(skeleton.hips)
        for side in SIDES:
            hip = self.hips[side]
            if hip.flattening_mm > 0:
                loss, towards = hip.flattening_mm * skeleton.scale * _BODY, _direction(side, hip.towards_deg)
                hips[side] = flattened(hips[side], loss, towards, widths_mm[side])
        return replace(skeleton, hips=hips)

    def truth(self, skeleton: Skeleton, side: Side, width_mm: float) -> dict[str, Any]:
        """Columns of a hip's row: its features in body millimetres, its grade, and their places on the film."""
        hip, joint = self.hips[side], self._joint(skeleton, side)
        names = ("severity", "narrowing", "femoral_mm", "acetabular_mm", "sclerosis", "flattening_mm")
        places = {"narrowest": joint.narrowest, "femoral": joint.femoral_tip, "acetabular": joint.acetabular_tip}
        return {
            "grade_true": hip.grade(width_mm / (skeleton.scale * _BODY)) if np.isfinite(width_mm) else np.nan,
            **{name: getattr(hip, name) for name in names},
            "cysts": len(hip.cysts),
            **{f"{name}_{axis}_mm": float(at[i]) for name, at in places.items() for i, axis in enumerate("xy")},
        }

    def _joint(self, skeleton: Skeleton, side: Side) -> _Joint:
        return _Joint(skeleton, side, self.hips[side], np.random.default_rng([self.seed, SIDES.index(side)]))


def _outward(side: Side) -> float:
    """The sign of x away from the body's middle."""
    return -1.0 if side == "right" else 1.0


def _direction(side: Side, degrees: float) -> Points:
    """Of an angle from straight up, outwards; of length 1."""
    angle = np.deg2rad(degrees)
    return np.array([_outward(side) * np.sin(angle), -np.cos(angle)])


class _Joint:
    """One hip's landmarks, with directions outwards and upwards.

    Args:
        skeleton: Where it lies.
        side: Which.
        hip: What has become of it.
        rng: Of its own shapes.
    """

    def __init__(self, skeleton: Skeleton, side: Side, hip: Arthritis, rng: np.random.Generator) -> None:
        self._landmarks, self._hip, self._rng = skeleton.hips[side].landmarks, hip, rng
        self._scale = skeleton.scale * _BODY
        self._side, self._outward = side, _outward(side)
        circle = head_circle(self._landmarks)
        self._centre, self._radius = circle.centre, circle.radius

    @property
    def narrowest(self) -> Points:
        """About where the joint space is."""
        return np.asarray(self._centre + (self._radius + 1.5) * _direction(self._side, self._hip.towards_deg))

    @property
    def femoral_tip(self) -> Points:
        """Of the osteophyte at the head's upper edge."""
        base = self._landmarks[_LATERAL]
        away = (base - self._centre) / np.linalg.norm(base - self._centre)
        return np.asarray(base + self._scale * self._hip.femoral_mm * away)

    @property
    def acetabular_tip(self) -> Points:
        """Of the osteophyte at the roof's lateral edge."""
        reach = self._scale * self._hip.acetabular_mm
        return np.asarray(self._landmarks[_ROOF] + reach * np.array([self._outward * 0.9, 0.42]))

    def add_osteophytes(self, brush: Brush) -> None:
        """Lips of bone at both edges of the head and at the roof's, as bulges of the outline."""
        points, hip = self._landmarks, self._hip
        for name, size, line in (
            ("femur", hip.femoral_mm, points[[20, 19, 18, 17, 16, 15, 14]]),
            ("femur", hip.femoral_medial_mm, points[[25, 26, 27, 28, 29, 30]]),
            ("column", hip.acetabular_mm, points[[72, 71, 70, 69, 68]]),
        ):
            lean, wide, dense = self._rng.uniform(0.4, 0.62), self._rng.uniform(0.14, 0.22), self._rng.uniform(0.7, 1.2)
            if size >= _LEAST_MM:
                curve = centripetal_spline(line, 10)
                along = np.linspace(0, 1, len(curve))
                height = (
                    np.exp(-(((along - lean) / wide) ** 2)) * np.minimum(1, 6 * along) * np.minimum(1, 6 * (1 - along))
                )
                away = curve - self._centre
                away = away / np.linalg.norm(away, axis=1, keepdims=True)
                if name == "column":  # outwards and down over the head, not away from it
                    away = np.tile(np.array([self._outward * 0.92, 0.4]), (len(curve), 1))
                bulge = curve + self._scale * size * height[:, None] * away
                brush.area(name, np.concatenate([bulge, curve[::-1]]), 1.2 * brush.edge_mm, 2.5 * self._scale, dense)

    def add_sclerosis(self, brush: Brush) -> None:
        """Dense bone on both sides of where the joint is narrowest, thicker in the roof."""
        more = self._hip.sclerosis - 1
        if more <= 0:
            return
        curves = spline_curves(self._landmarks)
        for curve, depth, share in ((curves.sourcil, 1.1, 1.0), (curves.femoral_head, -1.1, 0.7)):
            away = curve - self._centre
            angle = np.rad2deg(np.arctan2(self._outward * away[:, 0], -away[:, 1]))
            near = curve[np.abs(angle - self._hip.towards_deg) < _AROUND_DEG]
            if len(near) >= 4:
                out = (near - self._centre) / np.linalg.norm(near - self._centre, axis=1, keepdims=True)
                width = self._scale * (1.6 + 1.2 * more)
                brush.line(
                    "sourcil", (near + depth * self._scale * out)[:: max(len(near) // 8, 1)], width, 2.2 * more * share
                )

    def add_cyst(self, brush: Brush, cyst: Cyst) -> None:
        """A hole, darker than the bone about it, with a thin dense rim."""
        scale, inward = self._scale, -1.0 if cyst.femoral else 1.0
        gap = 0.0 if cyst.femoral else 3.5
        away = self._radius + scale * (gap + inward * cyst.depth_mm)
        shown = np.cos(np.deg2rad(cyst.forwards_deg))
        centre = self._centre + away * (0.6 + 0.4 * shown) * _direction(self._side, cyst.angle_deg)
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        oval = np.stack([np.cos(turn), float(self._rng.uniform(0.75, 1.0)) * np.sin(turn)], axis=1)
        outline = centre + scale * cyst.radius_mm * oval
        brush.area("femur", outline, 1.4, scale * cyst.radius_mm, -0.5 * float(self._rng.uniform(0.6, 1.2)))
        brush.line("pubis_rim", np.concatenate([outline, outline[:2]]), 1.2, 0.55)
