"""What osteoarthritis makes of a hip in CT: its bones' surfaces, how dense they are, and where each change lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hipseg.geometry.surface import Points3, Surface
from hipseg.labels.landmarks import SIDES, Side
from hipseg.phantom.arthritis import Arthritis, draw_arthritis, draw_severities
from hipseg.phantom.ct.body import Axes, Volume
from hipseg.phantom.ct.bones import Bones, Femur, Narrowed
from hipseg.phantom.ct.cortex import FemurFrame, Inside
from hipseg.phantom.preset import Bodies, Disease, draw
from hipseg.phantom.skeleton import smoothstep

_LEAST_WIDTH_MM: Final = 0.2
_LOST_MM: Final = 1.2  # of a gap between spheres: head and socket are none
_BEARING: Final = 0.8  # cosine of the angle about the narrowest place within which a width counts
_JUNCTION_DEG: Final = 48.0  # where the head meets the neck, seen from the neck's axis
_LIP_MM: Final = (4.5, 11.0)  # how wide an osteophyte is, along the bone and round it
_ROOF_MM: Final = (6.0, 12.0)  # likewise at the roof's edge, outwards and forwards
_FLAT_DEG: Final = 28.0
_KEPT_MM: Final = 0.8  # between head and an osteophyte of the roof
_DENSE_HU: Final = 220.0
_DENSE_MM: Final = 7.0
_CYST_HU: Final = 22.0
_RIM_HU: Final = 560.0
_RIM_MM: Final = 1.2


@dataclass(frozen=True)
class DiseasedBones:
    """What has become of a subject's hips.

    Attributes:
        hips: Of each side.
        widths_mm: The joint space that about is left where it is least.
    """

    hips: Mapping[Side, Arthritis]
    widths_mm: Mapping[Side, float]

    @classmethod
    def draw(cls, seed: int, subject: int, disease: Disease, bodies: Bodies) -> DiseasedBones:
        """Of one subject; its shape and scan are drawn from other numbers."""
        rng = np.random.default_rng([seed, subject, 60_000])
        severities = draw_severities(rng, disease, 0)
        hips, widths = dict[Side, Arthritis](), dict[Side, float]()
        for number, (side, severity) in enumerate(zip(SIDES, severities, strict=True)):
            own = np.random.default_rng([seed, subject, 60_001 + number])
            hips[side] = draw_arthritis(own, severity, disease.spread)
            widths[side] = max(draw(own, bodies.joint_space_mm) * (1 - hips[side].narrowing), _LEAST_WIDTH_MM)
        return cls(hips, widths)

    @property
    def narrowed(self) -> dict[Side, Narrowed]:
        """Where heads lie in their sockets, so that what is left of a flattened one is as near as it should be."""
        return {
            side: Narrowed(self.widths_mm[side] + _LOST_MM - hip.flattening_mm, hip.towards_deg)
            for side, hip in self.hips.items()
        }

    @property
    def sclerosis(self) -> dict[Side, float]:
        """Factors on the thickness of subchondral bone."""
        return {side: hip.sclerosis for side, hip in self.hips.items()}

    def reshape(self, bones: Bones) -> Bones:
        """The bones with osteophytes and flattened heads."""
        pelvis, femurs = bones.pelvis, dict[Side, Femur]()
        for side in SIDES:
            joint = _Joint(bones, side, self.hips[side])
            femurs[side] = replace(bones.femurs[side], surface=joint.femur())
            pelvis = joint.with_roof(pelvis)
        return replace(bones, pelvis=pelvis, femurs=femurs)

    def dense(self, inside: Inside, bones: Bones, sides: tuple[Side, ...]) -> Inside:
        """Trabecular bone that is denser on both sides of where joints are narrowest."""
        joints = [(_Joint(bones, side, self.hips[side]), self.hips[side].sclerosis - 1) for side in sides]

        def denser(points: Points3, texture: NDArray[np.float32]) -> NDArray[np.float32]:
            hu = inside(points, texture)
            for joint, more in joints:
                if more > 0:
                    hu = hu + np.float32(_DENSE_HU * more) * joint.near_contact(points)
            return np.asarray(hu, dtype=np.float32)

        return denser

    def add_cysts(self, hu: Volume, axes: Axes, bones: Bones) -> None:
        """Holes with dense rims, in place."""
        for side in SIDES:
            joint = _Joint(bones, side, self.hips[side])
            for cyst in self.hips[side].cysts:
                _add_ball(hu, axes, joint.cyst_mm(cyst.femoral, cyst.angle_deg, cyst.forwards_deg, cyst.depth_mm),
                          cyst.radius_mm)  # fmt: skip

    def truth(self, bones: Bones, side: Side) -> tuple[dict[str, Any], dict[str, Points3]]:
        """Columns of a hip's row, and the places of its changes.

        Args:
            bones: As reshaped; the width is measured between their surfaces.
            side: Which hip.
        """
        hip = self.hips[side]
        joint = _Joint(bones, side, hip)
        width = joint.width_mm(bones)
        names = ("severity", "narrowing", "femoral_mm", "acetabular_mm", "sclerosis", "flattening_mm")
        about = {
            "grade_true": hip.grade(width), "mjsw_true_mm": width, **{name: getattr(hip, name) for name in names},
            "cysts": len(hip.cysts),
        }  # fmt: skip
        tips = {"narrowest": joint.contact, "femoral": joint.junction(1.0), "acetabular": joint.roof_edge(bones.pelvis)}
        return about, tips


class _Joint:
    """One hip's head and its surroundings.

    Args:
        bones: As they lie, sound.
        side: Which.
        hip: What is to become of it.
    """

    def __init__(self, bones: Bones, side: Side, hip: Arthritis) -> None:
        self._femur, self._hip, self._gap = bones.femurs[side], hip, bones.joint_space_mm[side]
        self._frame = FemurFrame.of(self._femur)
        self._head, self._radius = self._femur.head_mm, self._femur.head_radius_mm
        self._side, self._outward = side, 1.0 if side == "left" else -1.0

    def _direction(self, angle_deg: float, forwards_deg: float = 0.0) -> Points3:
        angle, forwards = np.radians(angle_deg), np.radians(forwards_deg)
        level = np.array([self._outward * np.sin(angle), 0.0, np.cos(angle)])
        return np.asarray(np.cos(forwards) * level - np.sin(forwards) * np.array([0.0, 1.0, 0.0]))

    @property
    def contact(self) -> Points3:
        """About where the joint space is narrowest."""
        return np.asarray(self._head + (self._radius + 1.5) * self._direction(self._hip.towards_deg))

    def width_mm(self, bones: Bones) -> float:
        """The least distance between head and pelvis about there."""
        head, pelvis = (surface.refined()[0].refined()[0].vertices for surface in (
            bones.femurs[self._side].surface, bones.pelvis))  # fmt: skip
        away = head - self._head
        distance = np.linalg.norm(away, axis=1)
        near = (away @ self._direction(self._hip.towards_deg)) / np.maximum(distance, 1e-6) > _BEARING
        cap = head[near & (distance < 1.15 * self._radius)]
        pelvis = pelvis[np.linalg.norm(pelvis - self._head, axis=1) < 2 * self._radius]
        return float(cKDTree(pelvis).query(cap)[0].min())

    def near_contact(self, points: Points3) -> NDArray[np.float32]:
        """(n,) from 1 at the joint's surfaces there to 0 away from them."""
        away = points - self._head
        distance = np.linalg.norm(away, axis=1)
        towards = (away @ self._direction(self._hip.towards_deg)) / np.maximum(distance, 1e-6)
        depth = np.maximum(np.abs(distance - self._radius - self._gap / 2) - self._gap / 2, 0)
        near = np.exp(-((depth / _DENSE_MM) ** 2)) * smoothstep(0.5, 0.9, towards)
        return np.asarray(near, dtype=np.float32)

    def cyst_mm(self, femoral: bool, angle_deg: float, forwards_deg: float, depth_mm: float) -> Points3:
        """The centre of a cyst."""
        away = self._radius - depth_mm if femoral else self._radius + self._gap + depth_mm
        return np.asarray(self._head + away * self._direction(angle_deg, forwards_deg))

    def junction(self, up: float) -> Points3:
        """Where the head meets the neck, at its upper (1) or lower (-1) edge."""
        neck, rise = self._frame.neck, self._upwards()
        angle = np.radians(_JUNCTION_DEG)
        return np.asarray(self._head + self._radius * (np.cos(angle) * neck + up * np.sin(angle) * rise))

    def _upwards(self) -> Points3:
        """Across the neck, up."""
        rise = self._frame.up - self._frame.neck * (self._frame.up @ self._frame.neck)
        return np.asarray(rise / np.linalg.norm(rise))

    def femur(self) -> Surface:
        """The femur's surface with osteophytes, its head flattened."""
        surface, hip = self._femur.surface, self._hip
        vertices = surface.vertices.copy()
        away = vertices - self._head
        distance = np.linalg.norm(away, axis=1)
        if hip.flattening_mm > 0:
            towards = (away @ self._direction(hip.towards_deg)) / np.maximum(distance, 1e-6)
            angle = np.degrees(np.arccos(np.clip(towards, -1, 1)))
            share = np.exp(-((angle / _FLAT_DEG) ** 2)) * (distance < 1.15 * self._radius)
            vertices -= hip.flattening_mm * (share / np.maximum(distance, 1e-6))[:, None] * away
        rise, along = self._upwards(), _LIP_MM
        for up, size in ((1.0, hip.femoral_mm), (-1.0, hip.femoral_medial_mm)):
            off = surface.vertices - self.junction(up)
            lengthwise = off @ self._frame.neck
            around = off - lengthwise[:, None] * self._frame.neck
            lip = np.exp(-((lengthwise / along[0]) ** 2) / 2 - ((around**2).sum(axis=1) / along[1] ** 2) / 2)
            radial = away - (away @ self._frame.neck)[:, None] * self._frame.neck
            radial = radial / np.maximum(np.linalg.norm(radial, axis=1, keepdims=True), 1e-6)
            outside = (radial @ rise) * up > 0
            vertices += size * (lip * outside)[:, None] * radial
        return replace(surface, vertices=vertices)

    def roof_edge(self, pelvis: Surface) -> Points3:
        """The lateral edge of the roof."""
        away = pelvis.vertices - self._head
        near = np.linalg.norm(away, axis=1) < self._radius + self._gap + 5
        near &= (np.abs(away[:, 1]) < 10) & (away[:, 2] > 0.3 * self._radius)
        outwards = np.where(near, self._outward * away[:, 0], -np.inf)
        return np.asarray(pelvis.vertices[int(outwards.argmax())])

    def with_roof(self, pelvis: Surface) -> Surface:
        """The pelvis with the osteophyte at the roof's edge, which grows along the head but not into it."""
        if self._hip.acetabular_mm <= 0:
            return pelvis
        edge = self.roof_edge(pelvis)
        off = (pelvis.vertices - edge) / np.array([_ROOF_MM[0], _ROOF_MM[1], _ROOF_MM[0]])
        share = np.exp(-(off**2).sum(axis=1) / 2)
        radial = (edge - self._head) / np.linalg.norm(edge - self._head)
        tangent = np.cross(radial, np.array([0.0, 1.0, 0.0])) * -self._outward
        tangent = tangent / np.linalg.norm(tangent)
        moved = pelvis.vertices + self._hip.acetabular_mm * share[:, None] * tangent
        away = moved - self._head
        distance = np.linalg.norm(away, axis=1)
        lift = np.maximum(self._radius + _KEPT_MM - distance, 0) * (share > 0.02)
        return replace(pelvis, vertices=moved + away * (lift / np.maximum(distance, 1e-6))[:, None])


def _add_ball(hu: Volume, axes: Axes, centre: Points3, radius: float) -> None:
    """A cyst with its rim, where there is bone."""
    reach = radius + _RIM_MM + 1
    window = tuple(
        slice(int(np.searchsorted(axis, at - reach)), int(np.searchsorted(axis, at + reach)))
        for axis, at in zip(axes, centre, strict=True)
    )
    part = hu[window]
    if part.size == 0:
        return
    x, y, z = np.ix_(*(axis[each] - at for axis, each, at in zip(axes, window, centre, strict=True)))
    distance = np.sqrt(x**2 + y**2 + z**2)
    step = float(axes[0][1] - axes[0][0])
    rim = np.clip(0.5 - (distance - radius - _RIM_MM) / step, 0, 1)
    hole = np.clip(0.5 - (distance - radius) / step, 0, 1)
    bony = part > 100.0
    made = part + rim * np.maximum(_RIM_HU - part, 0)
    made = made + hole * (_CYST_HU - made)
    part[bony | (hole > 0.99)] = made[bony | (hole > 0.99)].astype(np.float32)
